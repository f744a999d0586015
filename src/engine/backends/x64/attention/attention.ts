/**
 * Attention of new tokens over a cache: `void chunk(void *frame, size_t index)`, called for every index below `chunks`.
 *
 * The query heads that share a key head, laid end to end, are one matrix of rows. It is cut into blocks of eight rows; a
 * part takes every `parts`-th block, so that with a causal mask all parts have about the same work. Keys are transposed
 * once a part. Then, block after block: scores of all keys the block sees, their softmax, the mix of the values.
 */
import { type Assembler, gpr, type Label } from "../assembler.ts";
import { createInstructions } from "../quantized/instructions.ts";
import { blockRows, emitProductTile, emitSoftmaxRow, emitTransposeKeys, panelColumns } from "./kernels.ts";

const { rax, rbx, rcx, rdx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 } = gpr;
const saved = [rbx, rbp, r12, r13, r14, r15];

export interface AttentionShape {
  /** H/G, G, S and D. D is a multiple of 32. */
  readonly headsPerGroup: number;
  readonly groups: number;
  readonly capacity: number;
  readonly headSize: number;
  readonly scale: number;
  readonly causal: boolean;
  /** Whether there is a bias, and whether it is the same for the whole batch. */
  readonly bias: "none" | "shared" | "batch";
}

/** Offsets in the frame: addresses, and the sizes B and T. */
export interface AttentionFrame {
  readonly query: number;
  readonly key: number;
  readonly value: number;
  readonly start: number;
  readonly bias: number;
  readonly output: number;
  readonly batch: number;
  readonly length: number;
}

export const chunks = 16;
/** Parts of the rows of one group; a power of two. */
const parts = 8;
const partsBits = 3;

const scoreColumns = (capacity: number): number => Math.ceil(capacity / panelColumns) * panelColumns;
const keyBytes = ({ capacity, headSize }: AttentionShape): number => scoreColumns(capacity) * headSize * 4;
/** Scratch memory of one chunk. */
export const scratchBytes = (shape: AttentionShape): number =>
  Math.ceil((keyBytes(shape) + blockRows * scoreColumns(shape.capacity) * 4) / 4096) * 4096;

/** Locals on the stack. */
const local = Object.fromEntries(
  [
    ...["item", "rows", "length", "start", "end", "items", "query", "key", "value", "output", "bias"],
    ...["keys", "scores", "row", "count", "longest", "at"],
  ].map((name, i) => [name, { base: rsp, offset: 8 * i }]),
) as Record<
  | "item"
  | "rows"
  | "length"
  | "start"
  | "end"
  | "items"
  | "query"
  | "key"
  | "value"
  | "output"
  | "bias"
  | "keys"
  | "scores"
  | "row"
  | "count"
  | "longest"
  | "at",
  { readonly base: number; readonly offset: number }
>;
const factors = 8 * Object.keys(local).length; // eight times the scale, float32
const inverses = factors + 32; // 1/Σ of each row, float32
const limits = inverses + 32; // keys that each row sees, int64
const tokens = limits + 64; // number of each row's token, int64
const stackBytes = tokens + 64;

