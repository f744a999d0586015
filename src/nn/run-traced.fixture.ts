/** For tests of layers: builds a function of parameters and inputs as a graph, runs it once, returns plain numbers. */
import { referenceBackend } from "../engine/backends/reference/index.ts";
import {
  type Backend,
  flattenTree,
  gradients,
  type HostTensor,
  hostTensor,
  mapTree,
  specOf,
  type Tensor,
  type TensorSpec,
  type Tree,
  toNumbers,
  trace,
} from "../engine/index.ts";

/** Numbers of each named result, row-major; gradients under "gradient.PATH". */
export type Results<Names extends string> = Record<Names, number[]> & Record<string, number[]>;

/**
 * Runs `build(parameters, inputs)` and returns its results. A result named "loss" also gives "gradient.PATH" of every
 * parameter.
 */
export async function runTraced<
  Parameters extends Tree<HostTensor>,
  Handles,
  Input extends string,
  Result extends string,
>(
  parameters: Parameters,
  inputs: Readonly<Record<Input, HostTensor>>,
  build: (parameters: Handles, inputs: Readonly<Record<Input, Tensor>>) => Readonly<Record<Result, Tensor>>,
  backend: Backend = referenceBackend(),
): Promise<Results<Result>> {
  const graph = trace((builder) => {
    const specs = mapTree<HostTensor, TensorSpec, Parameters>(parameters, specOf);
    const handles = builder.state("model", specs as Tree<TensorSpec>) as Tree<Tensor>;
    const fed = mapTree<HostTensor, Tensor>(inputs, ({ dtype, shape }, name) => builder.input(name, dtype, shape));
    const results: Readonly<Record<string, Tensor>> = build(handles as Handles, fed as Record<Input, Tensor>);
    for (const [name, tensor] of Object.entries(results)) builder.output(name, tensor);
    if (results.loss === undefined) return;
    const leaves = flattenTree<Tensor>(handles);
    const wanted = leaves.map(([, leaf]) => leaf);
    gradients(results.loss, wanted).forEach((gradient, i) => {
      builder.output(`gradient.${leaves[i]![0]}`, gradient);
    });
  });
  const program = await backend.compile(graph);
  for (const [path, leaf] of flattenTree<HostTensor>(parameters)) program.writeState(`model.${path}`, leaf);
  const results = await program.run(inputs);
  await program.dispose();
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [name, toNumbers(tensor)]),
  ) as Results<Result>;
}

/**
 * Values any language makes alike: scale·sin(phase + i) for i = 0, 1, 2, … Tests use them with numbers that PyTorch
 * gave for the same inputs.
 */
export const wave = (shape: readonly number[], phase = 0, scale = 1): HostTensor =>
  hostTensor(
    "float32",
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => scale * Math.sin(phase + i)),
  );

/** The same tree with waves of rising phase (0, 1, 2, … in the order of the leaves) in place of its values. */
export function waves<Parameters extends Tree<HostTensor>>(parameters: Parameters, scale = 0.5): Parameters {
  let phase = 0;
  const replace = (leaf: HostTensor) => wave(leaf.shape, phase++, scale);
  return mapTree<HostTensor, HostTensor, Parameters>(parameters, replace) as unknown as Parameters;
}

/** Largest |a − b| over the largest |reference| (or `floor`, if that is larger); infinite for NaN and other lengths. */
export function relativeError(got: readonly number[], reference: ArrayLike<number>, floor = 0): number {
  if (got.length !== reference.length) return Number.POSITIVE_INFINITY;
  const list = Array.from(reference);
  const largest = Math.max(floor, ...list.map(Math.abs));
  const worst = Math.max(...got.map((value, i) => Math.abs(value - list[i]!)));
  return Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst / largest;
}
