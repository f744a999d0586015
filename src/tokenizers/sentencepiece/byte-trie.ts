/**
 * A trie over byte strings, for looking up all pieces that start at a position of a UTF-8 text.
 *
 * A double array (Aoe 1989) in three typed arrays: the child of node n by byte b is n' = base[n] + b, and is really a
 * child if check[n'] = n. One step is two loads and a comparison, and nothing is allocated.
 */
import { badModel } from "./model.ts";

export interface ByteTrie {
  /** Where a node's children are counted from; 0 for a leaf, whose children would lie in the reserved cells. */
  readonly base: Int32Array;
  /** The parent of a node; -1 for a free cell and for the root, which is node 0. */
  readonly check: Int32Array;
  /** The id of the piece that ends at a node, or -1. */
  readonly value: Int32Array;
}

/** Cells 0 ... 255 hold the root and nothing else, so that every base is at least 1 and a leaf's base may be 0. */
const reserved = 256;
/** Free cells tried for one node before its children go to the end. Bounds the time at some cost in space. */
const attempts = 24;
/** A vocabulary of a million pieces of 16 bytes fits; a file made to eat memory does not. */
const maximumNodes = 1 << 24;

/** Builds the trie of `pieces`, which must be distinct and not empty; the value of piece i is `ids[i]`. */
export function buildByteTrie(pieces: readonly string[], ids: ArrayLike<number>): ByteTrie {
  const { bytes, offsets } = packKeys(pieces);
  const cells = new Cells(Math.max(1024, 2 * pieces.length));
  // The keys below one node are a range of `order`; each node sorts its range by the next byte, into `sorted` and back.
  const order = Int32Array.from(pieces, (_, i) => i);
  const sorted = new Int32Array(pieces.length);
  const bounds = new Int32Array(257);
  const present = new Uint8Array(256);
  // Ranges still to be placed: node, first key, end of keys, depth in bytes.
  const pending: number[] = pieces.length > 0 ? [0, 0, pieces.length, 0] : [];
  while (pending.length > 0) {
    const depth = pending.pop()!;
    const last = pending.pop()!;
    const first = pending.pop()!;
    const node = pending.pop()!;
    if (last - first === 1) {
      const key = order[first]!;
      // In two steps: placing may replace the array that the value belongs into.
      const end = cells.placeTail(node, bytes, offsets[key]! + depth, offsets[key + 1]!);
      cells.value[end] = ids[key]!;
      continue;
    }
    bounds.fill(0);
    let kept = first;
    for (let i = first; i < last; i++) {
      const key = order[i]!;
      const at = offsets[key]! + depth;
      if (at === offsets[key + 1]!) {
        cells.value[node] = ids[key]!;
      } else {
        order[kept++] = key;
        bounds[bytes[at]! + 1]!++;
      }
    }
    let count = 0;
    for (let byte = 0; byte < 256; byte++) {
      if (bounds[byte + 1]! > 0) present[count++] = byte;
      bounds[byte + 1]! += bounds[byte]!;
    }
    if (count === 0) continue;
    const base = cells.place(node, present, count);
    for (let i = first; i < kept; i++) {
      const key = order[i]!;
      sorted[first + bounds[bytes[offsets[key]! + depth]!]!++] = key;
    }
    for (let i = first; i < kept; i++) order[i] = sorted[i]!;
    // By now each bound has moved to the end of its byte's keys.
    let start = first;
    for (let child = 0; child < count; child++) {
      const end = first + bounds[present[child]!]!;
      pending.push(base + present[child]!, start, end, depth + 1);
      start = end;
    }
  }
  return cells.finish();
}

/** Length in bytes of the longest entry that `bytes` has from `at` on, or 0. Looks at nothing beyond `end`. */
export function longestMatch({ base, check, value }: ByteTrie, bytes: Uint8Array, at: number, end: number): number {
  let node = 0;
  let longest = 0;
  for (let i = at; i < end; i++) {
    const next = base[node]! + bytes[i]!;
    if (check[next] !== node) break;
    node = next;
    if (value[node]! >= 0) longest = i + 1 - at;
  }
  return longest;
}

