/**
 * Custom ops whose sizes are known only when they run: machine code reads the shapes of its inputs.
 *
 * The kernel lays out a frame of 64-bit words — addresses of the inputs, addresses of the outputs, then the sizes of each
 * input — and runs code of the op's own, which works on the frame and may hand chunks of work to the session's threads.
 */
import { onnxDataTypes } from "../../../formats/onnx/index.ts";
import type { DType } from "../../graph/dtype.ts";
import { type Assembler, gpr, type Label } from "../x64/assembler.ts";
import type { KernelFunction } from "./c-api.ts";
import { callApi, define, emitInPlacePairs, emitName, returning } from "./custom-op-code.ts";
import type { CustomOpField, InPlacePair } from "./custom-ops.ts";

const { rax, rbx, rcx, rdx, rsp, rbp, rsi, rdi, r8, r12, r13 } = gpr;

/** A size of an output: a number, or that of an input's axis. */
export type SizeSource = number | { readonly input: number; readonly axis: number };

export interface DynamicInput {
  readonly dtype: DType;
  /** Number of axes; their sizes are put into the frame. Leave it out where they are not needed. */
  readonly rank?: number;
}

export interface DynamicOutput {
  readonly dtype: DType;
  readonly shape: readonly SizeSource[];
}

/** Offsets into the frame, in bytes. */
export interface Frame {
  readonly input: (index: number) => number;
  readonly output: (index: number) => number;
  readonly size: (input: number, axis: number) => number;
  /** Words of the op's own. */
  readonly word: (index: number) => number;
}

/** What an op's code may do besides computing. Both destroy all registers that calls may destroy. */
export interface FrameCode {
  /** The frame is at this register during the whole of `emit`. */
  readonly base: number;
  readonly frame: Frame;
  /** Calls `void chunk(frame, index)` for every index below `chunks`, from several threads, and waits. */
  parallel(chunk: Label, chunks: number): void;
  /** Calls it once, here. */
  direct(chunk: Label, index: number): void;
}

export interface DynamicOp {
  readonly kind: "dynamic";
  readonly name: string;
  readonly inputs: readonly DynamicInput[];
  readonly outputs: readonly DynamicOutput[];
  /** How many words of its own the op wants in the frame. Default 0. */
  readonly words?: number;
  /** Outputs that take over the memory of an input where onnxruntime allows it. */
  readonly inPlace: readonly InPlacePair[];
  /**
   * Emits functions first (`void chunk(void *frame, size_t index)`), and returns what emits the body that calls them.
   * The body may use any register but rbx, rbp, rsp, r12 and r13.
   */
  functions(assembler: Assembler, frame: Frame): (code: FrameCode) => void;
  release?(): void;
}

/** Most axes of an input whose sizes are asked for, and of an output. */
export const mostAxes = 5;

function frameOf({ inputs, outputs, words = 0 }: DynamicOp): Frame & { readonly bytes: number } {
  const pointers = inputs.length + outputs.length;
  const own = pointers + mostAxes * inputs.length;
  return {
    input: (index) => 8 * index,
    output: (index) => 8 * (inputs.length + index),
    size: (input, axis) => 8 * (pointers + mostAxes * input + axis),
    word: (index) => 8 * (own + index),
    bytes: Math.ceil((8 * (own + words)) / 16) * 16,
  };
}

/** Emits all functions of an op; those left out are null pointers. */
export function emitDynamicOp(assembler: Assembler, op: DynamicOp): { readonly [K in CustomOpField]?: Label } {
  const { name, inputs, outputs } = op;
  const body = op.functions(assembler, frameOf(op));
  const [zero, one] = [returning(assembler, 0), returning(assembler, 1)];
  return {
    CreateKernel: one,
    KernelDestroy: zero,
    GetName: emitName(assembler, name),
    GetExecutionProviderType: zero,
    GetInputType: emitTypes(assembler, inputs),
    GetInputTypeCount: returning(assembler, inputs.length),
    GetOutputType: emitTypes(assembler, outputs),
    GetOutputTypeCount: returning(assembler, outputs.length),
    GetInputCharacteristic: zero,
    GetOutputCharacteristic: zero,
    GetInputMemoryType: zero,
    GetVariadicInputMinArity: zero,
    GetVariadicInputHomogeneity: zero,
    GetVariadicOutputMinArity: zero,
    GetVariadicOutputHomogeneity: zero,
    KernelCompute: zero, // version 2 is called
    KernelComputeV2: define(assembler, () => emitKernel(assembler, op, body)),
    GetMayInplace: emitInPlacePairs(assembler, op.inPlace),
    ReleaseMayInplace: zero,
  };
}

