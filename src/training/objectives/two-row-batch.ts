/**
 * Batches for the first GLM (Du et al. 2022, section 2; `blocklm_utils.py`): each row has two rows of positions, and its
 * Part A is seen by all its tokens. Samples have a row each: in a packed row a sample would see the Part A of others.
 *
 * B rows, T tokens.
 */
import {
  type GraphBuilder,
  type HostTensor,
  hostTensor,
  iota,
  less,
  lessOrEqual,
  maskBias,
  or,
  reshape,
  type Tensor,
} from "../../engine/index.ts";
import type { ForwardInputs } from "../../models/index.ts";
import { CongError } from "../../support/errors.ts";
import type { TwoRowSample } from "./blank-infilling.ts";
import { padSample, sampleTensors } from "./samples.ts";

export interface TwoRowBatch {
  /** int64 [B, T] */
  readonly ids: HostTensor;
  /** int64 [B, T], `ignored` where nothing is asked. */
  readonly targets: HostTensor;
  /** int64 [B, 2, T] */
  readonly positions: HostTensor;
  /** int64 [B]: tokens of Part A. */
  readonly prefix: HostTensor;
}

/**
 * Fills samples up to one length. Padding stands behind, where no token of the sample looks.
 * @throws CongError `TOO_LONG` for a sample that would have to be cut: its spans would lose their end
 */
export function twoRowTensors(samples: readonly TwoRowSample[], length: number, padId: number): TwoRowBatch {
  samples.forEach(({ ids }, index) => {
    if (ids.length <= length) return;
    throw new CongError(
      "TOO_LONG",
      `sample ${index} has ${ids.length} tokens, a row ${length}`,
      { index, tokens: ids.length, length },
      "draw blanks in shorter texts, or take longer rows: every span adds a mask, a start and an end",
    );
  });
  const B = samples.length;
  const positions = samples.flatMap((sample) =>
    sample.positions.flatMap((row) => Array.from({ length }, (_, i) => row[i] ?? 0)),
  );
  return {
    ...sampleTensors(samples.map((sample) => padSample(sample, length, padId))),
    positions: hostTensor("int64", [B, 2, length], positions),
    prefix: hostTensor(
      "int64",
      [B],
      samples.map(({ prefixLength }) => prefixLength),
    ),
  };
}

/** The inputs of a graph that reads `twoRowTensors`: what the family's forward pass takes, and the targets. */
export function twoRowInputs(
  builder: GraphBuilder,
  { batch, length }: { readonly batch: number; readonly length: number },
): { readonly inputs: ForwardInputs; readonly targets: Tensor } {
  const ids = builder.input("ids", "int64", [batch, length]);
  const targets = builder.input("targets", "int64", [batch, length]);
  const positions = builder.input("positions", "int64", [batch, 2, length]);
  const bias = builder.scope("mask", () => prefixBias(builder.input("prefix", "int64", [batch]), length));
  return { inputs: { ids, positions, bias }, targets };
}

/**
 * Score bias [B, 1, T, T]: a token sees itself, the tokens before it, and its row's first `prefix` tokens. So Part A sees
 * all of itself, and a span of Part B sees Part A, the spans before it, and itself up to where it is.
 * @param prefix int64 [B]
 */
export function prefixBias(prefix: Tensor, T: number): Tensor {
  const columns = iota(prefix.builder, T);
  const past = lessOrEqual(columns, reshape(columns, [T, 1])); // (T, T)
  return maskBias(or(past, less(columns, reshape(prefix, [-1, 1, 1, 1])))); // (B, 1, T, T)
}
