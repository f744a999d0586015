/**
 * The BPE rule: again and again the neighbouring pair of lowest rank becomes one id, the leftmost of equals first.
 *
 * Two ways to the same answer. Words are short, and scanning a short array beats any structure; a word of 100,000
 * letters would make that quadratic, so long ones go through a heap and a linked list in O(n log n).
 */
import { findMerge, type MergeTable } from "./merge-table.ts";

/** Longest word that is scanned; measured: the two ways meet between 100 and 250 ids. */
const longestScan = 128;
const none = 0x7fffffff;

const scanRanks = new Int32Array(longestScan);
const scanNext = new Int32Array(longestScan);

/** Merges the first `count` ids in place and returns how many are left, at the front. */
export function mergeIds(table: MergeTable, ids: Int32Array, count: number): number {
  if (count < 2) return count;
  return count <= longestScan ? mergeByScan(table, ids, count) : mergeByHeap(table, ids, count);
}

/** Merged ids stay where their left part was; `next` skips the positions that were swallowed. */
function mergeByScan(table: MergeTable, ids: Int32Array, count: number): number {
  const ranks = scanRanks;
  const next = scanNext;
  const { slots } = table;
  const last = count - 1;
  for (let i = 0; i < last; i++) {
    const at = findMerge(table, ids[i]!, ids[i + 1]!);
    ranks[i] = at < 0 ? none : slots[at]!;
    next[i] = i + 1;
  }
  ranks[last] = none;
  next[last] = count;
  for (;;) {
    let best = none;
    let where = 0;
    let before = -1;
    let previous = -1;
    for (let i = 0; i < count; i = next[i]!) {
      const rank = ranks[i]!;
      if (rank < best) {
        best = rank;
        where = i;
        before = previous;
      }
      previous = i;
    }
    if (best === none) break;
    const right = next[where]!;
    const merged = slots[findMerge(table, ids[where]!, ids[right]!) + 1]!;
    const after = next[right]!;
    ids[where] = merged;
    next[where] = after;
    const forward = after < count ? findMerge(table, merged, ids[after]!) : -1;
    ranks[where] = forward < 0 ? none : slots[forward]!;
    if (before >= 0) {
      const backward = findMerge(table, ids[before]!, merged);
      ranks[before] = backward < 0 ? none : slots[backward]!;
    }
  }
  let length = 0;
  for (let i = 0; i < count; i = next[i]!) ids[length++] = ids[i]!;
  return length;
}

/** Ids are a doubly linked list over their first positions; `ranks[i]` is the rank of the pair that starts at i. */
function mergeByHeap(table: MergeTable, ids: Int32Array, count: number): number {
  const { slots } = table;
  const next = new Int32Array(count);
  const previous = new Int32Array(count);
  const ranks = new Int32Array(count);
  const heap = createHeap(count);

  function rankPair(i: number): void {
    const right = next[i]!;
    const at = right < count ? findMerge(table, ids[i]!, ids[right]!) : -1;
    ranks[i] = at < 0 ? none : slots[at]!;
    if (at >= 0) heap.push(slots[at]! * 2 ** 31 + i);
  }

  for (let i = 0; i < count; i++) {
    next[i] = i + 1;
    previous[i] = i - 1;
  }
  for (let i = 0; i < count; i++) rankPair(i);

  for (let key = heap.pop(); key >= 0; key = heap.pop()) {
    const i = key % 2 ** 31;
    // An entry is out of date when the pair at its position has changed since; a swallowed position ranks as `none`.
    if (ranks[i] !== Math.floor(key / 2 ** 31)) continue;
    const right = next[i]!;
    ids[i] = slots[findMerge(table, ids[i]!, ids[right]!) + 1]!;
    ranks[right] = none;
    next[i] = next[right]!;
    if (next[i]! < count) previous[next[i]!] = i;
    rankPair(i);
    if (previous[i]! >= 0) rankPair(previous[i]!);
  }

  let length = 0;
  for (let i = 0; i < count; i = next[i]!) ids[length++] = ids[i]!;
  return length;
}

/** A binary heap of doubles, smallest first; `pop` gives −1 when it is empty. */
function createHeap(expected: number): { push(key: number): void; pop(): number } {
  let keys = new Float64Array(Math.max(16, expected * 2));
  let size = 0;
  return {
    push(key) {
      if (size === keys.length) {
        const larger = new Float64Array(size * 2);
        larger.set(keys);
        keys = larger;
      }
      let at = size++;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (keys[parent]! <= key) break;
        keys[at] = keys[parent]!;
        at = parent;
      }
      keys[at] = key;
    },
    pop() {
      if (size === 0) return -1;
      const top = keys[0]!;
      const moved = keys[--size]!;
      let at = 0;
      for (let child = 1; child < size; child = 2 * at + 1) {
        if (child + 1 < size && keys[child + 1]! < keys[child]!) child++;
        if (keys[child]! >= moved) break;
        keys[at] = keys[child]!;
        at = child;
      }
      keys[at] = moved;
      return top;
    },
  };
}
