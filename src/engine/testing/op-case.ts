/**
 * A test case of an op or of a function built from ops: inputs, a small graph, and what is known about its values.
 *
 * Cases are plain data, so that one list serves finite differences in float64, the comparison of backends, and
 * second derivatives.
 */
import { createRandom } from "../../support/random.ts";
import { gradients } from "../autodiff/gradients.ts";
import { type GraphBuilder, type Tensor, trace } from "../graph/builder.ts";
import { type Bindings, evaluateShape } from "../graph/dims.ts";
import { elementCount, type HostTensor, hostTensor } from "../graph/dtype.ts";
import type { Graph } from "../graph/graph.ts";
import { add, mul } from "../ops/binary.ts";
import { sum } from "../ops/reduce.ts";
import type { InputSpec } from "./inputs.ts";

export interface OpCaseOptions {
  /** Values of the named sizes; the same program runs once per entry. Default: one run without names. */
  readonly sizes?: readonly Bindings[];
  /** Values of the outputs for the first entry of `sizes`, from somewhere else (PyTorch, a hand calculation). */
  readonly expected?: readonly (readonly number[])[];
  /** d Σ outputs / d input for the first entry of `sizes`, from somewhere else; the outputs then have weight 1. */
  readonly expectedGradients?: Readonly<Record<string, readonly number[]>>;
  /** Why finite differences mean nothing here: a tie, a step, a gradient that lies on purpose. */
  readonly noDifferences?: string;
  /** For float32 backends, relative to the largest element; default 1e-5. */
  readonly tolerance?: { readonly relative: number; readonly reason: string };
}

export interface OpCase extends OpCaseOptions {
  readonly name: string;
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly build: (inputs: Readonly<Record<string, Tensor>>, builder: GraphBuilder) => readonly Tensor[];
}

/** Makes a case; `build` sees exactly the inputs that were declared. */
export function opCase<Name extends string>(
  name: string,
  inputs: Readonly<Record<Name, InputSpec>>,
  build: (inputs: Readonly<Record<Name, Tensor>>, builder: GraphBuilder) => Tensor | readonly Tensor[],
  options: OpCaseOptions = {},
): OpCase {
  return {
    name,
    inputs,
    build: (tensors, builder) => {
      const built = build(tensors as Readonly<Record<Name, Tensor>>, builder);
      return Array.isArray(built) ? (built as readonly Tensor[]) : [built as Tensor];
    },
    ...options,
  };
}

/** True when the case has a gradient that finite differences can judge. */
export function isDifferentiable(given: OpCase): boolean {
  if (given.noDifferences !== undefined || wantedInputs(given).length === 0) return false;
  const graph = caseGraph(given, false);
  return graph.outputs.some(({ value }) => graph.types[value]!.dtype === "float32");
}

/** Names of the inputs whose gradients are checked. */
export const wantedInputs = (given: OpCase): string[] =>
  Object.entries(given.inputs).flatMap(([name, spec]) => (spec.wanted ? [name] : []));

const weightName = (output: number): string => `weight.${output}`;

/**
 * The case as a graph: its outputs as "output.I"; with `withGradients` also the gradients of
 * Σ outputs × weights as "gradient.NAME", the weights being further inputs.
 */
export function caseGraph(given: OpCase, withGradients: boolean): Graph {
  return trace((builder) => {
    const tensors = Object.fromEntries(
      Object.entries(given.inputs).map(([name, spec]) => [name, builder.input(name, spec.dtype, spec.shape)]),
    );
    const outputs = given.build(tensors, builder);
    for (const [i, output] of outputs.entries()) builder.output(`output.${i}`, output);
    const weighted = outputs.flatMap((output, i) =>
      output.dtype === "float32" ? [sum(mul(output, builder.input(weightName(i), "float32", output.shape)))] : [],
    );
    const names = wantedInputs(given);
    if (!withGradients || weighted.length === 0 || names.length === 0) return;
    const found = gradients(
      weighted.reduce((total, part) => add(total, part)),
      names.map((name) => tensors[name]!),
    );
    for (const [i, name] of names.entries()) builder.output(`gradient.${name}`, found[i]!);
  });
}

/** Values of all inputs of `caseGraph` under the given sizes; the same for equal names and sizes. */
export function caseValues(given: OpCase, graph: Graph, sizes: Bindings): Record<string, HostTensor> {
  const random = createRandom(20_240_613).fork(given.name);
  return Object.fromEntries(
    graph.inputs.map(({ name, value }) => {
      const { dtype, shape } = graph.types[value]!;
      const bound = evaluateShape(shape, sizes);
      const spec = given.inputs[name];
      const count = elementCount(bound);
      const values = spec
        ? spec.fill(bound, random.fork(name))
        : given.expectedGradients
          ? new Float32Array(count).fill(1)
          : random.fork(name).uniformArray(count, -1, 1);
      return [name, hostTensor(dtype, bound, values)];
    }),
  );
}

/**
 * The gradients of a case as a case of its own: checking it checks second derivatives. The loss is Σ y²/2, so that a
 * linear op, too, has a second derivative (JᵀJ).
 */
export function differentiated(given: OpCase): OpCase {
  const names = wantedInputs(given);
  return {
    name: `second derivative: ${given.name}`,
    inputs: given.inputs,
    ...(given.sizes ? { sizes: given.sizes } : {}),
    tolerance: { relative: 1e-4, reason: "rounding grows with every derivative" },
    build: (tensors, builder) => {
      const outputs = given.build(tensors, builder).filter((output) => output.dtype === "float32");
      const loss = outputs.map((output) => mul(sum(mul(output, output)), 0.5)).reduce((a, b) => add(a, b));
      return gradients(
        loss,
        names.map((name) => tensors[name]!),
      );
    },
  };
}
