/**
 * One training step as one graph: loss, gradients, clipping, optimizer update, moving average, all compiled together.
 *
 * State of the program: "model.PATH" (parameters), "optimizer.MOMENT.PATH", "ema.PATH", "training.step" (updates done),
 * "training.randomKey" (seed and number of micro-batches seen, so that dropout differs from step to step and goes on
 * equally after a resume), and the loss scale. Frozen parameters are constants of the graph.
 *
 * When the loss or the gradient norm is not finite, learning rate and gradient scale become 0 inside the graph. That
 * costs two scalar ops and leaves all parameters whose own gradient is finite untouched; the others turn into NaN,
 * which tells `Trainer` where the trouble is.
 */

import { allocateArray, elementCount } from "../engine/graph/dtype.ts";
import {
  add,
  and,
  cast,
  div,
  flattenTree,
  type Graph,
  GraphBuilder,
  type HostTensor,
  type MapTree,
  mapTree,
  mul,
  type RandomSource,
  scalar,
  specOf,
  sub,
  type Tensor,
  type Tree,
  where,
} from "../engine/index.ts";
import { checkInteger, checkRange } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import { clipFactor, globalNorm } from "./clip.ts";
import { type Loss, lossGradients } from "./loss-gradients.ts";
import {
  isFiniteScalar,
  type LossScaleOptions,
  lossScaleSlots,
  lossScaleState,
  readLossScale,
  updateLossScale,
} from "./loss-scale.ts";
import type { MomentSpec, Optimizer, ParameterInfo } from "./optimizers/index.ts";

export interface TrainStepOptions<P extends Tree<HostTensor>> {
  /** Builds the loss of one batch, declaring its inputs with `builder.input`. `random` feeds dropout. */
  readonly loss: (builder: GraphBuilder, parameters: MapTree<P, HostTensor, Tensor>, random: RandomSource) => Loss;
  /** Initial parameters. Trainable ones are float32. */
  readonly parameters: P;
  readonly optimizer: Optimizer;
  /** Largest global gradient norm; default 1, null for no clipping. */
  readonly clipNorm?: number | null;
  /** Micro-batches per update; every input then has a leading axis of this size. Default 1. */
  readonly accumulate?: number;
  /** Decay of an exponential moving average of the parameters, e.g. 0.999; default none. */
  readonly ema?: number;
  /** Dynamic loss scaling; default none. Needed for float16 arithmetic only. */
  readonly lossScale?: LossScaleOptions | true;
  /** Parameters that stay as they are; default none. */
  readonly frozen?: (path: string) => boolean;
  /** Seed of dropout and everything else random inside the graph, 0 to 2^32 − 1; default 0. */
  readonly seed?: number;
}

/** A step ready to be compiled. `Trainer` runs it. */
export interface TrainStep<P extends Tree<HostTensor> = Tree<HostTensor>> {
  readonly graph: Graph;
  readonly parameters: P;
  /** Paths of the trainable parameters. */
  readonly trainable: readonly string[];
  /** Frozen parameters by state name ("model.PATH"). */
  readonly constants: Readonly<Record<string, HostTensor>>;
  /** Values of the whole state before the first step, made one at a time. */
  initialState(): Iterable<readonly [name: string, value: HostTensor]>;
  readonly accumulate: number;
  /** Undefined without loss scaling. */
  readonly lossScale: Required<LossScaleOptions> | undefined;
  readonly hasEma: boolean;
  /** How this step was made, as plain JSON for checkpoints. */
  readonly config: Readonly<Record<string, unknown>>;
}

export const stateNames = { step: "training.step", key: "training.randomKey" } as const;

/**
 * Builds the graph of one training step. Inputs: those of the loss, and "learningRate" (float32 scalar). Outputs:
 * "loss", "gradientNorm" (before clipping) and "metric.NAME".
 *
 * @throws CongError `BAD_ARGUMENT` for options out of range or when nothing is trainable, `WRONG_DTYPE` for a trainable
 * parameter that is not float32, `NOT_SCALAR` for a loss or metric that is not a float32 scalar
 */
