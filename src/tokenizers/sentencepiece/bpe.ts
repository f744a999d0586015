/**
 * Cuts normalised text into pieces by merging neighbours, best piece first (byte-pair encoding, Sennrich et al. 2016).
 *
 * SentencePiece's rules: the text starts as characters and whole user-defined pieces, which never merge; of all
 * neighbours whose concatenation is a piece, those with the highest score merge first, the leftmost among equals. An
 * unused piece may arise on the way and is taken apart again at the end.
 *
 * Text is handled in stretches that no piece can cross (`pair-set.ts`). A symbol is known by its node in the trie, so
 * asking whether two neighbours form a piece is walking on from the left one's node over the right one's bytes.
 */
import { longestMatch } from "./byte-trie.ts";
import { MergeQueue } from "./merge-queue.ts";
import { isTextType, type SentencePieceModel } from "./model.ts";
import { PairSet } from "./pair-set.ts";
import { type PieceTable, pushUnknown, unusedFlag } from "./pieces.ts";
import { characterLength } from "./utf8.ts";

/** Up to this many symbols, looking at all neighbours for the best one is cheap enough not to keep a queue. A guess. */
const scanLimit = 24;
/** "No such piece", in place of a trie node or a rank. */
const none = -1;

/** How an unused piece came about last: its left part is bytes [from, middle), its right part [middle, to). */
interface Origin {
  readonly from: number;
  readonly middle: number;
  readonly to: number;
}

export class BpeEncoder {
  private readonly table: PieceTable;
  /** Order of the scores: a higher score has a higher rank, equal scores the same. By id. */
  private readonly ranks: Int32Array;
  private readonly pairs: PairSet;
  private readonly queue: MergeQueue;
  private readonly origins: Map<number, Origin> | undefined;
  // One entry per symbol of the current stretch. A merged symbol keeps the left one's place.
  private from = new Int32Array(64);
  private to = new Int32Array(64);
  private node = new Int32Array(64);
  /** User-defined pieces never merge. */
  private frozen = new Uint8Array(64);
  /** Of a symbol and its right neighbour: the rank and trie node of their concatenation, if it is a piece. */
  private pairRank = new Int32Array(64);
  private pairNode = new Int32Array(64);
  private previous = new Int32Array(64);
  private next = new Int32Array(64);
  private count = 0;
  private bytes: Uint8Array = new Uint8Array(0);
  private afterUnknown = false;

  constructor(model: SentencePieceModel, table: PieceTable) {
    const textPieces = model.pieces.filter(({ type }) => isTextType(type));
    this.table = table;
    const distinct = [...new Set(table.scores)].sort((a, b) => a - b);
    const rankOf = new Map(distinct.map((score, rank) => [score, rank]));
    this.ranks = Int32Array.from(table.scores, (score) => rankOf.get(score)!);
    this.pairs = new PairSet(textPieces.map(({ piece }) => piece));
    this.queue = new MergeQueue(distinct.length);
    this.origins = textPieces.some(({ type }) => type === "unused") ? new Map() : undefined;
  }

  /** Appends the ids of the first `length` bytes, which are UTF-8. */
  encode(bytes: Uint8Array, length: number, ids: number[]): void {
    const { userDefined } = this.table;
    this.bytes = bytes;
    this.afterUnknown = false;
    this.origins?.clear();
    this.count = 0;
    let lastCode = none;
    for (let at = 0; at < length; ) {
      const matched = userDefined === undefined ? 0 : longestMatch(userDefined, bytes, at, length);
      const size = matched > 0 ? matched : characterLength(bytes[at]!);
      const code = matched > 0 ? none : codePointAt(bytes, at, size);
      // How unused pieces arose is remembered over the whole text, in order, so nothing may be handled apart then.
      const apart = lastCode < 0 || code < 0 || !this.pairs.has(lastCode, code);
      if (this.count > 0 && apart && this.origins === undefined) this.finishStretch(ids);
      this.add(at, at + size, matched > 0);
      lastCode = code;
      at += size;
    }
    if (this.count > 0) this.finishStretch(ids);
  }

  /** Appends a symbol to the stretch. */
  private add(from: number, to: number, frozen: boolean): void {
    if (this.count === this.from.length) this.grow();
    const i = this.count++;
    this.from[i] = from;
    this.to[i] = to;
    this.node[i] = this.walk(0, from, to);
    this.frozen[i] = frozen ? 1 : 0;
  }

  /** Merges the symbols of the stretch as far as possible, appends their ids, and empties it. */
  private finishStretch(ids: number[]): void {
    if (this.count === 1) {
      this.emit(0, ids);
    } else if (this.count <= scanLimit && this.origins === undefined) {
      this.mergeByScanning();
      for (let i = 0; i < this.count; i++) this.emit(i, ids);
    } else {
      this.mergeByQueue();
      for (let i = 0; i !== none; i = this.next[i]!) this.emit(i, ids);
    }
    this.count = 0;
  }

