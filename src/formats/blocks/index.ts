export { type BlockCodec, blockElements } from "./codec.ts";
export { blocksToNBits, type NBitsType, type NBitsWeight, nBitsToBlocks } from "./matmul-nbits.ts";
export { type BlockType, blockCodecOf, blockTypes, isBlockType } from "./table.ts";
