/**
 * Cuts normalised text into the pieces with the highest total score (unigram model, Kudo 2018): Viterbi over positions.
 *
 * SentencePiece's rules, kept to the last bit of rounding, since pieces of almost equal score do occur:
 * - a character that no piece covers alone may be unknown, at the lowest normal score minus 10;
 * - a user-defined piece of n bytes scores 0.1 · (n − 1): above any cutting of the same bytes, whose pieces have negative
 *   scores, being logarithms of probabilities;
 * - totals are float32 (since version 0.2; before, candidates were compared in float64), and a later candidate must be
 *   strictly better;
 * - a total below −100,000 starts again from 0, so that a book is cut as finely as a sentence.
 */
import type { SentencePieceModel } from "./model.ts";
import { type PieceTable, pushUnknown, unusedFlag, userDefinedFlag } from "./pieces.ts";
import { characterLength } from "./utf8.ts";

/** C's FLT_MAX, from which SentencePiece starts its search for the lowest score. */
const largestFloat = 3.4028234663852886e38;
const unknownPenalty = 10;
// The next two were found by probing version 0.2.2 with models made for it.
const userDefinedBonus = 0.1;
const lowestTotal = -100_000;

export class UnigramEncoder {
  private readonly table: PieceTable;
  private readonly unknownScore: number;
  /** For each position: the best total of a path that ends there, where its last piece starts (-1: no path), its id. */
  private total = new Float32Array(0);
  private start = new Int32Array(0);
  private id = new Int32Array(0);

  constructor(model: SentencePieceModel, table: PieceTable) {
    this.table = table;
    let lowest = largestFloat;
    model.pieces.forEach(({ type }, id) => {
      if (type === "normal") lowest = Math.min(lowest, table.scores[id]!);
    });
    this.unknownScore = Math.fround(lowest - unknownPenalty);
  }

  /** Appends the ids of the first `length` bytes, which are UTF-8. */
  encode(bytes: Uint8Array, length: number, ids: number[]): void {
    this.reserve(length + 1);
    this.search(bytes, length);
    this.collect(bytes, length, ids);
  }

  private search(bytes: Uint8Array, length: number): void {
    const { base, check, value } = this.table.trie;
    const { flags, scores, unknownId } = this.table;
    const { total, start, id: best, unknownScore } = this;
    start.fill(-1, 0, length + 1);
    total[0] = 0;
    let reached = 0;
    for (let from = 0; from < length; ) {
      if (total[from]! < lowestTotal) this.lift(from, reached);
      const before = total[from]!;
      const single = Math.min(from + characterLength(bytes[from]!), length);
      let node = 0;
      let hasSingle = false;
      for (let at = from; at < length; ) {
        const next = base[node]! + bytes[at]!;
        if (check[next] !== node) break;
        node = next;
        at++;
        const id = value[node]!;
        if (id < 0) continue;
        const flag = flags[id]!;
        if (flag === unusedFlag) continue;
        const score = flag === userDefinedFlag ? Math.fround(userDefinedBonus * (at - from - 1)) : scores[id]!;
        const candidate = Math.fround(score + before);
        if (start[at]! < 0 || candidate > total[at]!) {
          total[at] = candidate;
          start[at] = from;
          best[at] = id;
        }
        if (at === single) hasSingle = true;
        if (at > reached) reached = at;
      }
      if (!hasSingle) {
        const candidate = Math.fround(unknownScore + before);
        if (start[single]! < 0 || candidate > total[single]!) {
          total[single] = candidate;
          start[single] = from;
          best[single] = unknownId;
        }
      }
      if (single > reached) reached = single;
      from = single;
    }
  }

  /** Counts totals anew from position `from`, for it and all positions beyond that have one already. */
  private lift(from: number, reached: number): void {
    const { total, start } = this;
    const offset = total[from]!;
    for (let at = from; at <= reached; at++) if (start[at]! >= 0) total[at] = total[at]! - offset;
  }

  /** Walks the best path back from the end, then gives its pieces in order. */
  private collect(bytes: Uint8Array, length: number, ids: number[]): void {
    const { start, id } = this;
    const { unknownId } = this.table;
    // Turn the links around: `start[from]` becomes the end of the piece that begins at `from`.
    let end = length;
    let next = -1;
    while (end > 0) {
      const from = start[end]!;
      start[end] = next;
      next = end;
      end = from;
    }
    let afterUnknown = false;
    for (let from = 0, to = next; to > 0; from = to, to = start[to]!) {
      const piece = id[to]!;
      if (piece === unknownId) pushUnknown(ids, this.table, bytes, from, to, afterUnknown);
      else ids.push(piece);
      afterUnknown = piece === unknownId;
    }
  }

  private reserve(positions: number): void {
    if (positions <= this.start.length) return;
    const size = Math.max(1024, 2 * positions);
    this.total = new Float32Array(size);
    this.start = new Int32Array(size);
    this.id = new Int32Array(size);
  }
}
