/**
 * A loop over the first axis of sequences, carrying tensors from step to step: the engine's recurrence.
 *
 * The body is a graph of its own with inputs carries, one slice of each sequence, and captured tensors (weights), in
 * this order; its outputs are the next carries and the step's results. Besides the last carries and the stacked
 * results, a scan outputs the *history* of each carry (its value after every step), which is what the backward loop
 * needs; backends leave unused histories out.
 */
import { CongError } from "../../support/errors.ts";
import { buildGradients } from "../autodiff/gradients.ts";
import { bindGraph } from "../graph/bind.ts";
import { GraphBuilder, type Tensor } from "../graph/builder.ts";
import type { Graph, Node, TensorType } from "../graph/graph.ts";
import { interpret } from "../graph/interpret.ts";
import type { GradientCall, KernelCall, KernelTensor, OpDefinition } from "../graph/op.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { add } from "./binary.ts";
import { type CustomGradientParams, customGradientOp, movedCustomGradient } from "./custom-gradient.ts";
import { scalar } from "./emit.ts";
import { concat, expand, reshape, slice } from "./movement.ts";

export interface ScanParams {
  readonly body: Graph;
  readonly carries: number;
  readonly sequences: number;
  /** Walk the sequences from their end; results keep the order of the sequences. */
  readonly reverse: boolean;
}

export const scanOp: OpDefinition<ScanParams> = {
  name: "scan",
  infer: (inputs, { body, carries, sequences }) => {
    const length = inputs[carries]!.shape[0]!;
    const results = body.outputs.map(({ value }) => body.types[value]!);
    const stacked = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape: [length, ...shape] });
    inputs.slice(0, carries).forEach((carry, i) => {
      const next = results[i]!;
      if (carry.dtype === next.dtype && sameShape(carry.shape, next.shape)) return;
      throw new CongError(
        "SHAPE_MISMATCH",
        `scan: carry ${i} starts as ${carry.dtype}${showShape(carry.shape)} and becomes ${next.dtype}${showShape(next.shape)}`,
        { carry: i },
        "a carry keeps its dtype and shape from step to step",
      );
    });
    inputs.slice(carries, carries + sequences).forEach((sequence, i) => {
      if (sequence.shape[0] === length) return;
      throw new CongError(
        "SHAPE_MISMATCH",
        `scan: sequence ${i} has ${sequence.shape[0]} steps, the first has ${length}`,
        {},
        "all sequences need equal lengths",
      );
    });
    const next = results.slice(0, carries);
    return [...next, ...next.map(stacked), ...results.slice(carries).map(stacked)];
  },
  gradient: scanGradient,
  bind: (params, bindings) => ({ ...params, body: bindGraph(params.body, bindings) }),
  evaluate: scanKernel,
};

function scanKernel({
  inputs,
  outputs,
  params: { body, carries, sequences, reverse },
  bindings,
}: KernelCall<ScanParams>): void {
  let current = inputs.slice(0, carries);
  const lists = inputs.slice(carries, carries + sequences);
  const captured = inputs.slice(carries + sequences);
  const steps = lists[0]!.shape[0]!;
  const part = (x: KernelTensor, step: number) => {
    const size = x.data.length / steps;
    return x.data.subarray(step * size, (step + 1) * size);
  };
  for (let i = 0; i < steps; i++) {
    const step = reverse ? steps - 1 - i : i;
    const slices = lists.map((x) => ({ dtype: x.dtype, shape: x.shape.slice(1), data: part(x, step) }));
    const results = interpret(body, [...current, ...slices, ...captured], bindings);
    current = results.slice(0, carries);
    for (const [k, result] of results.entries()) part(outputs[carries + k]!, step).set(result.data);
  }
  for (const [k, carry] of current.entries()) outputs[k]!.data.set(carry.data);
}

