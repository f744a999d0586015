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
const attempts = 96;
/** A vocabulary of a million pieces of 16 bytes fits; a file made to eat memory does not. */
const maximumNodes = 1 << 24;

/** Builds the trie of `entries`, which must be distinct and not empty. Values are the given ids. */
export function buildByteTrie(entries: readonly (readonly [piece: string, id: number])[]): ByteTrie {
  // In any order of strings in which equal beginnings stand together, the subtree of a node is one range of keys.
  // JavaScript's order by UTF-16 units has this property for the UTF-8 bytes as well, although the two orders differ:
  // code points that share leading bytes are one range of units, surrogate pairs included.
  const sorted = [...entries].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  const keys = packKeys(sorted.map(([piece]) => piece));
  const cells = new Cells(Math.max(1024, 2 * reserved + 2 * sorted.length));
  // Ranges still to be placed: node, first key, end of keys, depth in bytes.
  const pending: number[] = sorted.length > 0 ? [0, 0, sorted.length, 0] : [];
  const bytes = new Uint8Array(256);
  const starts = new Int32Array(257);
  while (pending.length > 0) {
    const depth = pending.pop()!;
    const last = pending.pop()!;
    let first = pending.pop()!;
    const node = pending.pop()!;
    if (keys.offsets[first + 1]! - keys.offsets[first]! === depth) cells.value[node] = sorted[first++]![1];
    let count = 0;
    for (let key = first; key < last; key++) {
      const byte = keys.bytes[keys.offsets[key]! + depth]!;
      if (count === 0 || byte !== bytes[count - 1]) {
        bytes[count] = byte;
        starts[count++] = key;
      }
    }
    if (count === 0) continue;
    starts[count] = last;
    const base = cells.place(node, bytes, count);
    for (let child = 0; child < count; child++) {
      pending.push(base + bytes[child]!, starts[child]!, starts[child + 1]!, depth + 1);
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
