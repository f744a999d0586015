/**
 * The attention layer: multi-head, multi-query and grouped-query (Vaswani et al. 2017; Shazeer 2019; Ainslie et al.
 * 2023), with optional biases, query/key norms, rotary positions, a learned prefix, and another source for
 * cross-attention. Decoding with a cache is in attention-cache.ts.
 *
 * B batch, T query length, S key length, H heads, G key/value heads, D head size, C hidden. Which keys a query sees is
 * decided by the caller's `bias`; without one, all.
 */

import { attention, concat, type HostTensor, reshape, rotary, type Tensor, transpose } from "../engine/index.ts";
import { checkDivides } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import type { Random } from "../support/random.ts";
import type { Initializer } from "./initialize.ts";
import { initLinear, type Linear, linear, outputsOf } from "./linear.ts";
import { initRmsNorm, type RmsNorm, rmsNormLayer } from "./norm.ts";
import type { RotaryTables } from "./rotary-tables.ts";

/** Parameters of an attention layer. */
export type Attention<Leaf> = {
  /** C → H·D */
  readonly query: Linear<Leaf>;
  /** C → G·D (from the source's channels in cross-attention) */
  readonly key: Linear<Leaf>;
  /** C → G·D */
  readonly value: Linear<Leaf>;
  /** H·D → C */
  readonly output: Linear<Leaf>;
  /** Over the D channels of each query head. */
  readonly queryNorm?: RmsNorm<Leaf>;
  /** Over the D channels of each key head. */
  readonly keyNorm?: RmsNorm<Leaf>;
};

/** Keys and values laid out for the engine's attention, each [B, G, S, D]. */
export type KeysAndValues<Leaf> = {
  readonly key: Leaf;
  readonly value: Leaf;
};

export interface AttentionLayerOptions {
  /** Channels C in and out. */
  readonly hidden: number;
  /** Query heads H. */
  readonly heads: number;
  /** Key/value heads G, a divisor of H. Default H. */
  readonly keyValueHeads?: number;
  /** Channels D of a head. Default hidden / heads. */
  readonly headSize?: number;
  /** Channels of the source of keys and values. Default `hidden`. */
  readonly sourceHidden?: number;
  /** Biases on query, key and value. Default false. */
  readonly inputBias?: boolean;
  /** Bias on the output. Default false. */
  readonly outputBias?: boolean;
  /** RMS norms on each query and key head, before the rotation. Default false. */
  readonly queryKeyNorm?: boolean;
  /** Default that of `initLinear`. */
  readonly initializer?: Initializer | undefined;
  /** For the output projection, which writes into the residual stream. Default `initializer`. */
  readonly outputInitializer?: Initializer | undefined;
}

/** Fresh parameters. */
export function initAttention(options: AttentionLayerOptions, random: Random): Attention<HostTensor> {
  const { hidden, heads, keyValueHeads = heads, sourceHidden = hidden, inputBias: bias = false, initializer } = options;
  if (options.headSize === undefined) checkDivides("initAttention", { heads }, { hidden });
  checkDivides("initAttention", { keyValueHeads }, { heads });
  const headSize = options.headSize ?? hidden / heads;
  const project = (input: number, count: number) =>
    initLinear({ input, output: count * headSize, bias, initializer }, random);
  return {
    query: project(hidden, heads),
    key: project(sourceHidden, keyValueHeads),
    value: project(sourceHidden, keyValueHeads),
    output: initLinear(
      {
        input: heads * headSize,
        output: hidden,
        bias: options.outputBias ?? false,
        initializer: options.outputInitializer ?? initializer,
      },
      random,
    ),
    ...(options.queryKeyNorm ? { queryNorm: initRmsNorm(headSize), keyNorm: initRmsNorm(headSize) } : {}),
  };
}

/** What both forms of attention (whole sequences, with a cache) are told about heads and positions. */
export interface HeadOptions {
  /** Query heads H; D and G follow from the weights. */
  readonly heads: number;
  /** Tables for the positions of the T tokens; none: no rotation. */
  readonly rotary?: RotaryTables<Tensor> | undefined;
  /** Which channels form a pair (see the engine's `rotary`). Default false: half-split. */
  readonly interleaved?: boolean | undefined;
  /** ε of the query and key norms. Default 1e-5. */
  readonly normEpsilon?: number | undefined;
  /** Factor on q·k. Default 1/√D. */
  readonly scale?: number | undefined;
}

