/**
 * From a loss function to gradients in the graph, for one batch or for several micro-batches in one run.
 *
 * Micro-batches are walked by a `scan` inside the one program: inputs get a leading axis, gradients are carried and
 * added up, and the update runs once at the end. The alternative, accumulators as state and an update behind a switch,
 * would compute (and throw away) the whole update for every micro-batch and would put selects into the program of those
 * who do not accumulate. This way the plain path contains not one op for it, and activations of one micro-batch at a
 * time are alive.
 */
import {
  add,
  constant,
  type DType,
  div,
  expand,
  type Graph,
  GraphBuilder,
  gradients,
  mul,
  type RandomSource,
  randomSource,
  type Shape,
  scalar,
  scan,
  type Tensor,
} from "../engine/index.ts";
import { CongError } from "../support/errors.ts";

/** What a loss function returns. */
export interface Loss {
  /** float32 scalar. */
  readonly loss: Tensor;
  /** What else to report, float32 scalars by name, e.g. accuracy. */
  readonly metrics?: Readonly<Record<string, Tensor>>;
  /**
   * float32 scalar: how much this batch counts among micro-batches, usually its number of target tokens. With it the
   * accumulated gradient equals that of one large batch whatever the padding. Default: all count the same.
   */
  readonly weight?: Tensor;
}

/** Builds the loss from parameter tensors (in the order of their paths), declaring its inputs on the builder. */
export type FlatLoss = (builder: GraphBuilder, parameters: readonly Tensor[], random: RandomSource) => Loss;

export interface LossGradients {
  readonly loss: Tensor;
  readonly metrics: Readonly<Record<string, Tensor>>;
  /** Per trainable parameter; d(loss · lossScale · total weight) / d parameter. */
  readonly gradients: readonly Tensor[];
  /** Sum of the weights of the micro-batches; undefined when there is one batch, whose weight cancels. */
  readonly totalWeight: Tensor | undefined;
  /** The random key after the last micro-batch. */
  readonly nextKey: Tensor;
}

export interface LossGradientsCall {
  readonly builder: GraphBuilder;
  readonly loss: FlatLoss;
  readonly parameters: readonly Tensor[];
  /** Per parameter: does it want a gradient? */
  readonly isTrainable: readonly boolean[];
  /** int64 [2]: seed and number of micro-batches seen. */
  readonly key: Tensor;
  /** float32 scalar or undefined. */
  readonly lossScale: Tensor | undefined;
  readonly accumulate: number;
}

/** Adds loss and gradients to the graph. */
export function lossGradients(call: LossGradientsCall): LossGradients {
  if (call.accumulate > 1) return accumulated(call);
  const { loss, metrics = {} } = checked(call.loss(call.builder, call.parameters, randomSource(call.key)));
  const target = call.lossScale === undefined ? loss : mul(loss, call.lossScale);
  return {
    loss,
    metrics,
    gradients: gradients(target, trainable(call)),
    totalWeight: undefined,
    nextKey: advance(call.key),
  };
}

/** One micro-batch as a graph of its own, whose outputs are loss, weight, metrics and gradients, all times the weight. */
function traceOne(call: LossGradientsCall): { graph: Graph; metricNames: string[] } {
  const builder = new GraphBuilder();
  const like = (name: string, { dtype, shape }: { dtype: DType; shape: Shape }) => builder.input(name, dtype, shape);
  const key = like("training.key", call.key);
  const parameters = call.parameters.map((parameter, i) => like(`training.parameter.${i}`, parameter));
  const scale = call.lossScale && like("training.scale", call.lossScale);
  const { loss, metrics = {}, weight } = checked(call.loss(builder, parameters, randomSource(key)));
  const weigh = (x: Tensor) => (weight === undefined ? x : mul(x, weight));
  const weighted = weigh(loss);
  const target = scale === undefined ? weighted : mul(weighted, scale);
  builder.output("loss", weighted);
  builder.output("weight", weight ?? scalar(loss, 1));
  for (const [name, metric] of Object.entries(metrics)) builder.output(`metric.${name}`, weigh(metric));
  for (const [i, gradient] of gradients(target, trainable({ ...call, parameters })).entries()) {
    builder.output(`gradient.${i}`, gradient);
  }
  const graph = builder.finish();
  if (graph.state.length > 0) {
    throw new CongError(
      "BAD_ARGUMENT",
      `trainStep: the loss declares state "${graph.state[0]!.name}", which accumulate > 1 cannot carry`,
      { state: graph.state.map(({ name }) => name) },
      "use accumulate 1 with this loss",
    );
  }
  return { graph, metricNames: Object.keys(metrics) };
}