/** ONNXTensorElementDataType type(const OrtCustomOp *op, size_t index) */
function emitTypes(assembler: Assembler, tensors: readonly { readonly dtype: DType }[]): Label {
  return define(assembler, () => {
    tensors.forEach(({ dtype }, i) => {
      const other = assembler.label();
      assembler.moveConstant(rax, onnxDataTypes[dtype]);
      assembler.compareConstant(rsi, i);
      assembler.jump(other, "notEqual");
      assembler.ret();
      assembler.place(other);
    });
    assembler.ret();
  });
}

/** OrtStatus *compute(void *kernel, OrtKernelContext *context) */
function emitKernel(assembler: Assembler, op: DynamicOp, body: (code: FrameCode) => void): void {
  const { inputs, outputs } = op;
  const frame = frameOf(op);
  const done = assembler.label();
  const call = (name: KernelFunction) => callApi(assembler, name, done);
  assembler.push(rbp);
  assembler.move(rbp, rsp);
  for (const register of [rbx, r12, r13, r13]) assembler.push(register); // the last for alignment
  // Below the frame: two words for values that functions return, and sizes of outputs.
  const scratchBytes = 16 + 8 * Math.ceil(mostAxes / 2) * 2;
  assembler.subtract(rsp, frame.bytes + scratchBytes);
  assembler.move(rbx, rsi);
  assembler.address(r12, { base: rsp, offset: scratchBytes });
  const [value, info] = [{ base: rsp }, { base: rsp, offset: 8 }];
  const dataTo = (offset: number) => {
    assembler.load(rdi, value);
    assembler.address(rsi, { base: r12, offset });
    call("GetTensorMutableData");
  };
  inputs.forEach(({ rank }, i) => {
    assembler.move(rdi, rbx);
    assembler.moveConstant(rsi, i);
    assembler.address(rdx, value);
    call("KernelContext_GetInput");
    dataTo(frame.input(i));
    if (rank === undefined) return;
    assembler.load(rdi, value);
    assembler.address(rsi, info);
    call("GetTensorTypeAndShape");
    assembler.load(rdi, info);
    assembler.address(rsi, { base: r12, offset: frame.size(i, 0) });
    assembler.moveConstant(rdx, rank);
    call("GetDimensions");
    assembler.load(rdi, info);
    callVoid(assembler, "ReleaseTensorTypeAndShapeInfo");
  });
  outputs.forEach(({ shape }, i) => {
    shape.forEach((size, axis) => {
      if (typeof size === "number") assembler.moveConstant(rax, size);
      else assembler.load(rax, { base: r12, offset: frame.size(size.input, size.axis) });
      assembler.store({ base: rsp, offset: 16 + 8 * axis }, rax);
    });
    assembler.move(rdi, rbx);
    assembler.moveConstant(rsi, i);
    assembler.address(rdx, { base: rsp, offset: 16 });
    assembler.moveConstant(rcx, shape.length);
    assembler.address(r8, value);
    call("KernelContext_GetOutput");
    dataTo(frame.output(i));
  });
  body({
    base: r12,
    frame,
    parallel(chunk, chunks) {
      assembler.move(rdi, rbx);
      assembler.address(rsi, { label: chunk });
      assembler.moveConstant(rdx, chunks);
      assembler.moveConstant(rcx, 0); // no batches: threads take chunk after chunk
      assembler.move(r8, r12);
      call("KernelContext_ParallelFor");
    },
    direct(chunk, index) {
      assembler.move(rdi, r12);
      assembler.moveConstant(rsi, index);
      assembler.call(chunk);
    },
  });
  assembler.moveConstant(rax, 0);
  assembler.place(done);
  assembler.address(rsp, { base: rbp, offset: -32 });
  for (const register of [r13, r13, r12, rbx]) assembler.pop(register);
  assembler.pop(rbp);
  assembler.ret();
}

function callVoid(assembler: Assembler, name: KernelFunction): void {
  callApi(assembler, name, undefined);
}
