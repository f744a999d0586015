/**
 * An adapter folder against PEFT or THUDM's P-Tuning v2: logits, loss and the gradients of everything trained. The base
 * is the sibling folder that the adapter names, or whose configuration is that of a P-Tuning v2 folder.
 *
 * PEFT saves the finished table of a projected prefix, not the network that made it. Of that network's gradients only
 * the last bias's follows from the table's: it is the sum over the prefix positions. The others are reported as unknown.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import {
  type Adapter,
  attachLora,
  isLoraPath,
  type PrefixAdapter,
  type PrefixParameters,
  peftParameterName,
  peftPrefixName,
  prefixKeysAndValues,
  readAdapter,
} from "../../src/adapters/index.ts";
import {
  add,
  type Backend,
  flattenTree,
  gradients,
  type HostTensor,
  hostTensor,
  iota,
  mapTree,
  specOf,
  type Tensor,
  type TensorSpec,
  toNumbers,
  trace,
} from "../../src/engine/index.ts";
import { readJsonObject } from "../../src/models/checkpoint/index.ts";
import { type ForwardInputs, loadModelParameters, type ParameterTree } from "../../src/models/index.ts";
import { CongError } from "../../src/support/index.ts";
import type { Tensors } from "./model.ts";
import { compareAll, constantsOf, goldenLoss, parametersIn } from "./model-forward.ts";
import type { Quantity } from "./quantity.ts";
import { readTensors } from "./read-tensors.ts";

/** Whether a folder holds an adapter: PEFT's, or a model configuration with a learned prefix. */
export function isAdapter(folder: string): boolean {
  if (existsSync(join(folder, "adapter_config.json"))) return true;
  const file = join(folder, "config.json");
  if (!existsSync(file)) return false;
  const { pre_seq_len: length } = JSON.parse(readFileSync(file, "utf8")) as { readonly pre_seq_len?: unknown };
  return typeof length === "number";
}

export async function* checkAdapter(folder: string, backend: Backend): AsyncIterable<Quantity> {
  const golden: Tensors = readTensors(join(folder, "golden.safetensors"));
  const adapter = await readAdapter(folder);
  const base = await loadModelParameters(await baseOf(folder, adapter));
  const { family, config } = base;
  const parameters = adapter.kind === "lora" ? attachLora(base.parameters, adapter) : base.parameters;
  const ids = golden.input_ids!;
  const graph = trace((builder) => {
    const tensors = parametersIn(builder, parameters);
    const input = builder.input("ids", "int64", ids.shape);
    const learned = adapter.kind === "prefix" ? prefixIn(builder, adapter) : undefined;
    const inputs: ForwardInputs = {
      ids: input,
      ...(learned === undefined ? {} : prefixInputs(adapter as PrefixAdapter, learned, input)),
    };
    const logits = family.logits(config, tensors, family.forward(config, tensors, inputs).hidden.at(-1)!);
    builder.output("logits", logits);
    if (golden.loss === undefined) return;
    const loss = goldenLoss(family.mask, logits, input);
    builder.output("loss", loss);
    const trained =
      learned === undefined
        ? flattenTree<Tensor>(tensors).filter(([path]) => isLoraPath(path))
        : flattenTree<Tensor>(learned as ParameterTree<Tensor>);
    const found = gradients(
      loss,
      trained.map(([, leaf]) => leaf),
    );
    trained.forEach(([path], i) => {
      const name = learned === undefined ? peftParameterName(path)! : peftPrefixName(path);
      builder.output(`grad.${name}`, found[i]!);
    });
  });
  const constants = {
    ...constantsOf(parameters),
    ...(adapter.kind === "prefix" ? named("prefix", adapter.parameters as ParameterTree<HostTensor>) : {}),
  };
  const program = await backend.compile(graph, { constants });
  const results = await program.run({ ids });
  await program.dispose();
  const projected = adapter.kind === "prefix" && Object.keys(golden).some((name) => name.includes(".transform."));
  yield* projected ? compareProjected(golden, results) : compareAll(golden, results);
}

const prefixIn = (builder: Parameters<typeof parametersIn>[0], { parameters }: PrefixAdapter) =>
  builder.constants(
    "prefix",
    mapTree<HostTensor, TensorSpec>(parameters as ParameterTree<HostTensor>, specOf),
  ) as unknown as PrefixParameters<Tensor>;

/** Keys and values of the prefix; PEFT's stand at the first positions, THUDM's at none. */
function prefixInputs({ shape, occupiesPositions }: PrefixAdapter, learned: PrefixParameters<Tensor>, ids: Tensor) {
  const prefix = prefixKeysAndValues(learned, shape);
  const positions = add(iota(ids.builder, ids.shape[1]!), shape.length);
  return occupiesPositions ? { prefix, positions } : { prefix };
}

const named = (root: string, tree: ParameterTree<HostTensor>): Record<string, HostTensor> =>
  Object.fromEntries(flattenTree<HostTensor>(tree, root));

/** The recorded gradients that follow from the finished table's: see the head of the file. */
function compareProjected(golden: Tensors, results: Tensors): Quantity[] {
  const root = "grad.prompt_encoder.default.";
  const table = results[`${root}embedding.weight`]!;
  const [, width] = table.shape as [number, number];
  const sums = new Float64Array(width);
  toNumbers(table).forEach((value, i) => {
    sums[i % width]! += value;
  });
  const bias = `${root}transform.2.bias`;
  const isKnown = (name: string) => name === bias || !name.startsWith(root);
  const kept = Object.fromEntries(Object.entries(golden).filter(([name]) => isKnown(name)));
  const others = Object.keys(golden).filter((name) => !isKnown(name));
  const unknown = "the folder does not hold the network that made the prefix";
  const missing = others.map((name) => ({ name, error: Number.NaN, tolerance: 0, unknown }));
  return [...missing, ...compareAll(kept, { ...results, [bias]: hostTensor("float32", [width], Array.from(sums)) })];
}

/** Folder of the base model. */
async function baseOf(folder: string, adapter: Adapter): Promise<string> {
  const parent = dirname(folder);
  if (adapter.base !== undefined) {
    const sibling = join(parent, basename(adapter.base));
    if (existsSync(sibling)) return sibling;
    throw noBase(folder, `no folder ${sibling}`);
  }
  const wanted = comparable((adapter as PrefixAdapter).modelConfig ?? {});
  for (const name of readdirSync(parent).sort()) {
    const sibling = join(parent, name);
    if (name === basename(folder) || !existsSync(join(sibling, "config.json"))) continue;
    const json = await readJsonObject(join(sibling, "config.json"));
    if (comparable(json) === wanted) return sibling;
  }
  throw noBase(folder, "no sibling folder has the same config.json");
}

/** A configuration without what says that it belongs to a prefix, in one spelling. */
const comparable = (json: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(
    Object.entries(json)
      .filter(([key]) => key !== "pre_seq_len" && key !== "prefix_projection")
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

const noBase = (folder: string, what: string): CongError =>
  new CongError("PATH_NOT_FOUND", `${folder}: ${what}`, { folder }, "put the base model beside the adapter");
