/** All block codecs by the names that ggml and GGUF files use. */
import { pick } from "../../support/suggest.ts";
import { q4_1, q5_1 } from "./affine.ts";
import type { BlockCodec } from "./codec.ts";
import { bf16, f16, f32 } from "./plain.ts";
import { q8_0 } from "./q8-0.ts";
import { q4_0, q5_0 } from "./symmetric.ts";

const codecs = { f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1 } satisfies Record<string, BlockCodec>;

/** A type of weights that can be written and read. */
export type BlockType = keyof typeof codecs;

export const blockTypes = Object.keys(codecs) as readonly BlockType[];

export function isBlockType(name: string): name is BlockType {
  return Object.hasOwn(codecs, name);
}

/** The codec of a type. CongError `UNKNOWN_NAME` for another name. */
export function blockCodecOf(type: BlockType): BlockCodec {
  return pick<BlockCodec>("weight type", codecs, type);
}
