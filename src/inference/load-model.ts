/** From a folder to a model: weights, tokenizer and adapter, checked against each other before anything is compiled. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Adapter, attachLora, type PrefixAdapter, prefixTable, readAdapter } from "../adapters/index.ts";
import { onnxruntimeBackend } from "../engine/backends/onnxruntime/index.ts";
import type { Backend, HostTensor } from "../engine/index.ts";
import { blockQuantizationBits, openCheckpoint, readJsonObject } from "../models/checkpoint/index.ts";
import { type JsonObject, loadModelParameters, type ModelConfig } from "../models/index.ts";
import { checkInteger, checkOneOf } from "../support/checks.ts";
import { CongError } from "../support/errors.ts";
import { loadTokenizer } from "../tokenizers/index.ts";
import { checkConfigIds, checkTokenizer } from "./check-parts.ts";
import { createModel, type Model } from "./model.ts";
import { promptPrefix } from "./prompt-prefix.ts";
import type { ModelTokenizer } from "./prompts.ts";
import { type LoadedLeaf, quantizeRows, spreadQuantized, type WeightType, weightTypes } from "./quantize-parameters.ts";
import type { Network, Prefix } from "./session/network.ts";

export interface LoadModelOptions {
  /** How weights are held. int8 and int4 are quantised while loading. Default: as the folder was quantised, else "float32". */
  readonly dtype?: WeightType | undefined;
  /** Threads of the CPU backend. Default: physical cores available to this process. */
  readonly threads?: number | undefined;
  /** Default: the folder's own; a model without one takes and gives ids. `false`: none. */
  readonly tokenizer?: ModelTokenizer | false | undefined;
  /** LoRA, a learned prefix or prompt, or the folder of one. Default: the prefix that the model's own folder holds, if any. */
  readonly adapter?: string | Adapter | undefined;
  /** Where to compute. Default: onnxruntime on the CPU. */
  readonly backend?: Backend | undefined;
}

/**
 * Loads a model folder as Hugging Face tools or THUDM save it.
 * @throws CongError that names what is missing, damaged or does not fit; then nothing stays loaded
 */
export async function loadModel(folder: string, options: LoadModelOptions = {}): Promise<Model> {
  const { threads } = options;
  if (options.dtype !== undefined) checkOneOf("loadModel", { dtype: options.dtype }, weightTypes);
  if (threads !== undefined) checkInteger("loadModel", { threads }, { min: 1 });
  // What is small and may be wrong comes before the weights.
  const tokenizer = options.tokenizer ?? (await ownTokenizer(folder));
  const adapterSource = options.adapter ?? (await ownPrefix(folder));
  const adapter = typeof adapterSource === "string" ? await readAdapter(adapterSource) : adapterSource;
  const generation = await readGenerationConfig(folder);
  const backend = options.backend ?? onnxruntimeBackend(threads === undefined ? {} : { threads });
  const dtype = options.dtype ?? (await storedType(folder));
  const rows = quantizeRows(dtype, backend);
  const { family, config, parameters } = await loadModelParameters<LoadedLeaf>(folder, { rows });
  const endIds = idsOf(generation?.eos_token_id) ?? config.endIds;
  checkConfigIds(config, endIds);
  if (tokenizer) checkTokenizer(config, tokenizer);
  const plain = spreadQuantized(parameters);
  const network: Network = {
    family,
    config,
    parameters: adapter?.kind === "lora" ? attachLora(plain, adapter) : plain,
    prefix: adapter?.kind === "prefix" ? prefixOf(adapter, config) : undefined,
    backend,
  };
  const prefix = adapter?.kind === "prompt" ? await promptPrefix(network, adapter) : network.prefix;
  return createModel(
    { ...network, prefix },
    {
      dtype,
      tokenizer: tokenizer || undefined,
      endIds,
      generation,
      tokenizerFolder: folder,
      adapted: adapter !== undefined,
    },
  );
}

/** The folder itself, when P-Tuning v2 left a prefix in it beside the whole model (`pre_seq_len` says so). */
async function ownPrefix(folder: string): Promise<string | undefined> {
  const checkpoint = await openCheckpoint(folder);
  await checkpoint.close();
  return checkpoint.hasPrefixEncoder ? folder : undefined;
}

/** How `congling quantize` left the weights of a folder. */
async function storedType(folder: string): Promise<WeightType> {
  const path = join(folder, "config.json");
  const info = await stat(path).catch(() => undefined);
  // What is missing is told by the reader of the weights.
  const bits = info === undefined ? undefined : blockQuantizationBits(await readJsonObject(path));
  return bits === undefined ? "float32" : bits === 4 ? "int4" : "int8";
}

/** The folder's tokenizer; undefined when it has none. A damaged one is an error. */
async function ownTokenizer(folder: string): Promise<ModelTokenizer | undefined> {
  try {
    return await loadTokenizer(folder);
  } catch (error) {
    if (CongError.is(error) && (error.code === "NO_TOKENIZER" || error.code === "PATH_NOT_FOUND")) return undefined;
    throw error;
  }
}

async function readGenerationConfig(folder: string): Promise<JsonObject | undefined> {
  const path = join(folder, "generation_config.json");
  const info = await stat(path).catch(() => undefined);
  return info === undefined ? undefined : readJsonObject(path);
}

function idsOf(value: JsonObject[string] | undefined): number[] | undefined {
  const ids = (Array.isArray(value) ? value : [value]).filter((id) => Number.isSafeInteger(id) && Number(id) >= 0);
  return ids.length === 0 ? undefined : (ids as number[]);
}

/** Keys and values of a learned prefix, from its table [P, 2·L·G·D]. */
function prefixOf({ shape, parameters, occupiesPositions }: PrefixAdapter, config: ModelConfig): Prefix {
  const { length: P, layers: L, keyValueHeads: G, headSize: D } = shape;
  const wanted = { layers: config.layers, keyValueHeads: config.keyValueHeads, headSize: config.headSize };
  if (L !== wanted.layers || G !== wanted.keyValueHeads || D !== wanted.headSize) {
    throw new CongError(
      "OTHER_MODEL",
      `the prefix has ${L} layers of ${G} key/value heads with ${D} channels, the model ${wanted.layers} of ${wanted.keyValueHeads} with ${wanted.headSize}`,
      { prefix: shape, model: wanted },
      "use the prefix with the model that it was trained for",
    );
  }
  const table = prefixTable(parameters).data as Float32Array;
  const part = (row: number): HostTensor => {
    const data = new Float32Array(G * P * D);
    for (let head = 0; head < G; head++) {
      for (let at = 0; at < P; at++) {
        const from = ((at * 2 * L + row) * G + head) * D;
        data.set(table.subarray(from, from + D), (head * P + at) * D);
      }
    }
    return { dtype: "float32", shape: [1, G, P, D], data };
  };
  const layers = Array.from({ length: L }, (_, i) => ({ key: part(2 * i), value: part(2 * i + 1) }));
  return { layers, takesPositions: occupiesPositions };
}
