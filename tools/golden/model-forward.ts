/** What one pass through a model gives: logits, loss, hidden states and gradients; and tokens chosen one by one. */
import {
  type Backend,
  crossEntropy,
  flattenTree,
  type GraphBuilder,
  gradients,
  type HostTensor,
  hostTensor,
  mapTree,
  reshape,
  slice,
  specOf,
  type Tensor,
  type TensorSpec,
  toNumbers,
  trace,
} from "../../src/engine/index.ts";
import { ProgramPool } from "../../src/inference/index.ts";
import {
  type ForwardInputs,
  type LoadedParameters,
  type ModelFamily,
  type ParameterTree,
  paddingBias,
} from "../../src/models/index.ts";
import { relativeError } from "../../src/nn/run-traced.fixture.ts";
import { greedyRows, rowsOf, wrongIds } from "./generation.ts";
import type { Tensors } from "./model.ts";
import { expertGradients } from "./model-experts.ts";
import type { Quantity } from "./quantity.ts";

export const tolerances = { logits: 1e-4, gradients: 1e-3 } as const;

/** Parameters as constants of a program. */
export const parametersIn = (builder: GraphBuilder, parameters: ParameterTree<HostTensor>): ParameterTree<Tensor> =>
  builder.constants("model", mapTree<HostTensor, TensorSpec>(parameters, specOf)) as ParameterTree<Tensor>;

export const constantsOf = (parameters: ParameterTree<HostTensor>): Record<string, HostTensor> =>
  Object.fromEntries(flattenTree<HostTensor>(parameters).map(([path, leaf]) => [`model.${path}`, leaf]));

/** Mean cross-entropy with labels = ids: of the next token, or of the token itself where all see all (BERT). */
export function goldenLoss(mask: ModelFamily["mask"], logits: Tensor, ids: Tensor): Tensor {
  const [, T, V] = logits.shape;
  const [predictions, labels] =
    mask === "full" ? [logits, ids] : [slice(logits, 1, 0, Number(T) - 1), slice(ids, 1, 1, Number(T))];
  return crossEntropy(reshape(predictions, [-1, V!]), reshape(labels, [-1]));
}

/** Logits, loss, hidden states and gradients of everything golden.safetensors has a gradient for. */
export async function forwardErrors(
  { family, config, parameters }: LoadedParameters,
  golden: Tensors,
  backend: Backend,
): Promise<Quantity[]> {
  const ids = golden.input_ids!;
  const wantedGradients = Object.keys(golden).some((name) => name.startsWith("grad."));
  const graph = trace((builder) => {
    const tensors = parametersIn(builder, parameters);
    const input = builder.input("ids", "int64", ids.shape);
    const { hidden } = family.forward(config, tensors, { ids: input });
    const logits = family.logits(config, tensors, hidden.at(-1)!);
    builder.output("logits", logits);
    hidden.forEach((each, i) => {
      builder.output(`hidden.${i}`, each);
    });
    if (golden.loss === undefined) return;
    const loss = goldenLoss(family.mask, logits, input);
    builder.output("loss", loss);
    if (!wantedGradients) return;
    const leaves = flattenTree<Tensor>(tensors).filter(([path]) => !family.isBuffer?.(path));
    const found = gradients(
      loss,
      leaves.map(([, leaf]) => leaf),
    );
    found.forEach((gradient, i) => {
      builder.output(`grad.${leaves[i]![0]}`, gradient);
    });
  });
  const program = await backend.compile(graph, { constants: constantsOf(parameters) });
  const results = expertGradients(await program.run({ ids }));
  await program.dispose();
  return compareAll(golden, results);
}

/** Every recorded logit, loss, hidden state and gradient beside the computed one. */
export function compareAll(golden: Tensors, results: Tensors): Quantity[] {
  const names = Object.keys(golden).filter((name) => /^(logits|loss|hidden\.|grad\.)/.test(name));
  const all = names.filter((name) => name.startsWith("grad.")).map((name) => largest(golden[name]!));
  const floor = 1e-3 * Math.max(0, ...all);
  return names.map((name) => {
    const isGradient = name.startsWith("grad.");
    const got = results[name];
    const error =
      got === undefined
        ? Number.POSITIVE_INFINITY
        : relativeError(toNumbers(got), toNumbers(golden[name]!), isGradient ? floor : 0);
    return { name, error, tolerance: isGradient ? tolerances.gradients : tolerances.logits };
  });
}

const largest = (tensor: HostTensor): number => toNumbers(tensor).reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** Logits of a batch whose rows are padded on the left; rows of padding tokens are not compared. */
export async function paddedErrors(
  { family, config, parameters }: LoadedParameters,
  golden: Tensors,
  backend: Backend,
): Promise<Quantity> {
  const [ids, mask] = [golden.input_ids!, golden["leftpad.attention_mask"]!];
  const [B, T] = ids.shape as [number, number];
  const marks = toNumbers(mask);
  const positions = marks.map((_, i) => {
    const before = marks.slice(i - (i % T), i + 1).reduce((a, b) => a + b, 0);
    return Math.max(before - 1, 0);
  });
  const graph = trace((builder) => {
    const tensors = parametersIn(builder, parameters);
    const inputs: ForwardInputs = {
      ids: builder.input("ids", "int64", [B, T]),
      positions: builder.input("positions", "int64", [B, T]),
      bias: paddingBias(builder.input("mask", "int64", [B, T]), family.mask),
    };
    const { hidden } = family.forward(config, tensors, inputs);
    builder.output("logits", family.logits(config, tensors, hidden.at(-1)!));
  });
  const program = await backend.compile(graph, { constants: constantsOf(parameters) });
  const { logits } = await program.run({ ids, mask, positions: hostTensor("int64", [B, T], positions) });
  await program.dispose();
  const V = logits!.shape[2]!;
  const kept = (tensor: HostTensor) => toNumbers(tensor).filter((_, i) => marks[Math.floor(i / V)] === 1);
  const error = relativeError(kept(logits!), kept(golden["leftpad.logits"]!));
  return { name: "leftpad.logits", error, tolerance: tolerances.logits };
}

/** The most likely token again and again after the first five, through the cache; the count of wrong tokens. */
export async function greedyErrors(model: LoadedParameters, golden: Tensors, backend: Backend): Promise<Quantity> {
  const prompts = rowsOf(golden.input_ids!).map((row) => row.slice(0, 5));
  const pool = new ProgramPool({ ...model, backend });
  const rows = await greedyRows(pool, prompts, { maxNewTokens: golden.greedy!.shape[1]! - 5 });
  await pool.dispose();
  return { name: "greedy tokens", error: wrongIds(rows, golden.greedy!), tolerance: 0 };
}
