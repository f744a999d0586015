/**
 * Machine code for dropout: Threefry-2x32 with 20 rounds (Salmon et al. 2011; the layout is that of
 * `support/random.ts`), 64 blocks at a time in AVX-512 registers, and straight from the words to factors. The words
 * themselves never reach memory.
 */
import { type Assembler, gpr, type Label } from "./assembler.ts";
import { createInstructions } from "./quantized/instructions.ts";

/** Rotation distances, key constant and number of rounds. */
export const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;
export const parity = 0x1bd11bda;
export const rounds = 20;

export interface DropoutKernel {
  /** Elements of the mask. */
  readonly count: number;
  /** An element is kept if the upper 24 bits of its word are at least this, 1 to 2^24. */
  readonly threshold: number;
  /** What kept elements get. */
  readonly scale: number;
}

const lanes = 16;
/** Vectors of blocks that are encrypted together: enough independent work to hide the latency of a round. */
const together = 4;
const groupBlocks = lanes * together;
const chunkGroups = 32;
const chunkBlocks = groupBlocks * chunkGroups;

/** Blocks of two words for so many elements. */
const blocksOf = (count: number): number => Math.ceil(count / 2);

export const dropoutChunks = (count: number): number => Math.ceil(blocksOf(count) / chunkBlocks);

/** Vector registers: words of the blocks, then what stays. */
const words0 = [0, 1, 2, 3];
const words1 = [4, 5, 6, 7];
const constants = { zero: 8, limit: 9, scale: 10, counter: 11, sixteen: 12, start: 13 };
/** The three words of the key, then the second word of each injection: key plus its number. */
const [keys, injections] = [
  [14, 15, 16],
  [17, 18, 19, 20, 21],
];
const mask = 1;

/** `void chunk(void **pointers, size_t index)`; pointers: key (two int64), stream (int64), factors (float32). */
export function emitDropoutMask(assembler: Assembler, kernel: DropoutKernel): Label {
  const { count, threshold, scale } = kernel;
  const { rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11 } = gpr;
  const v = createInstructions(assembler);
  const [entry, lanesTable, next, rest, done] = [0, 0, 0, 0, 0].map(() => assembler.label()) as [
    Label,
    Label,
    Label,
    Label,
    Label,
  ];
  const blocks = blocksOf(count);
  const wholeGroups = Math.floor(blocks / groupBlocks);
  const chunks = dropoutChunks(count);

  assembler.align(64);
  assembler.place(lanesTable);
  assembler.data(new Uint8Array(Int32Array.from({ length: lanes }, (_, i) => i).buffer));
  assembler.align(16);
  assembler.place(entry);
  const literal = (to: number, value: number) => {
    assembler.moveConstant(r8, value >>> 0);
    v.broadcastRegister(to, r8);
  };
  assembler.load(rax, { base: rdi });
  assembler.load(rcx, { base: rdi, offset: 8 });
  assembler.load(rdx, { base: rdi, offset: 16 });
  v.unary("broadcast", keys[0]!, { base: rax });
  v.unary("broadcast", keys[1]!, { base: rax, offset: 8 });
  literal(keys[2]!, parity);
  v.binary("xor", keys[2]!, keys[2]!, keys[0]!);
  v.binary("xor", keys[2]!, keys[2]!, keys[1]!);
  injections.forEach((register, i) => {
    literal(register, i + 1);
    v.binary("addInts", register, register, keys[(i + 2) % 3]!);
  });
  v.unary("broadcast", constants.start, { base: rcx });
  v.binary("addInts", constants.start, constants.start, keys[1]!);
  v.binary("xor", constants.zero, constants.zero, constants.zero);
  // The upper 24 bits are at least the threshold exactly if the word is above this.
  literal(constants.limit, threshold * 256 - 1);
  literal(constants.scale, new Uint32Array(Float32Array.of(scale).buffer)[0]!);
  literal(constants.sixteen, lanes);
  // Counters of this chunk's first blocks, with the first word of the key already added.
  assembler.multiply(r9, rsi, chunkBlocks);
  v.broadcastRegister(constants.counter, r9);
  assembler.address(r8, { label: lanesTable });
  v.binary("addInts", constants.counter, constants.counter, { base: r8 });
  v.binary("addInts", constants.counter, constants.counter, keys[0]!);
  // Where the first and the second words of the blocks go.
  assembler.multiply(r9, r9, 4);
  v.addRegister(rdx, r9);
  assembler.address(rcx, { base: rdx, offset: 4 * blocks });
  // Whole groups of this chunk.
  assembler.multiply(r11, rsi, chunkGroups);
  assembler.moveConstant(r10, wholeGroups);
  assembler.subtractRegister(r10, r11);
  assembler.moveConstant(r11, chunkGroups);
  assembler.compare(r10, r11);
  assembler.moveIf("aboveOrEqual", r10, r11);
  assembler.compareConstant(r10, 0);
  assembler.jump(rest, "equal");

  assembler.place(next);
  encrypt(together);
  words0.forEach((register, i) => {
    writeFactors(register, { base: rdx, offset: 64 * i });
  });
  words1.forEach((register, i) => {
    writeFactors(register, { base: rcx, offset: 64 * i });
  });
  assembler.add(rdx, 4 * groupBlocks);
  assembler.add(rcx, 4 * groupBlocks);
  assembler.subtract(r10, 1);
  assembler.jump(next, "notEqual");

  assembler.place(rest);
  const left = blocks - wholeGroups * groupBlocks;
  if (left > 0) {
    assembler.compareConstant(rsi, chunks - 1);
    assembler.jump(done, "notEqual");
    const vectors = Math.ceil(left / lanes);
    encrypt(vectors);
    for (let i = 0; i < vectors; i++) {
      writeFactors(words0[i]!, { base: rdx, offset: 64 * i }, left - lanes * i);
      // An odd number of elements leaves out the last block's second word.
      writeFactors(words1[i]!, { base: rcx, offset: 64 * i }, left - (count % 2) - lanes * i);
    }
    assembler.place(done);
  }
  assembler.vzeroupper();
  assembler.ret();
  return entry;

  /** Turns the next counters into words and advances the counter. */
  function encrypt(vectors: number): void {
    const all = Array.from({ length: vectors }, (_, i) => [words0[i]!, words1[i]!] as const);
    for (const [x0, x1] of all) {
      v.unary("load", x0, constants.counter);
      v.unary("load", x1, constants.start);
      v.binary("addInts", constants.counter, constants.counter, constants.sixteen);
    }
    for (let round = 0; round < rounds; round++) {
      for (const [x0, x1] of all) v.binary("addInts", x0, x0, x1);
      for (const [, x1] of all) v.rotateLeftInts(x1, x1, rotations[round % 8]!);
      for (const [x0, x1] of all) v.binary("xor", x1, x1, x0);
      if (round % 4 !== 3) continue;
      const injection = (round + 1) / 4;
      for (const [x0, x1] of all) {
        v.binary("addInts", x0, x0, keys[injection % 3]!);
        v.binary("addInts", x1, x1, injections[injection - 1]!);
      }
    }
  }

  /** Stores the factors of `most` words, 16 if there are more. */
  function writeFactors(register: number, place: { readonly base: number; readonly offset: number }, most = lanes) {
    if (most <= 0) return;
    v.compareUnsigned("greater", mask, register, constants.limit);
    v.select(register, constants.zero, constants.scale, mask);
    if (most >= lanes) return v.store(place, register);
    assembler.moveConstant(r8, 2 ** most - 1);
    v.maskFrom(mask, r8);
    v.store(place, register, mask);
  }
}
