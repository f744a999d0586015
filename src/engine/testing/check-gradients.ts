/**
 * The gradient harness: judges derivatives by finite differences, and backends by the reference.
 *
 * - `checkDerivatives` runs in float64: each element of each gradient against central differences.
 * - `checkGradients` runs a backend in float32: outputs and gradients against the float64 reference, and one directional
 *   difference computed by that backend alone, so that an error shared with the reference would show, too.
 *
 * Both throw a CongError that names the case, the tensor and the worst element.
 */
import { CongError } from "../../support/errors.ts";
import { createRandom } from "../../support/random.ts";
import { checkInputs } from "../backends/check-values.ts";
import type { Backend } from "../backends/contract.ts";
import type { DType, HostTensor } from "../graph/dtype.ts";
import { toNumbers } from "../graph/dtype.ts";
import type { Graph } from "../graph/graph.ts";
import { interpret } from "../graph/interpret.ts";
import { toKernelTensor } from "../graph/kernel-values.ts";
import { caseGraph, caseValues, type OpCase, wantedInputs } from "./op-case.ts";

interface Values {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}
type Fed = Readonly<Record<string, HostTensor>>;
type Results = Readonly<Record<string, Values>>;

/** Central differences in float64 are good to about 1e-9; constants in the graph are float32, which costs 6e-8. */
const float64Tolerance = 1e-6;
const float64Step = 2e-5;
/** Near the cube root of the float32 spacing, where rounding and curvature cost about the same. */
const float32Step = 1e-2;

/** Outputs of a graph in double precision. Inputs may hold Float64Array data. */
export function evaluateInFloat64(graph: Graph, fed: Fed): Results {
  const bindings = checkInputs(graph, fed);
  const inputs = graph.inputs.map(({ name }) => toKernelTensor(fed[name]!, "float64"));
  const outputs = interpret(graph, inputs, bindings, new Map(), "float64");
  return Object.fromEntries(graph.outputs.map(({ name }, i) => [name, outputs[i]!]));
}

/**
 * Checks a case in float64: expected values where the case has them, and every gradient element against central
 * differences (relative to the largest gradient, 1e-6).
 * @throws CongError `VALUE_MISMATCH` or `GRADIENT_MISMATCH`
 */
export function checkDerivatives(given: OpCase): void {
  const graph = caseGraph(given, true);
  for (const [run, sizes] of (given.sizes ?? [{}]).entries()) {
    const fed = caseValues(given, graph, sizes);
    const results = evaluateInFloat64(graph, fed);
    if (run === 0) checkExpected(given, results, float64Tolerance);
    if (given.noDifferences !== undefined) continue;
    const names = wantedInputs(given).filter((name) => results[`gradient.${name}`]);
    const overall = Math.max(0, ...names.map((name) => largest(results[`gradient.${name}`]!.data)));
    for (const name of names) {
      const got = results[`gradient.${name}`]!;
      const wanted = centralDifferences(given, fed, name);
      const scale = Math.max(largest(wanted), 0.01 * overall, 1e-6);
      compare(given, `gradient of "${name}"`, got, wanted, float64Tolerance * scale, "GRADIENT_MISMATCH");
    }
  }
}

/**
 * Checks a case on a float32 backend. All size sets of the case run through one compiled program.
 * @throws CongError `VALUE_MISMATCH` or `GRADIENT_MISMATCH`
 */
export async function checkGradients(backend: Backend, given: OpCase): Promise<void> {
  const graph = caseGraph(given, true);
  const tolerance = given.tolerance?.relative ?? 1e-5;
  const program = await backend.compile(graph);
  try {
    for (const [run, sizes] of (given.sizes ?? [{}]).entries()) {
      const fed = caseValues(given, graph, sizes);
      const results = fromHost(await program.run(fed));
      const wanted = evaluateInFloat64(graph, fed);
      if (run === 0) checkExpected(given, results, tolerance);
      for (const [name, { data, shape, dtype }] of Object.entries(wanted)) {
        const got = results[name]!;
        const code = name.startsWith("gradient.") ? "GRADIENT_MISMATCH" : "VALUE_MISMATCH";
        if (got.dtype !== dtype || got.shape.join() !== shape.join()) {
          fail(given, code, `${name} is ${got.dtype}[${got.shape}], the reference says ${dtype}[${shape}]`);
        }
        const allowed = dtype === "float32" ? tolerance * Math.max(largest(data), 1e-3) : 0;
        compare(given, name, got, data, allowed, code);
      }
      if (given.noDifferences === undefined) await checkDirection(given, fed, results, (inputs) => program.run(inputs));
    }
  } finally {
    await program.dispose();
  }
}

