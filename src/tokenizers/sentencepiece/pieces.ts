/**
 * The vocabulary as both encoders use it: a trie of the pieces that text can be cut into, and a flag for each id.
 */
import { type ByteTrie, buildByteTrie } from "./byte-trie.ts";
import { byteOfPiece, isTextType, type SentencePieceModel } from "./model.ts";

export const unusedFlag = 1;
export const userDefinedFlag = 2;

export interface PieceTable {
  /** Normal, user-defined and unused pieces. */
  readonly trie: ByteTrie;
  /** `unusedFlag` and `userDefinedFlag` of each id. */
  readonly flags: Uint8Array;
  readonly scores: Float32Array;
  readonly unknownId: number;
  /** Id of each byte's piece; undefined without byte fallback. */
  readonly byteIds: Int32Array | undefined;
  /** User-defined pieces alone; undefined if there are none. */
  readonly userDefined: ByteTrie | undefined;
}

/** Builds the table of a checked model. Throws SENTENCEPIECE_INVALID if the trie would be too large. */
export function buildPieceTable({ pieces, byteFallback }: SentencePieceModel): PieceTable {
  const entries: (readonly [string, number])[] = [];
  const userDefined: (readonly [string, number])[] = [];
  const flags = new Uint8Array(pieces.length);
  const byteIds = byteFallback ? new Int32Array(256) : undefined;
  pieces.forEach(({ piece, type }, id) => {
    if (isTextType(type)) entries.push([piece, id]);
    if (type === "unused") flags[id] = unusedFlag;
    if (type === "user-defined") {
      flags[id] = userDefinedFlag;
      userDefined.push([piece, id]);
    }
    if (type === "byte" && byteIds !== undefined) byteIds[byteOfPiece(piece)] = id;
  });
  return {
    trie: buildByteTrie(entries),
    flags,
    scores: Float32Array.from(pieces, ({ score }) => score),
    unknownId: pieces.findIndex(({ type }) => type === "unknown"),
    byteIds,
    userDefined: userDefined.length > 0 ? buildByteTrie(userDefined) : undefined,
  };
}

/** Appends what stands for bytes that no piece covers: their byte pieces, or one unknown id for a whole run of them. */
export function pushUnknown(
  ids: number[],
  table: PieceTable,
  bytes: Uint8Array,
  from: number,
  to: number,
  afterUnknown: boolean,
): void {
  if (table.byteIds !== undefined) {
    for (let i = from; i < to; i++) ids.push(table.byteIds[bytes[i]!]!);
  } else if (!afterUnknown) {
    ids.push(table.unknownId);
  }
}
