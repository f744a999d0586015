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
  const flags = new Uint8Array(pieces.length);
  const scores = new Float32Array(pieces.length);
  const byteIds = byteFallback ? new Int32Array(256) : undefined;
  const textIds: number[] = [];
  const userIds: number[] = [];
  let unknownId = -1;
  pieces.forEach(({ piece, score, type }, id) => {
    scores[id] = score;
    if (isTextType(type)) textIds.push(id);
    if (type === "unused") flags[id] = unusedFlag;
    if (type === "user-defined") {
      flags[id] = userDefinedFlag;
      userIds.push(id);
    }
    if (type === "byte" && byteIds !== undefined) byteIds[byteOfPiece(piece)] = id;
    if (type === "unknown") unknownId = id;
  });
  const trieOf = (ids: readonly number[]): ByteTrie =>
    buildByteTrie(
      ids.map((id) => pieces[id]!.piece),
      ids,
    );
  return {
    trie: trieOf(textIds),
    flags,
    scores,
    unknownId,
    byteIds,
    userDefined: userIds.length > 0 ? trieOf(userIds) : undefined,
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
