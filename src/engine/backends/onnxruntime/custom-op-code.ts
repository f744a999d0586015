/**
 * The machine code of one custom op: its kernel, and the functions by which onnxruntime asks about it.
 *
 * The kernel gets the tensors' addresses through the C interface, then hands chunks of the loop to the session's threads.
 */
import { onnxDataTypes } from "../../../formats/onnx/index.ts";
import { type Assembler, gpr, type Label } from "../x64/assembler.ts";
import { type KernelFunction, ortLibrary } from "./c-api.ts";
import type { CustomOp, CustomOpField, InPlacePair, Phase } from "./custom-ops.ts";

const { rax, rbx, rcx, rdx, rsp, rbp, rsi, rdi, r8, r12 } = gpr;

/**
 * Emits all functions of an op; those left out are null pointers.
 * @param outputType address of the OrtTensorTypeAndShapeInfo of every output.
 */
export function emitCustomOp(
  assembler: Assembler,
  op: CustomOp,
  outputType: bigint,
): { readonly [K in CustomOpField]?: Label } {
  const { name, inputs, inputType = "float32", outputs, shape, inPlace } = op;
  const phases = op.emit(assembler);
  const zero = returning(assembler, 0);
  const one = returning(assembler, 1);
  const float = returning(assembler, onnxDataTypes.float32);
  const sizes = table(assembler, new Uint8Array(BigInt64Array.from(shape, BigInt).buffer));
  return {
    CreateKernel: one, // any pointer will do: the kernel keeps nothing
    KernelDestroy: zero,
    GetName: emitName(assembler, name),
    GetExecutionProviderType: zero,
    GetInputType: returning(assembler, onnxDataTypes[inputType]),
    GetInputTypeCount: returning(assembler, inputs),
    GetOutputType: float,
    GetOutputTypeCount: returning(assembler, outputs),
    GetInputCharacteristic: zero,
    GetOutputCharacteristic: zero,
    GetInputMemoryType: zero,
    GetVariadicInputMinArity: zero,
    GetVariadicInputHomogeneity: zero,
    GetVariadicOutputMinArity: zero,
    GetVariadicOutputHomogeneity: zero,
    KernelCompute: zero, // version 2 is called
    KernelComputeV2: define(assembler, () =>
      emitKernel(assembler, { inputs, outputs, sizes, rank: shape.length, phases }),
    ),
    InferOutputShapeFn: define(assembler, () => emitShapeInference(assembler, outputs, outputType)),
    GetMayInplace: emitInPlacePairs(assembler, inPlace),
    ReleaseMayInplace: zero,
  };
}

/** A function or table that starts here. */
export function define(assembler: Assembler, emit: () => void): Label {
  const label = assembler.label();
  assembler.align(16);
  assembler.place(label);
  emit();
  return label;
}

const table = (assembler: Assembler, bytes: Uint8Array): Label => define(assembler, () => assembler.data(bytes));

/** A function that only returns a number. */
export const returning = (assembler: Assembler, value: number): Label =>
  define(assembler, () => {
    assembler.moveConstant(rax, value);
    assembler.ret();
  });

/** const char *name(const OrtCustomOp *op) */
export function emitName(assembler: Assembler, name: string): Label {
  const text = table(assembler, new TextEncoder().encode(`${name}\0`));
  return define(assembler, () => {
    assembler.address(rax, { label: text });
    assembler.ret();
  });
}

/** size_t pairs(int **inputs, int **outputs) */
export function emitInPlacePairs(assembler: Assembler, pairs: readonly InPlacePair[]): Label {
  const inputs = table(assembler, new Uint8Array(Int32Array.from(pairs, ({ input }) => input).buffer));
  const outputs = table(assembler, new Uint8Array(Int32Array.from(pairs, ({ output }) => output).buffer));
  return define(assembler, () => {
    for (const [parameter, label] of [
      [rdi, inputs],
      [rsi, outputs],
    ] as const) {
      assembler.address(rax, { label });
      assembler.store({ base: parameter }, rax);
    }
    assembler.moveConstant(rax, pairs.length);
    assembler.ret();
  });
}

/** Calls a function of the C interface with the arguments already in place; the status, if it has one, is in rax. */
export function callApi(assembler: Assembler, name: KernelFunction, failed: Label | undefined): void {
  assembler.moveConstant(rax, ortLibrary().addressOf(name));
  assembler.callRegister(rax);
  if (failed === undefined) return;
  assembler.compareConstant(rax, 0);
  assembler.jump(failed, "notEqual");
}

interface KernelParts {
  readonly inputs: number;
  readonly outputs: number;
  /** Table of the output sizes, int64. */
  readonly sizes: Label;
  readonly rank: number;
  readonly phases: readonly Phase[];
}

/** OrtStatus *compute(void *kernel, OrtKernelContext *context) */
function emitKernel(assembler: Assembler, { inputs, outputs, sizes, rank, phases }: KernelParts): void {
  const done = assembler.label();
  const tensors = inputs + outputs;
  const value = { base: rsp, offset: tensors * 8 };
  assembler.push(rbp);
  assembler.move(rbp, rsp);
  assembler.push(rbx);
  assembler.push(r12);
  assembler.subtract(rsp, Math.ceil((tensors + 1) / 2) * 16); // calls want a multiple of 16
  assembler.move(rbx, rsi);
  for (let i = 0; i < tensors; i++) {
    const isInput = i < inputs;
    assembler.move(rdi, rbx);
    assembler.moveConstant(rsi, isInput ? i : i - inputs);
    if (isInput) {
      assembler.address(rdx, value);
    } else {
      assembler.address(rdx, { label: sizes });
      assembler.moveConstant(rcx, rank);
      assembler.address(r8, value);
    }
    callApi(assembler, isInput ? "KernelContext_GetInput" : "KernelContext_GetOutput", done);
    assembler.load(rdi, value);
    assembler.address(rsi, { base: rsp, offset: i * 8 });
    callApi(assembler, "GetTensorMutableData", done);
  }
  for (const { entry, chunks } of phases) {
    if (chunks === 1) {
      assembler.move(rdi, rsp);
      assembler.moveConstant(rsi, 0);
      assembler.call(entry);
    } else {
      assembler.move(rdi, rbx);
      assembler.address(rsi, { label: entry });
      assembler.moveConstant(rdx, chunks);
      assembler.moveConstant(rcx, 0); // no batches: threads take chunk after chunk
      assembler.move(r8, rsp);
      callApi(assembler, "KernelContext_ParallelFor", done);
    }
  }
  assembler.moveConstant(rax, 0);
  assembler.place(done);
  assembler.address(rsp, { base: rbp, offset: -16 });
  assembler.pop(r12);
  assembler.pop(rbx);
  assembler.pop(rbp);
  assembler.ret();
}

/** OrtStatus *infer(const OrtCustomOp *op, OrtShapeInferContext *context): all outputs have one and the same type. */
function emitShapeInference(assembler: Assembler, outputs: number, outputType: bigint): void {
  const done = assembler.label();
  assembler.push(rbx);
  assembler.move(rbx, rsi);
  for (let i = 0; i < outputs; i++) {
    assembler.move(rdi, rbx);
    assembler.moveConstant(rsi, i);
    assembler.moveConstant(rdx, outputType);
    callApi(assembler, "ShapeInferContext_SetOutputTypeShape", done);
  }
  assembler.moveConstant(rax, 0);
  assembler.place(done);
  assembler.pop(rbx);
  assembler.ret();
}