function packKeys(pieces: readonly string[]): { readonly bytes: Uint8Array; readonly offsets: Int32Array } {
  const encoder = new TextEncoder();
  const offsets = new Int32Array(pieces.length + 1);
  const units = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = new Uint8Array(3 * units);
  pieces.forEach((piece, i) => {
    offsets[i + 1] = offsets[i]! + encoder.encodeInto(piece, bytes.subarray(offsets[i]!)).written;
  });
  return { bytes, offsets };
}

/** The three arrays while they grow, with the free cells in a doubly linked list. */
class Cells {
  base: Int32Array;
  check: Int32Array;
  value: Int32Array;
  /** Neighbours in the list of free cells; cell 0 is the list's head. */
  private next: Int32Array;
  private previous: Int32Array;
  /** Cells from here on have never been touched and are not in the list. */
  private end = reserved;

  constructor(capacity: number) {
    this.base = new Int32Array(capacity);
    this.check = new Int32Array(capacity).fill(-1);
    this.value = new Int32Array(capacity).fill(-1);
    this.next = new Int32Array(capacity);
    this.previous = new Int32Array(capacity);
  }

  /** Hangs one chain of nodes below `node`, spelling the bytes [from, to), and returns its last node. */
  placeTail(node: number, bytes: Uint8Array, from: number, to: number): number {
    const one = new Uint8Array(1);
    let last = node;
    for (let i = from; i < to; i++) {
      one[0] = bytes[i]!;
      last = this.place(last, one, 1) + one[0];
    }
    return last;
  }

  /** Finds room for the children of `node`, claims it, and returns the node's base. */
  place(node: number, bytes: Uint8Array, count: number): number {
    const base = this.findBase(bytes, count);
    this.base[node] = base;
    this.reserve(base + 256);
    for (let i = 0; i < count; i++) {
      const cell = base + bytes[i]!;
      this.unlink(cell);
      this.check[cell] = node;
    }
    return base;
  }

  private findBase(bytes: Uint8Array, count: number): number {
    const first = bytes[0]!;
    let cell = this.next[0]!;
    for (let attempt = 0; attempt < attempts && cell !== 0; attempt++, cell = this.next[cell]!) {
      const base = cell - first;
      if (base >= 1 && this.allFree(base, bytes, count)) return base;
    }
    let lowest = first;
    for (let i = 1; i < count; i++) lowest = Math.min(lowest, bytes[i]!);
    return this.end - lowest;
  }

  private allFree(base: number, bytes: Uint8Array, count: number): boolean {
    for (let i = 1; i < count; i++) {
      const cell = base + bytes[i]!;
      if (cell < reserved || (cell < this.end && this.check[cell] !== -1)) return false;
    }
    return true;
  }

  /** Makes every cell below `limit` exist and, unless it is used, part of the free list. */
  private reserve(limit: number): void {
    if (limit <= this.end) return;
    if (limit > maximumNodes) throw badModel("its pieces make a trie that is too large", { limit: maximumNodes });
    if (limit > this.check.length) this.grow(Math.max(limit, 2 * this.check.length));
    for (let cell = this.end; cell < limit; cell++) {
      const tail = this.previous[0]!;
      this.next[tail] = cell;
      this.previous[cell] = tail;
      this.next[cell] = 0;
      this.previous[0] = cell;
    }
    this.end = limit;
  }

  private unlink(cell: number): void {
    const before = this.previous[cell]!;
    const after = this.next[cell]!;
    this.next[before] = after;
    this.previous[after] = before;
  }

  private grow(capacity: number): void {
    const extend = (old: Int32Array, filler: number): Int32Array => {
      const wider = new Int32Array(capacity);
      wider.set(old);
      if (filler !== 0) wider.fill(filler, old.length);
      return wider;
    };
    this.base = extend(this.base, 0);
    this.check = extend(this.check, -1);
    this.value = extend(this.value, -1);
    this.next = extend(this.next, 0);
    this.previous = extend(this.previous, 0);
  }

  /** The arrays cut to size; every base + byte stays inside them. */
  finish(): ByteTrie {
    const { base, check, value, end } = this;
    return { base: base.slice(0, end), check: check.slice(0, end), value: value.slice(0, end) };
  }
}