export function emitAttention(
  assembler: Assembler,
  shape: AttentionShape,
  frame: AttentionFrame,
  scratch: bigint,
): Label {
  const v = createInstructions(assembler);
  const { headsPerGroup, groups, capacity: S, headSize: D, causal, bias, scale } = shape;
  const tile = Array.from({ length: blockRows }, (_, i) => emitProductTile(assembler, i + 1));
  const transposeKeys = emitTransposeKeys(assembler, D);
  const softmaxRow = emitSoftmaxRow(assembler, bias !== "none");
  const scoreStride = scoreColumns(S) * 4;

  const load = (register: number, name: keyof typeof local) => assembler.load(register, local[name]);
  const store = (name: keyof typeof local, register: number) => assembler.store(local[name], register);
  const fromFrame = (register: number, offset: number) => assembler.load(register, { base: rbx, offset });
  const smaller = (register: number, than: number) => {
    assembler.compare(than, register);
    assembler.moveIf("below", register, than);
  };
  const callTile = () => {
    const done = assembler.label();
    load(rax, "count");
    tile.forEach((label, i) => {
      const other = assembler.label();
      if (i < blockRows - 1) {
        assembler.compareConstant(rax, i + 1);
        assembler.jump(other, "notEqual");
      }
      assembler.call(label);
      assembler.jump(done);
      assembler.place(other);
    });
    assembler.place(done);
  };

  const entry = assembler.label();
  assembler.align(32);
  assembler.place(entry);
  for (const register of saved) assembler.push(register);
  assembler.subtract(rsp, stackBytes);
  assembler.move(rbx, rdi);
  store("item", rsi);
  assembler.multiply(rax, rsi, scratchBytes(shape));
  assembler.moveConstant(rcx, scratch);
  v.addRegister(rax, rcx);
  store("keys", rax);
  assembler.add(rax, keyBytes(shape));
  store("scores", rax);
  assembler.moveConstant(rax, new Uint32Array(Float32Array.of(scale).buffer)[0]!);
  for (let row = 0; row < blockRows; row++) v.store32({ base: rsp, offset: factors + 4 * row }, rax);

  fromFrame(rax, frame.length);
  store("length", rax);
  assembler.multiply(rcx, rax, headsPerGroup);
  store("rows", rcx);
  fromFrame(rcx, frame.start);
  assembler.load(rcx, { base: rcx });
  store("start", rcx);
  v.addRegister(rax, rcx);
  assembler.moveConstant(rcx, S);
  smaller(rax, rcx);
  store("end", rax);
  fromFrame(rax, frame.batch);
  assembler.multiply(rax, rax, groups * parts);
  store("items", rax);

  const [nextItem, skipItem, finished] = [assembler.label(), assembler.label(), assembler.label()];
  assembler.place(nextItem);
  load(rax, "item");
  load(rcx, "items");
  assembler.compare(rax, rcx);
  assembler.jump(finished, "aboveOrEqual");
  assembler.move(r12, rax);
  v.shiftRight(r12, partsBits); // number of the group in the batch
  assembler.and(rax, parts - 1);
  assembler.multiply(rax, rax, blockRows);
  store("row", rax);
  load(rcx, "rows");
  assembler.compare(rax, rcx);
  assembler.jump(skipItem, "aboveOrEqual");

  assembler.multiply(rax, rcx, D * 4);
  v.multiplyRegister(rax, r12);
  fromFrame(rcx, frame.query);
  v.addRegister(rcx, rax);
  store("query", rcx);
  fromFrame(rcx, frame.output);
  v.addRegister(rcx, rax);
  store("output", rcx);
  assembler.multiply(rax, r12, S * D * 4);
  fromFrame(rcx, frame.key);
  v.addRegister(rcx, rax);
  store("key", rcx);
  fromFrame(rcx, frame.value);
  v.addRegister(rcx, rax);
  store("value", rcx);
  if (bias !== "none") {
    assembler.moveConstant(rax, 0);
    if (bias === "batch") {
      assembler.move(rax, r12);
      assembler.moveConstant(rdx, 0);
      assembler.moveConstant(rcx, groups);
      v.divide(rcx); // number of the text in the batch
      load(rcx, "length");
      v.multiplyRegister(rax, rcx);
      assembler.multiply(rax, rax, S * 4);
    }
    fromFrame(rcx, frame.bias);
    v.addRegister(rcx, rax);
    store("bias", rcx);
  }

  // Keys, sixteen at a time; two make a panel.
  const [nextKeys] = [assembler.label()];
  assembler.moveConstant(r13, 0); // first key
  assembler.place(nextKeys);
  for (const half of [0, 1]) {
    load(r11, "end");
    assembler.subtract(r11, 1);
    assembler.multiply(r11, r11, D * 4);
    assembler.address(rdi, { base: r13, offset: 16 * half });
    assembler.multiply(rdi, rdi, D * 4);
    load(rax, "key");
    v.addRegister(r11, rax);
    v.addRegister(rdi, rax);
    assembler.multiply(rsi, r13, D * 4); // a panel of 32 keys is 128 bytes for each channel
    load(rax, "keys");
    v.addRegister(rsi, rax);
    assembler.add(rsi, 64 * half);
    assembler.call(transposeKeys);
  }
  assembler.add(r13, panelColumns);
  load(rax, "end");
  assembler.compare(r13, rax);
  assembler.jump(nextKeys, "below");

  const nextBlock = assembler.label();
  assembler.place(nextBlock);
  load(rax, "rows");
  load(rcx, "row");
  assembler.subtractRegister(rax, rcx);
  assembler.moveConstant(rdx, blockRows);
  smaller(rax, rdx);
  store("count", rax);
  // Which token each row is, and how many keys it sees.
  assembler.move(rax, rcx);
  assembler.moveConstant(rdx, 0);
  load(r8, "length");
  v.divide(r8); // rdx: token of the first row
  load(r9, "start");
  load(r10, "end");
  load(r11, "count");
  assembler.moveConstant(r12, 0);
  const counted = assembler.label();
  assembler.moveConstant(rcx, 0);
  for (let row = 0; row < blockRows; row++) {
    assembler.compareConstant(r11, row);
    assembler.jump(counted, "equal");
    assembler.store({ base: rsp, offset: tokens + 8 * row }, rdx);
    assembler.move(rax, r10);
    if (causal) {
      assembler.address(rsi, { base: rdx, index: r9, offset: 1 });
      smaller(rax, rsi);
    }
    assembler.store({ base: rsp, offset: limits + 8 * row }, rax);
    assembler.compare(r12, rax);
    assembler.moveIf("below", r12, rax);
    assembler.add(rdx, 1);
    assembler.compare(rdx, r8);
    assembler.moveIf("equal", rdx, rcx);
  }
  assembler.place(counted);
  store("longest", r12);

  // Scores.
  const nextPanel = assembler.label();
  assembler.moveConstant(rax, 0);
  store("at", rax);
  assembler.place(nextPanel);
  load(rax, "at"); // first key of the panel
  assembler.multiply(rsi, rax, D * 4);
  load(rcx, "keys");
  v.addRegister(rsi, rcx);
  assembler.multiply(rdx, rax, 4);
  load(rcx, "scores");
  v.addRegister(rdx, rcx);
  load(rdi, "row");
  assembler.multiply(rdi, rdi, D * 4);
  load(rcx, "query");
  v.addRegister(rdi, rcx);
  assembler.moveConstant(rcx, D * 4);
  assembler.moveConstant(r8, 4 * panelColumns);
  assembler.moveConstant(r9, scoreStride);
  assembler.moveConstant(r10, D);
  assembler.address(r11, { base: rsp, offset: factors });
  callTile();
  load(rax, "at");
  assembler.add(rax, panelColumns);
  store("at", rax);
  load(rcx, "longest");
  assembler.compare(rax, rcx);
  assembler.jump(nextPanel, "below");

  // Softmax.
  const nextRow = assembler.label();
  assembler.moveConstant(r13, 0);
  assembler.place(nextRow);
  assembler.multiply(rdi, r13, scoreStride);
  load(rax, "scores");
  v.addRegister(rdi, rax);
  assembler.address(rdx, { base: rsp, offset: inverses });
  assembler.multiply(rax, r13, 4);
  v.addRegister(rdx, rax);
  assembler.multiply(rax, r13, 8);
  assembler.load(rcx, { base: rsp, index: rax, offset: limits });
  if (bias !== "none") {
    assembler.load(rsi, { base: rsp, index: rax, offset: tokens });
    assembler.multiply(rsi, rsi, S * 4);
    load(rax, "bias");
    v.addRegister(rsi, rax);
  }
  load(r9, "longest");
  assembler.call(softmaxRow);
  assembler.add(r13, 1);
  load(rax, "count");
  assembler.compare(r13, rax);
  assembler.jump(nextRow, "below");

  // Values.
  for (let column = 0; column < D; column += panelColumns) {
    load(rdi, "scores");
    assembler.moveConstant(rcx, scoreStride);
    load(rsi, "value");
    assembler.add(rsi, column * 4);
    assembler.moveConstant(r8, D * 4);
    load(rdx, "row");
    assembler.multiply(rdx, rdx, D * 4);
    load(rax, "output");
    v.addRegister(rdx, rax);
    assembler.add(rdx, column * 4);
    assembler.moveConstant(r9, D * 4);
    load(r10, "longest");
    assembler.address(r11, { base: rsp, offset: inverses });
    callTile();
  }
  load(rax, "row");
  assembler.add(rax, blockRows * parts);
  store("row", rax);
  load(rcx, "rows");
  assembler.compare(rax, rcx);
  assembler.jump(nextBlock, "below");

  assembler.place(skipItem);
  load(rax, "item");
  assembler.add(rax, chunks);
  store("item", rax);
  assembler.jump(nextItem);
  assembler.place(finished);
  assembler.address(rsp, { base: rsp, offset: stackBytes });
  for (const register of saved.toReversed()) assembler.pop(register);
  assembler.vzeroupper();
  assembler.ret();
  return entry;
}