/** The slope along one direction, half along the gradient (so that it is not small) and half random. */
async function checkDirection(
  given: OpCase,
  fed: Fed,
  results: Results,
  run: (fed: Fed) => Promise<Record<string, HostTensor>>,
): Promise<void> {
  const names = wantedInputs(given).filter((name) => results[`gradient.${name}`]);
  const random = createRandom(7).fork(given.name);
  const gradient = names.map((name) => results[`gradient.${name}`]!.data);
  const steepness = norm(gradient);
  if (names.length === 0 || steepness < 1e-6) return;
  const noise = gradient.map((part) => random.normalArray(part.length));
  const noiseNorm = norm(noise);
  const direction = gradient.map((part, k) =>
    Float64Array.from(part, (g, i) => 0.5 * (g / steepness + noise[k]![i]! / noiseNorm)),
  );
  const moved = (sign: number): Fed => {
    const shifted = names.map((name, k): [string, HostTensor] => {
      const { data, ...type } = fed[name]!;
      const values = Float32Array.from(data as Float32Array, (x, i) => x + sign * float32Step * direction[k]![i]!);
      return [name, { ...type, data: values }];
    });
    return { ...fed, ...Object.fromEntries(shifted) };
  };
  // The step that was really taken, after rounding the inputs to float32.
  const [up, down] = [moved(1), moved(-1)];
  let predicted = 0;
  names.forEach((name, k) => {
    for (let i = 0; i < gradient[k]!.length; i++) {
      predicted += gradient[k]![i]! * (Number(up[name]!.data[i]) - Number(down[name]!.data[i]));
    }
  });
  const [above, below] = [fromHost(await run(up)), fromHost(await run(down))];
  const measured = weightedLoss(above, fed) - weightedLoss(below, fed);
  // Curvature costs about step² of the slope; rounding, the float32 spacing of everything that is summed.
  const allowed = 5e-3 * 2 * float32Step * steepness + 2e-6 * weightedLoss(above, fed, Math.abs);
  if (!(Math.abs(measured - predicted) <= allowed)) {
    fail(
      given,
      "GRADIENT_MISMATCH",
      `a step changes the loss by ${measured}, the gradient says ${predicted} (allowed ${allowed})`,
    );
  }
}

/** Σ outputs × weights in double precision; with `of`, the sum of of(each term). */
function weightedLoss(results: Results, fed: Fed, of = (term: number): number => term): number {
  let total = 0;
  for (const [name, weight] of Object.entries(fed)) {
    const output = name.startsWith("weight.") ? results[name.replace("weight", "output")] : undefined;
    if (output === undefined) continue;
    for (let i = 0; i < output.data.length; i++) total += of(output.data[i]! * Number(weight.data[i]));
  }
  return total;
}

function centralDifferences(given: OpCase, fed: Fed, name: string): number[] {
  const graph = caseGraph(given, false);
  const { data, ...type } = fed[name]!;
  return Array.from(data as Float32Array, (x, i) => {
    const step = float64Step * Math.max(1, Math.abs(x));
    const loss = (value: number) => {
      const moved = Float64Array.from(data as Float32Array);
      moved[i] = value;
      return weightedLoss(evaluateInFloat64(graph, { ...fed, [name]: { ...type, data: moved } }), fed);
    };
    return (loss(x + step) - loss(x - step)) / (2 * step);
  });
}

function checkExpected(given: OpCase, results: Results, tolerance: number): void {
  given.expected?.forEach((wanted, i) => {
    const allowed = tolerance * Math.max(largest(wanted), 1e-3);
    compare(given, `output ${i}`, results[`output.${i}`]!, wanted, allowed, "VALUE_MISMATCH");
  });
  for (const [name, wanted] of Object.entries(given.expectedGradients ?? {})) {
    const allowed = tolerance * Math.max(largest(wanted), 1e-3);
    compare(given, `gradient of "${name}"`, results[`gradient.${name}`]!, wanted, allowed, "GRADIENT_MISMATCH");
  }
}

function compare(
  given: OpCase,
  what: string,
  got: Values,
  wanted: ArrayLike<number>,
  allowed: number,
  code: string,
): void {
  if (got.data.length !== wanted.length) {
    fail(given, code, `${what} has ${got.data.length} elements, wanted ${wanted.length}`);
  }
  let [worst, at] = [-1, 0];
  for (let i = 0; i < wanted.length; i++) {
    const [a, b] = [got.data[i]!, wanted[i]!];
    const error = Object.is(a, b) || a === b ? 0 : Math.abs(a - b);
    const size = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    if (size > worst) [worst, at] = [size, i];
  }
  if (worst <= allowed) return;
  fail(given, code, `${what}[${at}] is ${got.data[at]}, wanted ${wanted[at]} (off by ${worst}, allowed ${allowed})`);
}

function fail(given: OpCase, code: string, what: string): never {
  throw new CongError(code, `case "${given.name}": ${what}`, { case: given.name });
}

const fromHost = (tensors: Readonly<Record<string, HostTensor>>): Results =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      name,
      // Half-precision bits are compared as the numbers that they stand for, as the reference holds them.
      {
        dtype: tensor.dtype,
        shape: tensor.shape,
        data: isHalf(tensor) ? toKernelTensor(tensor).data : toNumbers(tensor),
      },
    ]),
  );

const isHalf = ({ dtype }: HostTensor): boolean => dtype === "float16" || dtype === "bfloat16";

function largest(values: ArrayLike<number>): number {
  let result = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]!)) result = Math.max(result, Math.abs(values[i]!));
  }
  return result;
}

const norm = (parts: readonly ArrayLike<number>[]): number =>
  Math.sqrt(parts.reduce((total, part) => total + Array.from(part).reduce((sum, x) => sum + x * x, 0), 0));