export function trainStep<P extends Tree<HostTensor>>(options: TrainStepOptions<P>): TrainStep<P> {
  const { parameters, optimizer, clipNorm = 1, accumulate = 1, ema, frozen = () => false, seed = 0 } = options;
  checkInteger("trainStep", { accumulate }, { min: 1 });
  checkInteger("trainStep", { seed }, { min: 0, max: 2 ** 32 - 1 });
  if (clipNorm !== null) checkRange("trainStep", { clipNorm }, { min: Number.MIN_VALUE });
  if (ema !== undefined) checkRange("trainStep", { ema }, { min: 0, max: 1 });
  const scaling = options.lossScale && readLossScale(options.lossScale === true ? {} : options.lossScale);
  const leaves = flattenTree<HostTensor>(parameters);
  const isTrainable = leaves.map(([path]) => !frozen(path));
  const trained = leaves.filter((_, i) => isTrainable[i]).map(checkTrainable);
  if (trained.length === 0) {
    throw new CongError(
      "BAD_ARGUMENT",
      `trainStep: all ${leaves.length} parameters are frozen`,
      { parameters: leaves.length },
      "let `frozen` return false for those to be trained",
    );
  }
  const moments = optimizer.init(trained);

  const builder = new GraphBuilder();
  const tree = mapTree<HostTensor, Tensor, P>(parameters, (tensor, path) => {
    const name = stateName("model", path);
    return frozen(path) ? builder.constants(name, specOf(tensor)) : builder.state(name, specOf(tensor));
  });
  const tensors = flattenTree<Tensor>(tree as Tree<Tensor>).map(([, tensor]) => tensor);
  const step = builder.state(stateNames.step, { dtype: "int64", shape: [] });
  const key = builder.state(stateNames.key, { dtype: "int64", shape: [2] });
  const scaleSlots = scaling && lossScaleSlots(builder);
  const fedRate = builder.input("learningRate", "float32", []);

  const found = lossGradients({
    builder,
    loss: (inner, flat, random) => options.loss(inner, withLeaves<P>(parameters, flat), random),
    parameters: tensors,
    isTrainable,
    key,
    lossScale: scaleSlots?.scale,
    accumulate,
  });

  builder.scope("update", () => {
    // Gradients are still multiplied by the loss scale and by the total weight of the micro-batches.
    const multiples = [scaleSlots?.scale, found.totalWeight].filter((factor) => factor !== undefined);
    const inverse = multiples.reduce((rest, factor) => div(rest, factor), scalar(fedRate, 1));
    const norm = mul(globalNorm(found.gradients), inverse);
    const isSound = and(isFiniteScalar(norm), isFiniteScalar(found.loss));
    const unlessBroken = (x: Tensor) => where(isSound, x, scalar(x, 0));
    const gradientScale = unlessBroken(clipNorm === null ? inverse : mul(inverse, clipFactor(norm, clipNorm)));
    const learningRate = unlessBroken(fedRate);
    const nextStep = add(step, cast(isSound, "int64"));
    // Scaled losses overflow now and then and training goes on, so there the old values are really kept.
    const choose = (next: Tensor, old: Tensor) => (scaling ? where(isSound, next, old) : next);
    const trainedTensors = tensors.filter((_, i) => isTrainable[i]);
    trained.forEach(({ path, spec }, i) => {
      const parameter = trainedTensors[i]!;
      const slots = mapValues(moments[path]!, (moment, name) =>
        builder.state(stateName(`optimizer.${name}`, path), { dtype: moment.dtype, shape: moment.shape }),
      );
      const updated = optimizer.update({
        path,
        parameter,
        gradient: found.gradients[i]!,
        moments: slots,
        learningRate,
        step: add(cast(step, "float32"), 1),
        decay: optimizer.decayOf(path, spec.shape),
        gradientScale,
      });
      const next = choose(updated.parameter, parameter);
      builder.assign(parameter, next);
      for (const [name, slot] of Object.entries(slots)) builder.assign(slot, choose(updated.moments[name]!, slot));
      if (ema !== undefined) {
        // e' = d·e + (1 − d)·p' (Polyak and Juditsky 1992), and e' = e when the update did not take place.
        const average = builder.state(stateName("ema", path), spec);
        const share = unlessBroken(scalar(fedRate, 1 - ema));
        builder.assign(average, add(mul(average, sub(1, share)), mul(next, share)));
      }
    });
    builder.assign(step, nextStep);
    builder.assign(key, found.nextKey);
    if (scaling && scaleSlots) updateLossScale(scaleSlots, isSound, scaling);
    builder.output("loss", found.loss);
    builder.output("gradientNorm", norm);
    for (const [name, metric] of Object.entries(found.metrics)) builder.output(`metric.${name}`, metric);
  });

  const graph = builder.finish();
  const constants = leaves.filter((_, i) => !isTrainable[i]);
  return {
    graph,
    parameters,
    trainable: trained.map(({ path }) => path),
    constants: Object.fromEntries(constants.map(([path, tensor]) => [stateName("model", path), tensor])),
    initialState: () => initialState(trained, moments, ema !== undefined, seed, scaling || undefined),
    accumulate,
    lossScale: scaling || undefined,
    hasEma: ema !== undefined,
    config: {
      optimizer: { name: optimizer.name, ...optimizer.options },
      clipNorm,
      accumulate,
      ema: ema ?? null,
      lossScale: scaling ?? null,
      seed,
    },
  };
}