function accumulated(call: LossGradientsCall): LossGradients {
  const { builder, key, parameters, lossScale, accumulate } = call;
  const { graph, metricNames } = traceOne(call);
  const own = 1 + parameters.length + (lossScale === undefined ? 0 : 1);
  const inputs = graph.inputs.slice(own).map(({ name, value }) => {
    const { dtype, shape } = graph.types[value]!;
    return builder.input(name, dtype, [accumulate, ...shape]);
  });
  if (inputs.length === 0) {
    throw new CongError(
      "BAD_ARGUMENT",
      "trainStep: accumulate > 1, but the loss declares no input to cut into micro-batches",
      { accumulate },
      "declare inputs with builder.input() inside the loss, or use accumulate 1",
    );
  }
  const constants = graph.constants.map(({ name, value }) => builder.constants(name, graph.types[value]!));
  const zero = (type: { readonly shape: Shape }) => expand(scalar(key, 0, "float32"), type.shape);
  const totals = graph.outputs.map(({ value }) => zero(graph.types[value]!));
  const captured = [...parameters, ...(lossScale === undefined ? [] : [lossScale]), ...constants];
  const { carries } = scan(
    (inner, [innerKey, ...sums], slices, shared) => {
      const sources = [innerKey!, ...shared.slice(0, own - 1), ...slices];
      const results = replay(inner, graph, sources, shared.slice(own - 1));
      return { carries: [advance(innerKey!), ...sums.map((total, i) => add(total, results[i]!))] };
    },
    { carries: [key, ...totals], sequences: inputs, captured },
  );
  const [nextKey, loss, totalWeight, ...rest] = carries as [Tensor, Tensor, Tensor, ...Tensor[]];
  const metrics = metricNames.map((name, i) => [name, div(rest[i]!, totalWeight)] as const);
  return {
    loss: div(loss, totalWeight),
    metrics: Object.fromEntries(metrics),
    gradients: rest.slice(metricNames.length),
    totalWeight,
    nextKey,
  };
}

/** Copies the nodes of a graph into another builder, its sources replaced by the given tensors. */
function replay(
  builder: GraphBuilder,
  graph: Graph,
  inputs: readonly Tensor[],
  constants: readonly Tensor[],
): Tensor[] {
  const sources = [...graph.inputs, ...graph.constants].map(({ value }) => value);
  const given = [...inputs, ...constants];
  const values = new Map(sources.map((value, i) => [value, given[i]!]));
  for (const node of graph.nodes) {
    const operands = node.inputs.map((value) => values.get(value)!);
    const made = builder.replay(node, operands);
    for (const [i, value] of node.outputs.entries()) values.set(value, made[i]!);
  }
  return graph.outputs.map(({ value }) => values.get(value)!);
}

const trainable = ({ parameters, isTrainable }: Pick<LossGradientsCall, "parameters" | "isTrainable">): Tensor[] =>
  parameters.filter((_, i) => isTrainable[i]);

/** The next key: the same seed, one micro-batch later. */
const advance = (key: Tensor): Tensor => add(key, constant(key, "int64", [2], [0, 1]));

function checked(result: Loss): Loss {
  const scalars = { loss: result.loss, weight: result.weight, ...result.metrics };
  for (const [name, tensor] of Object.entries(scalars)) {
    if (tensor === undefined || (tensor.dtype === "float32" && tensor.shape.length === 0)) continue;
    throw new CongError(
      "NOT_SCALAR",
      `trainStep: the loss function returned "${name}" as ${tensor.dtype}[${tensor.shape.join(", ")}], wanted a float32 scalar`,
      { name, dtype: tensor.dtype, shape: tensor.shape },
      "reduce it with mean() or sum(), and cast() integers",
    );
  }
  return result;
}
