/**
 * Cuts normalised text into the pieces with the highest total score (unigram model, Kudo 2018): Viterbi over positions.
 *
 * SentencePiece's rules, kept to the last bit of rounding, since pieces of almost equal score do occur:
 * - a character that no piece covers alone may be unknown, at the lowest normal score minus 10;
 * - a user-defined piece of n bytes scores n · (highest score) − 0.1, where "highest" is never below the smallest
 *   positive float32, so that it beats any cutting of the same bytes;
 * - totals are float32 (since version 0.2; before, candidates were compared in float64), and a later candidate must be
 *   strictly better.
 */
import type { SentencePieceModel } from "./model.ts";
import { type PieceTable, pushUnknown, unusedFlag, userDefinedFlag } from "./pieces.ts";
import { characterLength } from "./utf8.ts";

/** C's FLT_MAX and FLT_MIN, from which SentencePiece starts its search for the lowest and highest score. */
const largestFloat = 3.4028234663852886e38;
const smallestFloat = 1.1754943508222875e-38;
const unknownPenalty = 10;
const userDefinedPenalty = Math.fround(0.1);

export class UnigramEncoder {
  private readonly table: PieceTable;
  private readonly unknownScore: number;
  private readonly highest: number;
  /** For each position: the best total of a path that ends there, where its last piece starts (-1: no path), its id. */
  private total = new Float32Array(0);
  private start = new Int32Array(0);
  private id = new Int32Array(0);

  constructor(model: SentencePieceModel, table: PieceTable) {
    this.table = table;
    let lowest = largestFloat;
    let highest = smallestFloat;
    model.pieces.forEach(({ type }, id) => {
      if (type !== "normal") return;
      lowest = Math.min(lowest, table.scores[id]!);
      highest = Math.max(highest, table.scores[id]!);
    });
    this.unknownScore = Math.fround(lowest - unknownPenalty);
    this.highest = highest;
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
    const { total, start, id: best, unknownScore, highest } = this;
    start.fill(-1, 0, length + 1);
    total[0] = 0;
    for (let from = 0; from < length; ) {
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
        const score = flag === userDefinedFlag ? Math.fround((at - from) * highest) - userDefinedPenalty : scores[id]!;
        const candidate = Math.fround(Math.fround(score) + before);
        if (start[at]! < 0 || candidate > total[at]!) {
          total[at] = candidate;
          start[at] = from;
          best[at] = id;
        }
        if (at === single) hasSingle = true;
      }
      if (!hasSingle) {
        const candidate = Math.fround(unknownScore + before);
        if (start[single]! < 0 || candidate > total[single]!) {
          total[single] = candidate;
          start[single] = from;
          best[single] = unknownId;
        }
      }
      from = single;
    }
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