/** Backward loop: walks the other way with the carries' gradients as carries, and adds up those of captured tensors. */
function scanGradient({ inputs, outputs, gradients, params, needs }: GradientCall<ScanParams>): (Tensor | undefined)[] {
  const { body, carries, sequences, reverse } = params;
  const start = inputs.slice(0, carries);
  const lists = inputs.slice(carries, carries + sequences);
  const captured = inputs.slice(carries + sequences);
  const history = outputs.slice(carries, 2 * carries);
  const zerosLike = (x: Tensor) => expand(scalar(x, 0), x.shape);
  const differentiable = (x: Tensor) => x.dtype === "float32";

  // The carry a step started from: the history moved on by one, with the start in front (behind, when reversed).
  const before = start.map((first, i) => {
    const lead = reshape(first, [1, ...first.shape]);
    const past = history[i]!;
    return reverse ? concat([slice(past, 0, 1), lead], 0) : concat([lead, slice(past, 0, 0, -1)], 0);
  });
  const wanted = captured.map((x, i) => needs[carries + sequences + i]! && differentiable(x));
  const stepGradients = outputs.slice(carries).map((output, i) => gradients[carries + i] ?? zerosLike(output));
  const floatCarries = start.map(differentiable);

  const backward = scan(
    (builder, carried, parts, held) => {
      const step = embed(builder, body, [...parts.slice(0, carries + sequences), ...held]);
      // What arrives at each result of the step: from later steps, from the history and from the stacked results.
      const seeds = step.outputs.map((_, k) => {
        const own = parts[carries + sequences + k]!;
        return k < carries && floatCarries[k] ? add(carried[k]!, own) : own;
      });
      const targets = step.inputs.filter((_, k) => {
        if (k < carries) return floatCarries[k]!;
        if (k < carries + sequences) return differentiable(step.inputs[k]!);
        return wanted[k - carries - sequences]!;
      });
      const found = buildGradients(step.outputs, seeds, targets);
      const of = (x: Tensor) => found[targets.indexOf(x)] ?? zerosLike(x);
      const sums = captured.flatMap((_, i) => (wanted[i] ? [step.inputs[carries + sequences + i]!] : []));
      return {
        carries: [
          ...step.inputs.slice(0, carries).map((x, k) => (floatCarries[k] ? of(x) : zerosLike(x))),
          ...sums.map((x, i) => add(carried[carries + i]!, of(x))),
        ],
        results: step.inputs
          .slice(carries, carries + sequences)
          .filter(differentiable)
          .map(of),
      };
    },
    {
      carries: [
        ...start.map((x, i) => gradients[i] ?? zerosLike(x)),
        ...captured.filter((_, i) => wanted[i]).map(zerosLike),
      ],
      sequences: [
        ...before,
        ...lists,
        ...stepGradients.map((g, k) => (g.dtype === "float32" ? g : zerosLike(outputs[carries + k]!))),
      ],
      captured,
      reverse: !reverse,
    },
  );
  let sequenceAt = 0;
  let capturedAt = 0;
  return [
    ...start.map((_, i) => (floatCarries[i] ? backward.carries[i] : undefined)),
    ...lists.map((x) => (differentiable(x) ? backward.results[sequenceAt++] : undefined)),
    ...captured.map((_, i) => (wanted[i] ? backward.carries[carries + capturedAt++] : undefined)),
  ];
}

/** Copies a graph's nodes into a builder with `inputs` in place of its inputs. */
export function embed(
  builder: GraphBuilder,
  graph: Graph,
  inputs: readonly Tensor[],
): { inputs: readonly Tensor[]; outputs: Tensor[] } {
  const values = new Map(graph.inputs.map((input, i) => [input.value, inputs[i]!]));
  const copy = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      const params =
        node.op === customGradientOp.name
          ? movedCustomGradient(node.params as CustomGradientParams, builder, values, copy)
          : node.params;
      const made = builder.replay(
        { ...node, params },
        node.inputs.map((value) => values.get(value)!),
      );
      for (const [i, value] of node.outputs.entries()) values.set(value, made[i]!);
    }
  };
  copy(graph.nodes);
  return { inputs, outputs: graph.outputs.map((output) => values.get(output.value)!) };
}

export interface ScanArguments {
  /** Values before the first step. */
  readonly carries: readonly Tensor[];
  /** Tensors whose first axis is walked; at least one. */
  readonly sequences: readonly Tensor[];
  /** Tensors the body reads whole in every step, such as weights. */
  readonly captured?: readonly Tensor[];
  /** Walk from the end. Default false. */
  readonly reverse?: boolean;
}

/** Builds one step from carries, slices and captured tensors; all tensors belong to the body's own builder. */
export type ScanBody = (
  builder: GraphBuilder,
  carries: readonly Tensor[],
  slices: readonly Tensor[],
  captured: readonly Tensor[],
) => { readonly carries: readonly Tensor[]; readonly results?: readonly Tensor[] };

/**
 * Runs `body` once per step of the sequences.
 * @returns the carries after the last step, and the steps' results stacked along a new first axis.
 */
export function scan(body: ScanBody, given: ScanArguments): { carries: Tensor[]; results: Tensor[] } {
  const { carries, sequences, captured = [], reverse = false } = given;
  const [first] = sequences;
  if (first === undefined) throw new CongError("NO_TENSOR", "scan: got no sequences", {}, "pass at least one sequence");
  const inner = new GraphBuilder();
  const input = (name: string, { dtype, shape }: TensorType) => inner.input(name, dtype, shape);
  const step = body(
    inner,
    carries.map((x, i) => input(`carry.${i}`, x)),
    sequences.map((x, i) => input(`sequence.${i}`, { dtype: x.dtype, shape: x.shape.slice(1) })),
    captured.map((x, i) => input(`captured.${i}`, x)),
  );
  for (const [i, x] of step.carries.entries()) inner.output(`carry.${i}.next`, x);
  for (const [i, x] of (step.results ?? []).entries()) inner.output(`result.${i}`, x);
  const params = { body: inner.finish(), carries: carries.length, sequences: sequences.length, reverse };
  const outputs = first.builder.emit(scanOp, [...carries, ...sequences, ...captured], params);
  return { carries: outputs.slice(0, carries.length), results: outputs.slice(2 * carries.length) };
}
