/**
 * Samples as an objective makes them, and rows as a batch holds them.
 *
 * A sample says for each of its tokens what should be predicted there. Packing lays samples end to end in rows of one
 * length, which wastes nothing on padding and gives every batch one shape; a token of a later sample can look at the
 * samples before it in the row, as usual in pre-training (GPT-3, Brown et al. 2020).
 */
import { type HostTensor, hostTensor } from "../../engine/index.ts";
import { CongError } from "../../support/errors.ts";

/** Asks for nothing: the engine's losses pass over it. */
export const ignored = -100;

export interface Sample {
  readonly ids: readonly number[];
  /** For each id the token to predict there, or `ignored`. */
  readonly targets: readonly number[];
}

/** The sample in which every token predicts the next; the last one nothing. */
export const nextTokenSample = (ids: readonly number[]): Sample => ({
  ids,
  targets: [...ids.slice(1), ignored],
});

/** Rows of `length` filled with samples one after another. A sample that does not fit any more goes on in the next row. */
export function* packSamples(samples: Iterable<Sample>, length: number, padId: number): Generator<Sample> {
  let ids: number[] = [];
  let targets: number[] = [];
  for (const sample of samples) {
    if (sample.ids.length !== sample.targets.length) throw unequal(sample);
    let at = 0;
    while (at < sample.ids.length) {
      const count = Math.min(length - ids.length, sample.ids.length - at);
      ids.push(...sample.ids.slice(at, at + count));
      targets.push(...sample.targets.slice(at, at + count));
      at += count;
      if (ids.length < length) continue;
      yield { ids, targets };
      [ids, targets] = [[], []];
    }
  }
  if (ids.length > 0) yield padSample({ ids, targets }, length, padId);
}

/** The sample with padding behind it, which asks for nothing; cut when it is longer. */
export const padSample = ({ ids, targets }: Sample, length: number, padId: number): Sample => ({
  ids: Array.from({ length }, (_, i) => ids[i] ?? padId),
  targets: Array.from({ length }, (_, i) => targets[i] ?? ignored),
});

/** Inputs "ids" and "targets", int64 [B, T], of samples of one length. */
export function sampleTensors(samples: readonly Sample[]): { readonly ids: HostTensor; readonly targets: HostTensor } {
  const shape = [samples.length, samples[0]!.ids.length];
  return {
    ids: hostTensor(
      "int64",
      shape,
      samples.flatMap(({ ids }) => ids),
    ),
    targets: hostTensor(
      "int64",
      shape,
      samples.flatMap(({ targets }) => targets),
    ),
  };
}

const unequal = ({ ids, targets }: Sample): CongError =>
  new CongError(
    "SHAPE_MISMATCH",
    `a sample has ${ids.length} ids and ${targets.length} targets`,
    { ids: ids.length, targets: targets.length },
    `give a target for every id, ${ignored} where nothing is asked`,
  );