/** "model.layers.0.weight"; a tree that is a single tensor has the path "". */
export const stateName = (kind: string, path: string): string => (path === "" ? kind : `${kind}.${path}`);

interface Trained extends ParameterInfo {
  readonly tensor: HostTensor;
}

function checkTrainable([path, tensor]: [string, HostTensor]): Trained {
  if (tensor.dtype === "float32") return { path, tensor, spec: { dtype: tensor.dtype, shape: tensor.shape } };
  throw new CongError(
    "WRONG_DTYPE",
    `trainStep: parameter "${path}" is ${tensor.dtype}[${tensor.shape.join(", ")}], trainable ones are float32`,
    { path, dtype: tensor.dtype },
    "convert it to float32, or freeze it",
  );
}

function* initialState(
  trained: readonly Trained[],
  moments: Readonly<Record<string, Readonly<Record<string, MomentSpec>>>>,
  hasEma: boolean,
  seed: number,
  scaling: Required<LossScaleOptions> | undefined,
): Generator<readonly [string, HostTensor]> {
  const int64 = (shape: number[], values: bigint[]): HostTensor => ({
    dtype: "int64",
    shape,
    data: BigInt64Array.from(values),
  });
  for (const { path, tensor } of trained) {
    yield [stateName("model", path), tensor];
    if (hasEma) yield [stateName("ema", path), tensor];
    for (const [name, { dtype, shape, initial = 0 }] of Object.entries(moments[path]!)) {
      const data = allocateArray(dtype, elementCount(shape)) as Float32Array;
      yield [stateName(`optimizer.${name}`, path), { dtype, shape, data: initial === 0 ? data : data.fill(initial) }];
    }
  }
  yield [stateNames.step, int64([], [0n])];
  yield [stateNames.key, int64([2], [BigInt(seed), 0n])];
  if (scaling) {
    yield [lossScaleState.scale, { dtype: "float32", shape: [], data: Float32Array.of(scaling.initial) }];
    yield [lossScaleState.streak, int64([], [0n])];
  }
}

function withLeaves<P extends Tree<HostTensor>>(tree: P, leaves: readonly Tensor[]): MapTree<P, HostTensor, Tensor> {
  let next = 0;
  return mapTree<HostTensor, Tensor, P>(tree, () => leaves[next++]!);
}

const mapValues = <From, To>(
  record: Readonly<Record<string, From>>,
  change: (value: From, key: string) => To,
): Record<string, To> => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