export interface AttentionInputs extends HeadOptions {
  /** Added to the scores, broadcasts to [B, H, T, S]; from `causalBias`, `prefixBias`, `maskBias` of the engine. */
  readonly bias?: Tensor | undefined;
  /** A query sees keys up to its own position; instead of a causal `bias`, and cheaper. Default false. */
  readonly causal?: boolean | undefined;
  /** [B, S, source channels]: where keys and values come from. Default x itself. */
  readonly source?: Tensor | undefined;
  /** Learned keys and values that stand before the others (prefix tuning); `bias` then covers them as well. */
  readonly prefix?: KeysAndValues<Tensor> | undefined;
}

/** Attention over whole sequences. x [B, T, C] → [B, T, C]. */
export function attentionLayer(parameters: Attention<Tensor>, x: Tensor, options: AttentionInputs): Tensor {
  const { source = x, prefix } = options;
  if (source !== x && options.rotary !== undefined) {
    throw new CongError(
      "BAD_ARGUMENT",
      "attentionLayer: got both a source and rotary tables",
      { source: source.shape },
      "cross-attention compares different sequences: leave `rotary` out",
    );
  }
  const query = projectQueries(parameters, x, options); // (B, H, T, D)
  const own = projectKeysAndValues(parameters, source, options); // (B, G, S, D)
  const key = prefix === undefined ? own.key : concat([prefix.key, own.key], 2);
  const value = prefix === undefined ? own.value : concat([prefix.value, own.value], 2);
  return mixHeads(parameters, query, { key, value }, options);
}

/** Queries of x [B, T, C], normed and rotated: [B, H, T, D]. */
export function projectQueries(parameters: Attention<Tensor>, x: Tensor, options: HeadOptions): Tensor {
  const heads = splitHeads(linear(parameters.query, x), headSizeOf(parameters, options)); // (B, T, H, D)
  return swapAxes(position(heads, parameters.queryNorm, options));
}

/** Keys and values of a source [B, S, C], keys normed and rotated: [B, G, S, D] each. */
export function projectKeysAndValues(
  parameters: Attention<Tensor>,
  source: Tensor,
  options: HeadOptions,
): KeysAndValues<Tensor> {
  const size = headSizeOf(parameters, options);
  const keys = splitHeads(linear(parameters.key, source), size); // (B, S, G, D)
  const values = splitHeads(linear(parameters.value, source), size);
  return { key: swapAxes(position(keys, parameters.keyNorm, options)), value: swapAxes(values) };
}

/** Attends with queries [B, H, T, D] and projects the result: [B, T, C]. */
export function mixHeads(
  parameters: Attention<Tensor>,
  query: Tensor,
  { key, value }: KeysAndValues<Tensor>,
  { bias, causal, scale }: Pick<AttentionInputs, "bias" | "causal" | "scale">,
): Tensor {
  const options = {
    ...(bias === undefined ? {} : { bias }),
    ...(causal === undefined ? {} : { causal }),
    ...(scale === undefined ? {} : { scale }),
  };
  return projectHeads(parameters, attention(query, key, value, options));
}

/** The heads' results [B, H, T, D] beside each other, through the output layer: [B, T, C]. */
export function projectHeads(parameters: Attention<Tensor>, heads: Tensor): Tensor {
  const mixed = swapAxes(heads); // (B, T, H, D)
  return linear(parameters.output, reshape(mixed, [...mixed.shape.slice(0, 2), -1]));
}

/** D, from the rows of the query weight. */
function headSizeOf(parameters: Attention<Tensor>, { heads }: HeadOptions): number {
  const rows = outputsOf(parameters.query);
  const size = Number(rows) / heads;
  if (Number.isInteger(size)) return size;
  throw new CongError(
    "BAD_ARGUMENT",
    `attention: a query weight of ${rows} rows does not split into ${heads} heads`,
    { heads, rows },
    "pass the number of heads the parameters were made for",
  );
}

function position(heads: Tensor, norm: RmsNorm<Tensor> | undefined, options: HeadOptions): Tensor {
  const { rotary: tables, interleaved = false, normEpsilon = 1e-5 } = options;
  const normed = norm === undefined ? heads : rmsNormLayer(norm, heads, { epsilon: normEpsilon });
  return tables === undefined ? normed : rotary(normed, tables.cosines, tables.sines, { interleaved });
}

/** [B, T, n·D] → [B, T, n, D] */
const splitHeads = (x: Tensor, size: number): Tensor => reshape(x, [...x.shape.slice(0, 2), -1, size]);

/** [B, T, H, D] ⇄ [B, H, T, D]; with an axis of size 1 nothing moves in memory. */
function swapAxes(x: Tensor): Tensor {
  const [B, first, second, D] = x.shape;
  if (first === 1 || second === 1) return reshape(x, [B!, second!, first!, D!]);
  return transpose(x, [0, 2, 1, 3]);
}
