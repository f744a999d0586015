/**
 * Affine maps, the weights of every other layer. Weights are stored [out, in], as in checkpoints, or quantised to 4 or
 * 8 bits (`quantizeLinear`); `linear` takes either form.
 */
import {
  add,
  type Dim,
  type HostTensor,
  matmul,
  mul,
  type QuantizedActivations,
  quantizedMatmul,
  type Tensor,
  type WeightBits,
} from "../engine/index.ts";
import { blockCodecOf, blocksToNBits } from "../formats/blocks/index.ts";
import { checkDivides, checkInteger } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import type { Random } from "../support/random.ts";
import { type DropoutOptions, dropoutLayer } from "./dropout.ts";
import { type Initializer, kaimingUniform, zeros } from "./initialize.ts";

/** Parameters of a linear layer, on the host or in a graph. */
export type Linear<Leaf> = DenseLinear<Leaf> | QuantizedLinear<Leaf>;

/** A correction of low rank to a weight (LoRA, Hu et al. 2022): scale·B·A is added to it. */
export type LowRank<Leaf> = {
  /** [r, in] */
  readonly a: Leaf;
  /** [out, r] */
  readonly b: Leaf;
  /** [] */
  readonly scale: Leaf;
};

/** A correction while it is trained: what it reads of x is dropped now and then, as in PEFT; the weight reads all of x. */
export type DroppedLowRank = LowRank<Tensor> & { readonly dropout?: DropoutOptions };

/** The form that is initialised and trained. */
export type DenseLinear<Leaf> = {
  /** [out, in] */
  readonly weight: Leaf;
  /** [out] */
  readonly bias?: Leaf;
  readonly lowRank?: LowRank<Leaf>;
};

/** Frozen weights in blocks of 32 inputs, 4 or 8 bits each; see the engine's `quantizedMatmul`. */
export type QuantizedLinear<Leaf> = {
  /** uint8 [out, in/32, 16 for 4 bits or 32 for 8] */
  readonly codes: Leaf;
  /** float32 [out, in/32] */
  readonly scales: Leaf;
  /** [out] */
  readonly bias?: Leaf;
  readonly lowRank?: LowRank<Leaf>;
};

export interface LinearOptions {
  /** Channels read. */
  readonly input: number;
  /** Channels made. */
  readonly output: number;
  /** Add a bias, which starts at 0. Default false. */
  readonly bias?: boolean;
  /** Default U(±1/√input), PyTorch's default. */
  readonly initializer?: Initializer | undefined;
}

/** U(±1/√fanIn), PyTorch's default for weights of linear layers. */
export const defaultWeight: Initializer = kaimingUniform({ gain: Math.sqrt(1 / 3) });

/** Fresh parameters. */
export function initLinear(options: LinearOptions, random: Random): DenseLinear<HostTensor> {
  const { input, output, bias = false, initializer = defaultWeight } = options;
  checkInteger("initLinear", { input, output }, { min: 1 });
  const weight = initializer([output, input], random);
  return bias ? { weight, bias: zeros([output], random) } : { weight };
}

export interface LinearCallOptions {
  /** How x enters a quantised product. Default "int8", as in ggml. */
  readonly activations?: QuantizedActivations;
}

/** x·Wᵀ + b, and scale·(x·Aᵀ)·Bᵀ where there is a correction. x [..., in] → [..., out]. */
export function linear(parameters: Linear<Tensor>, x: Tensor, options: LinearCallOptions = {}): Tensor {
  const product = isQuantized(parameters)
    ? quantizedMatmul(x, parameters.codes, parameters.scales, {
        bits: bitsOf(parameters),
        activations: options.activations ?? "int8",
      })
    : matmul(x, parameters.weight, { transposeB: true });
  const biased = parameters.bias === undefined ? product : add(product, parameters.bias);
  return parameters.lowRank === undefined ? biased : add(biased, lowRankProduct(parameters.lowRank, x));
}

function lowRankProduct({ a, b, scale, dropout }: DroppedLowRank, x: Tensor): Tensor {
  const narrow = matmul(dropoutLayer(x, dropout), a, { transposeB: true });
  // The narrow side is the cheap one to scale.
  return matmul(mul(narrow, scale), b, { transposeB: true });
}

export const isQuantized = <Leaf>(parameters: Linear<Leaf>): parameters is QuantizedLinear<Leaf> =>
  "codes" in parameters;

/** Channels a layer makes: rows of its weight. */
export const outputsOf = (parameters: Linear<Tensor>): Dim =>
  (isQuantized(parameters) ? parameters.codes : parameters.weight).shape[0]!;

/** The weight of a layer that is nothing but one. @throws CongError `BAD_ARGUMENT` for a quantised or corrected one */
export function denseWeight<Leaf>(parameters: Linear<Leaf>): Leaf {
  const isDense = !isQuantized(parameters);
  if (isDense && parameters.lowRank === undefined) return parameters.weight;
  throw new CongError(
    "BAD_ARGUMENT",
    `a plain weight is needed here, but this layer ${isDense ? "has a low-rank correction" : "is quantised"}`,
    {},
    isDense ? "merge the adapter into the weights first" : "leave this layer out of quantisation",
  );
}

const block = 32;

/** From the bytes of a block, which the layout fixes at 32 inputs. */
function bitsOf({ codes }: QuantizedLinear<Tensor>): WeightBits {
  const bits = (Number(codes.shape[2]) * 8) / block;
  if (bits === 4 || bits === 8) return bits;
  throw new CongError(
    "SHAPE_MISMATCH",
    `linear: codes [${codes.shape}] are not in blocks of ${block} inputs with 4 or 8 bits`,
    { codes: codes.shape },
    "wanted [out, in/32, 16] or [out, in/32, 32]; make them with quantizeLinear",
  );
}

/**
 * Quantises a layer in blocks of 32 inputs, rounding as ggml does for q4_0 (4 bits) and q8_0 (8 bits), so that a GGUF
 * file of those types holds the very same numbers.
 * @param parameters float32 weight [out, in], `in` a multiple of 32
 */
export function quantizeLinear(parameters: DenseLinear<HostTensor>, bits: WeightBits): QuantizedLinear<HostTensor> {
  const { weight, bias, lowRank } = parameters;
  const [rows, columns] = weight.shape as [number, number];
  if (weight.dtype !== "float32" || weight.shape.length !== 2) {
    throw new CongError(
      "WRONG_DTYPE",
      `quantizeLinear: got a weight ${weight.dtype}[${weight.shape}], wanted float32 [out, in]`,
      { dtype: weight.dtype, shape: weight.shape },
      "convert the weight to float32 first",
    );
  }
  checkDivides("quantizeLinear", { block }, { "inputs of the weight": columns });
  const type = bits === 4 ? "q4_0" : "q8_0";
  const packed = blocksToNBits(type, blockCodecOf(type).encode(weight.data as Float32Array), rows, columns);
  const blocks = columns / block;
  return {
    codes: { dtype: "uint8", shape: [rows, blocks, packed.data.length / (rows * blocks)], data: packed.data },
    scales: { dtype: "float32", shape: [rows, blocks], data: packed.scales },
    ...(bias === undefined ? {} : { bias }),
    ...(lowRank === undefined ? {} : { lowRank }),
  };
}
