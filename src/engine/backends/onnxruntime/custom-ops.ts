/**
 * Fused nodes as custom ops of onnxruntime, with machine code of our own as their kernels.
 *
 * An `OrtCustomOp` is a record of function pointers. All of them point to emitted code, also those that only return a
 * number: onnxruntime calls some on its own threads, where JavaScript cannot run, and emitted code has no lifetime to
 * get wrong. Source: `struct OrtCustomOp` in onnxruntime_c_api.h.
 */
import { createHash } from "node:crypto";
import koffi from "koffi";
import { onnxDataTypes } from "../../../formats/onnx/index.ts";
import type { DType } from "../../graph/dtype.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Shape } from "../../graph/shape.ts";
import { type FusedParams, fusedLayouts, fusedOp } from "../../ops/fused.ts";
import { type Assembler, createAssembler, type Label } from "../x64/assembler.ts";
import { emitElementwise } from "../x64/elementwise.ts";
import { makeExecutable } from "../x64/executable-memory.ts";
import { apiVersion, ortLibrary, type Pointer } from "./c-api.ts";
import { emitCustomOp } from "./custom-op-code.ts";
import { type DynamicOp, emitDynamicOp } from "./dynamic-op.ts";
import { dropoutMaskOps } from "./machine-dropout.ts";
import { machineMatmulOps } from "./machine-matmul.ts";
import { trainingAttentionOps } from "./machine-training-attention.ts";
import { allocate, free, stringArray } from "./memory.ts";

/** The domain that the ops are in. */
export const customDomain = "congling";

export interface CustomOps {
  /** An OrtCustomOpDomain, to be added to the session's options. */
  readonly domain: Pointer;
  /** Frees code and records; only after the session is released. */
  release(): void;
}

/** Work that several threads share. */
export interface Phase {
  readonly entry: Label;
  readonly chunks: number;
}

export interface InPlacePair {
  readonly input: number;
  readonly output: number;
}

/** One op to compile: tensors of one type in, float32 tensors of one shape out. */
export interface CustomOp {
  readonly name: string;
  /** Number of inputs and outputs. */
  readonly inputs: number;
  /** Of every input. Default float32. */
  readonly inputType?: DType;
  readonly outputs: number;
  /** Of every output. */
  readonly shape: readonly number[];
  /** Outputs that may take over the memory of an input. */
  readonly inPlace: readonly InPlacePair[];
  /**
   * Emits the phases of the work, done one after another. Each is a `void chunk(void **pointers, size_t index)`, which
   * is called for every index below `chunks`, from several threads. Pointers are those of the inputs, then of the
   * outputs.
   */
  emit(assembler: Assembler): readonly Phase[];
  /** Frees what the code refers to. */
  release?(): void;
}

/** Fields of OrtCustomOp behind the version, in order; all are function pointers. */
export const customOpFields = [
  "CreateKernel",
  "GetName",
  "GetExecutionProviderType",
  "GetInputType",
  "GetInputTypeCount",
  "GetOutputType",
  "GetOutputTypeCount",
  "KernelCompute",
  "KernelDestroy",
  "GetInputCharacteristic",
  "GetOutputCharacteristic",
  "GetInputMemoryType",
  "GetVariadicInputMinArity",
  "GetVariadicInputHomogeneity",
  "GetVariadicOutputMinArity",
  "GetVariadicOutputHomogeneity",
  "CreateKernelV2",
  "KernelComputeV2",
  "InferOutputShapeFn",
  "GetStartVersion",
  "GetEndVersion",
  "GetMayInplace",
  "ReleaseMayInplace",
  "GetAliasMap",
  "ReleaseAliasMap",
] as const;
export type CustomOpField = (typeof customOpFields)[number];

const recordWords = 1 + customOpFields.length; // the version fills a word of its own

/** The op's name: equal programs on equal shapes share one. */
export function customOpName(params: FusedParams, inputs: readonly Shape[]): string {
  // JSON has no words for −0, infinities and NaN.
  const spell = (_: string, value: unknown) =>
    typeof value === "number" ? (Object.is(value, -0) ? "-0" : String(value)) : value;
  const hash = createHash("sha256")
    .update(JSON.stringify([params, inputs], spell))
    .digest("hex")
    .slice(0, 16);
  return `Fused_${params.instructions.filter(({ op }) => op !== "constant").length}_${hash}`;
}

