/**
 * Exports a decoder as an ONNX model for plain onnxruntime: `model.onnx`, its weights in `model.onnx_data` beside it
 * (protobuf ends at 2 GB), and `config.json`. A bare onnxruntime session in another process answers from the files before
 * the folder appears.
 *
 * Only operators that onnxruntime ships are used: the standard set and its own `com.microsoft`; none of Congling's kernels.
 */
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { opsets } from "../../engine/backends/onnxruntime/index.ts";
import { lowerGraph, outputName } from "../../engine/backends/onnxruntime/lowering.ts";
import { lowerings } from "../../engine/backends/onnxruntime/lowerings/index.ts";
import { optimize } from "../../engine/passes/index.ts";
import { type OnnxGraph, type OnnxTensor, type OnnxValue, writeOnnx } from "../../formats/onnx/index.ts";
import { replaceFolderAtomic } from "../../support/index.ts";
import { type ExportSource, parametersOf, readFloats } from "../source.ts";
import { decoderGraph } from "./graph.ts";
import { type OnnxVerification, type VerifyOnnxOptions, verifyOnnx } from "./verify.ts";

export const modelFile = "model.onnx";
const weightsFile = "model.onnx_data"; // the name Optimum uses
/** onnxruntime maps external data by page. */
const alignment = 4096;

export interface ExportOnnxOptions {
  /** How to verify, or false to leave it out. Default: onnxruntime-node in a process of its own. */
  readonly verify?: VerifyOnnxOptions | false;
}

export interface OnnxExport {
  readonly folder: string;
  /** Nodes of the graph. */
  readonly nodes: number;
  /** Operators used, with their domain ("" is the standard set). */
  readonly operators: readonly string[];
  /** Bytes of the weights. */
  readonly bytes: number;
  /** Absent with `verify: false`. */
  readonly verification?: OnnxVerification;
}

/**
 * Writes and verifies the folder, replacing an older one; on any failure the older one stays as it was.
 * @throws CongError `EXPORT_UNSUPPORTED` with the reason, `VERIFICATION_FAILED`, `SHAPE_MISMATCH`, `NOT_FINITE`, or the
 *   errors of writing files
 */
export async function exportOnnx(
  source: ExportSource,
  folder: string,
  { verify = {} }: ExportOnnxOptions = {},
): Promise<OnnxExport> {
  const { family, config } = source;
  const graph = optimize(decoderGraph(family, config));
  const { weights, bytes } = planWeights(source);
  const { onnx } = lowerGraph(graph, lowerings, [...weights.values()]);
  const portable = withPlainNames(onnx);
  const metadata = { family: family.name, producer: "congling" };
  const model = writeOnnx(portable, { opsets: usedOpsets(portable), metadata });
  let verification: OnnxVerification | undefined;
  await replaceFolderAtomic(folder, async (to) => {
    await writeFile(join(to, modelFile), model);
    await writeWeights(source, join(to, weightsFile), weights);
    await writeFile(join(to, "config.json"), `${JSON.stringify(family.writeConfig(config), undefined, 2)}\n`);
    if (verify !== false) verification = await verifyOnnx(join(to, modelFile), source, verify);
  });
  const operators = [...new Set(portable.nodes.map(({ op, domain = "" }) => (domain === "" ? op : `${domain}.${op}`)))];
  return { folder, nodes: portable.nodes.length, operators, bytes, ...(verification && { verification }) };
}

/** Where each parameter lies in the weights file. */
function planWeights(source: ExportSource): { weights: Map<string, OnnxTensor>; bytes: number } {
  const weights = new Map<string, OnnxTensor>();
  let offset = 0;
  let bytes = 0;
  for (const [name, shape] of parametersOf(source)) {
    const length = 4 * shape.reduce((product, size) => product * size, 1);
    weights.set(name, { name, dtype: "float32", shape, data: { location: weightsFile, offset, length } });
    bytes += length;
    offset = Math.ceil((offset + length) / alignment) * alignment;
  }
  return { weights, bytes };
}

/** Writes the parameters one after the other, each read when its turn comes. */
async function writeWeights(
  source: ExportSource,
  path: string,
  weights: ReadonlyMap<string, OnnxTensor>,
): Promise<void> {
  const file = await open(path, "w");
  try {
    for (const [name, shape] of parametersOf(source)) {
      const values = await readFloats(source, name, shape);
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const { offset } = weights.get(name)!.data as { readonly offset: number };
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, 1 << 28), offset + done);
        done += bytesWritten;
      }
    }
  } finally {
    await file.close();
  }
}

/** Results under the names users know, instead of the compiler's, and only the constants that the graph reads. */
function withPlainNames(onnx: OnnxGraph): OnnxGraph {
  const suffix = outputName("");
  const plain = (name: string): string => (name.endsWith(suffix) ? name.slice(0, -suffix.length) : name);
  const nodes = onnx.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(plain),
    outputs: node.outputs.map(plain),
  }));
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  return {
    ...onnx,
    nodes,
    inputs: onnx.inputs.map(withPlainSizes),
    outputs: onnx.outputs.map((value) => withPlainSizes({ ...value, name: plain(value.name) })),
    initializers: onnx.initializers.filter(({ name }) => read.has(name)),
  };
}

/** The compiler's sum of two sizes is the length that users know. */
const withPlainSizes = (value: OnnxValue): OnnxValue => ({
  ...value,
  shape: value.shape.map((size) => (typeof size === "string" && size.includes("+") ? "total_length" : size)),
});

/** Versions of the operator sets that occur, so that no program is asked for sets it need not have. */
function usedOpsets({ nodes }: OnnxGraph): Record<string, number> {
  const domains = new Set(nodes.map(({ domain = "" }) => domain));
  return Object.fromEntries(Object.entries(opsets).filter(([domain]) => domain === "" || domains.has(domain)));
}
