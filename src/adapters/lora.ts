/**
 * LoRA as functions over parameter trees: attach an adapter to the linear layers it names, take it off, merge it into
 * their weights, or make a fresh one. Training and inference see ordinary leaves `….lowRank.a`, `….lowRank.b`.
 */
import { flattenTree, type HostTensor, hostTensor, type Tensor, type Tree } from "../engine/index.ts";
import { type DropoutOptions, kaimingUniform, type LowRank, zeros } from "../nn/index.ts";
import { CongError } from "../support/errors.ts";
import type { Random } from "../support/random.ts";
import { closest } from "../support/suggest.ts";
import type { LoraAdapter, LoraConfig, LoraModule } from "./adapter.ts";
import { loraTargets } from "./lora-targets.ts";
import { parseLoraPath } from "./tensor-names.ts";
import { toModulesOf } from "./thudm-lora.ts";

/** Anything with the sizes of a tensor: specs, host tensors, quantised weights. */
interface Sized {
  readonly dtype: string;
  readonly shape: readonly unknown[];
}

type Branch = { readonly [key: string]: unknown };

/** Sizes of a linear layer. */
export interface LinearSize {
  readonly output: number;
  readonly input: number;
}

/** The linear layers of a tree by name: records with a weight of two dimensions, or quantised codes. No embeddings. */
export function linearLayers(parameters: Tree<Sized>): Map<string, LinearSize> {
  const found = new Map<string, LinearSize>();
  for (const [path, { shape }] of flattenTree<Sized>(parameters)) {
    const [, module, kind] = /^(.+)\.(weight|codes)$/.exec(path) ?? [];
    if (module === undefined || /embed/.test(module.split(".").at(-1)!)) continue;
    if (kind === "weight" && shape.length === 2) {
      found.set(module, { output: Number(shape[0]), input: Number(shape[1]) });
    } else if (kind === "codes" && shape.length === 3) {
      // [out, in/32, bytes of a block]
      found.set(module, { output: Number(shape[0]), input: 32 * Number(shape[1]) });
    }
  }
  return found;
}

/**
 * The tree with a `lowRank` record in every linear layer the adapter has a correction for. Nothing is copied. Adapters of
 * THUDM-layout models (fused query, key and value) fit the Hugging Face names of the same model.
 *
 * @throws CongError `OTHER_MODEL` that names every layer that is missing, left out or of another size
 */
export function attachLora<T extends Tree<Sized>>(parameters: T, adapter: LoraAdapter): T {
  const layers = linearLayers(parameters);
  const modules = toModulesOf(layers, adapter.modules);
  checkFit(layers, modules, adapter, modules === adapter.modules);
  const attached = changeModules(parameters as Branch, "", (record, module) => {
    const found = modules.get(module);
    return found === undefined ? record : { ...record, lowRank: lowRankOf(found) };
  });
  return attached as T;
}

/**
 * The graph's tree of an attached adapter, with dropout on the input of every A (PEFT's `lora_dropout`), each with numbers
 * of its own. For the loss that is trained; without it nothing is dropped.
 */
export const dropLora = (parameters: Tree<Tensor>, dropout: DropoutOptions): Tree<Tensor> =>
  changeModules(parameters as Branch, "", (record) =>
    record.lowRank === undefined ? record : { ...record, lowRank: { ...record.lowRank, dropout } },
  ) as Tree<Tensor>;

/** The adapter with the factors of a tree it is attached to: what training made of it. */
export function detachLora(parameters: Tree<HostTensor>, adapter: Omit<LoraAdapter, "modules">): LoraAdapter {
  const factors = new Map<string, { a?: HostTensor; b?: HostTensor }>();
  const scales = new Map<string, number>();
  for (const [path, leaf] of flattenTree<HostTensor>(parameters)) {
    const found = parseLoraPath(path);
    if (found !== undefined) factors.set(found.module, { ...factors.get(found.module), [found.factor]: leaf });
    if (path.endsWith(".lowRank.scale")) scales.set(path.slice(0, -".lowRank.scale".length), Number(leaf.data[0]));
  }
  const modules = new Map<string, LoraModule>();
  for (const [module, { a, b }] of factors) modules.set(module, { a: a!, b: b!, scale: scales.get(module)! });
  return { ...adapter, modules };
}

/**
 * The tree with scale·B·A added to the weights the adapter names; the tree itself is unchanged. The result needs no
 * adapter and costs nothing at inference.
 * @throws CongError `OTHER_MODEL` as `attachLora`; `DTYPE_MISMATCH` for weights that are not float32
 */
export function mergeLora<T extends Tree<HostTensor>>(parameters: T, adapter: LoraAdapter): T {
  const layers = linearLayers(parameters);
  const modules = toModulesOf(layers, adapter.modules);
  checkFit(layers, modules, adapter, modules === adapter.modules);
  const merged = changeModules(parameters as Branch, "", (record, module) => {
    const found = modules.get(module);
    return found === undefined ? record : { ...record, weight: mergedWeight(module, record, found) };
  });
  return merged as T;
}

/** Settings of a fresh adapter; those of `LoraConfig`, most of them optional. */
export interface LoraOptions extends Partial<Omit<LoraConfig, "targetModules">> {
  readonly targetModules: LoraConfig["targetModules"];
  readonly base?: string;
}

