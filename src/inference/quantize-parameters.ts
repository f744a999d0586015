/**
 * Weights in 8 or 4 bits, quantised one by one as they are read, so that memory never holds the model in full precision.
 *
 * Matrices of linear layers are quantised in blocks of 32 (nn's `quantizeLinear`). Norms, biases, routers, position tables and
 * the separately stored experts stay as they are; embedding and output layer of a 4-bit model get 8 bits, because their errors go
 * straight into the probabilities (llama.cpp keeps them above 4 bits as well).
 */
import type { Backend, HostTensor, Tree, WeightHolder, WeightSize } from "../engine/index.ts";
import { convertFloat, type RowSink } from "../models/index.ts";
import { quantizeLinear } from "../nn/index.ts";

/** How weights are held and computed with. */
export type WeightType = "float32" | "int8" | "int4";

export const weightTypes: readonly WeightType[] = ["float32", "int8", "int4"];

/** What reading keeps of one tensor: itself, or its quantised form. */
export type LoadedLeaf = HostTensor | QuantizedLeaf;

export interface QuantizedLeaf {
  readonly quantized: { readonly codes: HostTensor; readonly scales: HostTensor };
}

const embedding = /(?:^|\.)(?:embed_tokens|word_embeddings)\.weight$/;
const outputLayer = /^(?:lm_head|transformer\.output_layer)\.weight$/;
const linearLayer = /\.(?:[a-z_]+_proj|query_key_value|dense|dense_h_to_4h|dense_4h_to_h)\.weight$/;

/** Bits of a parameter's weights; undefined for those that stay as they are. */
export function bitsOf(path: string, shape: readonly number[], type: WeightType): 4 | 8 | undefined {
  if (type === "float32" || shape.length !== 2 || shape[1]! % 32 !== 0) return undefined;
  if (outputLayer.test(path) || embedding.test(path)) return 8;
  if (!linearLayer.test(path) || path.includes(".experts.")) return undefined;
  return type === "int4" ? 4 : 8;
}

/**
 * For `loadParameters`: quantises what is to be quantised, a few rows at a time. Weights of linear layers go straight into
 * the order that the backend computes with; embeddings, whose rows are looked up, stay in rows.
 */
export function quantizeRows(
  type: WeightType,
  backend: Pick<Backend, "holdWeight">,
): (path: string, shape: readonly number[]) => RowSink<LoadedLeaf> | undefined {
  return (path, shape) => {
    const bits = bitsOf(path, shape, type);
    if (bits === undefined) return undefined;
    const [rows, columns] = shape as [number, number];
    const size = { rows, columns, bits, lookedUp: embedding.test(path) };
    const holder = backend.holdWeight?.(size) ?? plainHolder(size);
    return { write: holder.write, finish: () => ({ quantized: holder.finish() }) };
  };
}

/** Codes and scales in rows. */
function plainHolder({ rows, columns, bits }: WeightSize): WeightHolder {
  const [blocks, blockBytes] = [columns / 32, 4 * bits];
  const codes = new Uint8Array(rows * blocks * blockBytes);
  const scales = new Float32Array(rows * blocks);
  return {
    write(first, values) {
      const some = quantizeLinear({ weight: convertFloat(values, "float32", "weight") }, bits);
      codes.set(some.codes.data as Uint8Array, first * blocks * blockBytes);
      scales.set(some.scales.data as Float32Array, first * blocks);
    },
    finish: () => ({
      codes: { dtype: "uint8", shape: [rows, blocks, blockBytes], data: codes },
      scales: { dtype: "float32", shape: [rows, blocks], data: scales },
    }),
  };
}

/** The tree as layers want it: `codes` and `scales` of a quantised weight stand in place of `weight`. */
export function spreadQuantized(tree: Tree<LoadedLeaf>): Tree<HostTensor> {
  if (isTensor(tree)) return tree;
  if (Array.isArray(tree)) return tree.map((child) => spreadQuantized(child as Tree<LoadedLeaf>));
  const entries = Object.entries(tree as Readonly<Record<string, Tree<LoadedLeaf>>>).flatMap(([key, child]) =>
    isQuantizedLeaf(child) ? Object.entries(child.quantized) : [[key, spreadQuantized(child)] as const],
  );
  return Object.fromEntries(entries);
}

const isTensor = (value: object): value is HostTensor => "dtype" in value && typeof value.dtype === "string";

const isQuantizedLeaf = (value: object): value is QuantizedLeaf => "quantized" in value;