/**
 * Compiles the ops of a graph that are ours: fused programs, large matrix products and those given; undefined if there
 * are none.
 */
export function createCustomOps(graph: Graph, given: readonly DynamicOp[] = []): CustomOps | undefined {
  const graphs = withBodies(graph);
  const ops = [
    ...fusedOps(graphs),
    ...machineMatmulOps(graphs),
    ...trainingAttentionOps(graphs),
    ...dropoutMaskOps(graphs),
    ...given,
  ];
  return ops.length === 0 ? undefined : register(ops);
}

/** A graph, and the bodies of its loops, whose nodes are lowered with the same table. */
function withBodies(graph: Graph): Graph[] {
  const bodies = graph.nodes.flatMap(({ params }) => (params as { readonly body?: Graph }).body ?? []);
  return [graph, ...bodies.flatMap(withBodies)];
}

/** The programs of all fused nodes, each once. */
function fusedOps(graphs: readonly Graph[]): CustomOp[] {
  const ops = new Map<string, CustomOp>();
  for (const { node, types } of graphs.flatMap(({ nodes, types }) => nodes.map((node) => ({ node, types })))) {
    if (node.definition !== (fusedOp as unknown)) continue;
    const params = node.params as FusedParams;
    const inputs = node.inputs.map((value) => types[value]!.shape);
    const name = customOpName(params, inputs);
    const layouts = fusedLayouts(params.shape, inputs)!; // the pass fuses nothing else
    // All loads of an element come before its stores, so an output may take over any input of its size.
    const inPlace = layouts.inputs.flatMap((layout, input) =>
      layout === "full" ? params.results.map((_, output) => ({ input, output })) : [],
    );
    const outputs = params.results.length;
    const emit = (assembler: Assembler) => [emitElementwise(assembler, params, layouts)];
    ops.set(name, { name, inputs: inputs.length, outputs, shape: params.shape, inPlace, emit });
  }
  return [...ops.values()];
}

function register(ops: readonly (CustomOp | DynamicOp)[]): CustomOps {
  const library = ortLibrary();
  const assembler = createAssembler();
  const types: Pointer[] = [];
  const compiled = ops.map((op) => {
    if ("kind" in op) return emitDynamicOp(assembler, op);
    const type = typeAndShape(op.shape);
    types.push(type);
    return emitCustomOp(assembler, op, koffi.address(type));
  });
  const { code, offsetOf } = assembler.finish();
  const memory = makeExecutable(code);
  const records = allocate(ops.length * recordWords * 8);
  const words = new BigUint64Array(records.memory, 0, ops.length * recordWords);
  const domain = library.create("CreateCustomOpDomain", customDomain);
  compiled.forEach((functions, i) => {
    words[i * recordWords] = BigInt(apiVersion);
    customOpFields.forEach((field, k) => {
      const label = functions[field];
      words[i * recordWords + 1 + k] = label === undefined ? 0n : memory.address + BigInt(offsetOf(label));
    });
    library.check("CustomOpDomain_Add", domain, BigInt(koffi.address(records.pointer)) + BigInt(i * recordWords * 8));
  });
  return {
    domain,
    release() {
      library.release("ReleaseCustomOpDomain", domain);
      for (const type of types) library.release("ReleaseTensorTypeAndShapeInfo", type);
      for (const op of ops) op.release?.();
      memory.release();
      free(records);
    },
  };
}

/** What shape inference hands out: float32 of this shape, with no names for sizes. */
function typeAndShape(shape: readonly number[]): Pointer {
  const library = ortLibrary();
  const info = library.create("CreateTensorTypeAndShapeInfo");
  library.check("SetTensorElementType", info, onnxDataTypes.float32);
  library.check("SetDimensions", info, BigInt64Array.from(shape, BigInt), shape.length);
  const names = stringArray(shape.map(() => ""));
  library.check("SetSymbolicDimensions", info, names.array, shape.length);
  free(names.buffer);
  return info;
}