/** Fills in PEFT's defaults: rank 8, alpha 8, no dropout. */
export const loraConfig = (options: LoraOptions): LoraConfig => ({
  rank: options.rank ?? 8,
  alpha: options.alpha ?? 8,
  rankStabilized: options.rankStabilized ?? false,
  targetModules: options.targetModules,
  excludeModules: options.excludeModules ?? [],
  layers: options.layers,
  layersPattern: options.layersPattern ?? [],
  rankPattern: options.rankPattern ?? {},
  alphaPattern: options.alphaPattern ?? {},
  dropout: options.dropout ?? 0,
});

/**
 * A fresh adapter for the targeted linear layers of a model: A uniform within ±1/√in, B zero (PEFT's default), so that
 * the model starts unchanged.
 * @param parameters specs or tensors of the model
 * @throws CongError `NO_TARGETS` when no linear layer is meant
 */
export function initLora(parameters: Tree<Sized>, options: LoraOptions, random: Random): LoraAdapter {
  const config = loraConfig(options);
  const targets = loraTargets(config);
  const layers = linearLayers(parameters);
  const modules = new Map<string, LoraModule>();
  for (const [module, { output, input }] of layers) {
    const target = targets(module);
    if (target === undefined) continue;
    const { rank, scale } = target;
    // Kaiming with slope √5, as PEFT and PyTorch have it.
    const a = kaimingUniform({ gain: Math.sqrt(1 / 3) })([rank, input], random);
    modules.set(module, { a, b: zeros([output, rank], random), scale });
  }
  if (modules.size > 0) return { kind: "lora", base: options.base, config, modules };
  throw new CongError(
    "NO_TARGETS",
    `no linear layer is called ${JSON.stringify(options.targetModules)}`,
    { targetModules: options.targetModules },
    `there are ${[...new Set([...layers.keys()].map((name) => name.split(".").at(-1)!))].join(", ")}`,
  );
}

function lowRankOf({ a, b, scale }: LoraModule): LowRank<HostTensor> {
  return { a, b, scale: hostTensor("float32", [], [scale]) };
}

/** Rebuilds the branches that lie on the way to changed records. */
function changeModules(tree: Branch, path: string, change: (record: Branch, module: string) => Branch): Branch {
  const isLeaf = (value: unknown) => typeof value !== "object" || value === null || "dtype" in value;
  const inner = (child: unknown, key: string): unknown =>
    isLeaf(child) ? child : changeModules(child as Branch, path === "" ? key : `${path}.${key}`, change);
  if (Array.isArray(tree)) return tree.map((child, i) => inner(child, String(i))) as unknown as Branch;
  return change(Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, inner(child, key)])), path);
}

function checkFit(
  layers: ReadonlyMap<string, LinearSize>,
  modules: ReadonlyMap<string, LoraModule>,
  { config }: LoraAdapter,
  hasOwnNames: boolean,
): void {
  const problems: string[] = [];
  for (const [module, { a, b }] of modules) {
    const layer = layers.get(module);
    const wanted = `${b.shape[0]}, ${a.shape[1]}`;
    if (layer === undefined) {
      const near = problems.length < 10 ? closest(module, layers.keys()) : undefined;
      problems.push(`there is no linear layer "${module}"${near === undefined ? "" : ` (but "${near}")`}`);
    } else if (`${layer.output}, ${layer.input}` !== wanted) {
      problems.push(`"${module}" is [${layer.output}, ${layer.input}], the adapter is for [${wanted}]`);
    }
  }
  // Targets are given by the names of the model it was trained on.
  if (hasOwnNames) {
    const targets = loraTargets(config);
    for (const module of layers.keys()) {
      if (targets(module) !== undefined && !modules.has(module)) problems.push(`"${module}" has no factors`);
    }
  }
  if (problems.length === 0) return;
  const shown = problems.slice(0, 20);
  throw new CongError(
    "OTHER_MODEL",
    `the adapter does not fit the model:\n  ${shown.join("\n  ")}${problems.length > 20 ? "\n  …" : ""}`,
    { problems },
    "use the base model it was trained on (base_model_name_or_path)",
  );
}

/** W + scale·B·A, row by row. */
function mergedWeight(module: string, record: Branch, { a, b, scale }: LoraModule): HostTensor {
  const weight = record.weight as HostTensor | undefined;
  if (weight?.dtype !== "float32") {
    throw new CongError(
      "DTYPE_MISMATCH",
      `the weight of "${module}" is ${weight === undefined ? "quantised" : weight.dtype}, wanted float32`,
      { module },
      "merge before quantising, into weights loaded as float32",
    );
  }
  const [rows, columns] = weight.shape as [number, number];
  const rank = a.shape[0]!;
  const [from, down, up] = [weight.data, a.data, b.data] as [Float32Array, Float32Array, Float32Array];
  const data = new Float32Array(from);
  const sum = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    sum.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = up[row * rank + k]!;
      for (let column = 0; column < columns; column++) sum[column]! += factor * down[k * columns + column]!;
    }
    for (let column = 0; column < columns; column++) data[row * columns + column]! += scale * sum[column]!;
  }
  return { dtype: "float32", shape: weight.shape, data };
}