  private mergeByScanning(): void {
    const { from, to, node, frozen, pairRank, pairNode } = this;
    for (let i = 0; i + 1 < this.count; i++) this.lookUp(i, i + 1);
    for (;;) {
      let best = none;
      let bestRank = none;
      for (let i = 0; i + 1 < this.count; i++) {
        if (pairRank[i]! > bestRank) {
          best = i;
          bestRank = pairRank[i]!;
        }
      }
      if (best === none) return;
      node[best] = pairNode[best]!;
      to[best] = to[best + 1]!;
      this.count--;
      for (let i = best + 1; i < this.count; i++) {
        from[i] = from[i + 1]!;
        to[i] = to[i + 1]!;
        node[i] = node[i + 1]!;
        frozen[i] = frozen[i + 1]!;
        pairRank[i] = pairRank[i + 1]!;
        pairNode[i] = pairNode[i + 1]!;
      }
      if (best > 0) this.lookUp(best - 1, best);
      if (best + 1 < this.count) this.lookUp(best, best + 1);
    }
  }

  private mergeByQueue(): void {
    const { to, node, pairRank, pairNode, previous, next, queue, count } = this;
    for (let i = 0; i < count; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 < count ? i + 1 : none;
      pairRank[i] = none;
    }
    for (let i = 0; i + 1 < count; i++) this.enqueue(i, i + 1);
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const left = queue.positionOf(key);
      // Since this entry was made, one of the two may have merged with somebody else.
      if (pairRank[left] !== queue.rankOf(key)) continue;
      const right = next[left]!;
      const after = next[right]!;
      node[left] = pairNode[left]!;
      to[left] = to[right]!;
      next[left] = after;
      pairRank[left] = none;
      pairRank[right] = none;
      if (after !== none) previous[after] = left;
      if (previous[left] !== none) this.enqueue(previous[left]!, left);
      if (after !== none) this.enqueue(left, after);
    }
  }

  private enqueue(left: number, right: number): void {
    this.lookUp(left, right);
    const rank = this.pairRank[left]!;
    if (rank === none) return;
    this.queue.push(rank, left);
    const id = this.table.trie.value[this.pairNode[left]!]!;
    if (this.origins === undefined || this.table.flags[id] !== unusedFlag) return;
    this.origins.set(id, { from: this.from[left]!, middle: this.from[right]!, to: this.to[right]! });
  }

  /** Sets `pairRank` and `pairNode` of two neighbours. */
  private lookUp(left: number, right: number): void {
    const start = this.node[left]!;
    this.pairRank[left] = none;
    if (start === none || this.frozen[left] === 1 || this.frozen[right] === 1) return;
    const node = this.walk(start, this.from[right]!, this.to[right]!);
    if (node === none) return;
    const id = this.table.trie.value[node]!;
    if (id < 0) return;
    this.pairRank[left] = this.ranks[id]!;
    this.pairNode[left] = node;
  }

  /** The node reached from `node` by the bytes [from, to), or `none`. */
  private walk(node: number, from: number, to: number): number {
    const { base, check } = this.table.trie;
    const { bytes } = this;
    for (let i = from; i < to; i++) {
      const next = base[node]! + bytes[i]!;
      if (check[next] !== node) return none;
      node = next;
    }
    return node;
  }

  private emit(symbol: number, ids: number[]): void {
    const node = this.node[symbol]!;
    const id = node === none ? none : this.table.trie.value[node]!;
    this.emitPiece(id, this.from[symbol]!, this.to[symbol]!, ids);
  }

  private emitPiece(id: number, from: number, to: number, ids: number[]): void {
    if (id < 0) {
      pushUnknown(ids, this.table, this.bytes, from, to, this.afterUnknown);
      this.afterUnknown = true;
      return;
    }
    const origin = this.origins?.get(id);
    if (origin !== undefined) {
      this.emitBytes(origin.from, origin.middle, ids);
      this.emitBytes(origin.middle, origin.to, ids);
      return;
    }
    ids.push(id);
    this.afterUnknown = false;
  }

  private emitBytes(from: number, to: number, ids: number[]): void {
    const node = this.walk(0, from, to);
    this.emitPiece(node === none ? none : this.table.trie.value[node]!, from, to, ids);
  }

  private grow(): void {
    const size = 2 * this.from.length;
    const extend = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const wider = new Int32Array(size);
      wider.set(old);
      return wider;
    };
    this.from = extend(this.from);
    this.to = extend(this.to);
    this.node = extend(this.node);
    const frozen = new Uint8Array(size);
    frozen.set(this.frozen);
    this.frozen = frozen;
    this.pairRank = new Int32Array(size);
    this.pairNode = new Int32Array(size);
    this.previous = new Int32Array(size);
    this.next = new Int32Array(size);
  }
}

/** The code point of the well-formed character of `size` bytes at `at`. */
function codePointAt(bytes: Uint8Array, at: number, size: number): number {
  const lead = bytes[at]!;
  if (size === 1) return lead;
  let code = lead & (0x7f >> size);
  for (let i = at + 1; i < at + size; i++) code = (code << 6) | (bytes[i]! & 0x3f);
  return code;
}
