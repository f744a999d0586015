/** Opens an adapter's folder: PEFT's LoRA, prefix and prompt tuning, and the P-Tuning v2 prefixes of THUDM. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { HostTensor } from "../engine/index.ts";
import { CongError } from "../support/errors.ts";
import { recoverFolder } from "../support/files.ts";
import type { Adapter, AdapterJson, LoraAdapter, LoraModule, PrefixAdapter, PromptAdapter } from "./adapter.ts";
import { readLoraConfig } from "./lora-config.ts";
import { loraTargets } from "./lora-targets.ts";
import { readPeftPrefixConfig, readThudmPrefixConfig } from "./prefix-config.ts";
import { prefixFromTensors } from "./prefix-tensors.ts";
import { readPromptConfig } from "./prompt-config.ts";
import { exists, readJson, readTensors } from "./tensor-files.ts";
import { parseLoraFileName, parseThudmPrefixName } from "./tensor-names.ts";

/**
 * Reads a folder with `adapter_config.json` (PEFT), or one whose `config.json` has `pre_seq_len` (P-Tuning v2, alone or
 * inside the whole model). All tensors become float32.
 *
 * @throws CongError `PATH_NOT_FOUND`; `BAD_CONFIG` for keys that are unknown or cannot be honoured; `ADAPTER_INVALID`
 * that lists what contradicts what; the errors of the file readers
 */
export async function readAdapter(folder: string): Promise<Adapter> {
  await recoverFolder(folder);
  const peft = join(folder, "adapter_config.json");
  if (await exists(peft)) {
    const json = await readJson(peft);
    if (json.peft_type === "LORA") return readLora(folder, json, peft);
    if (json.peft_type === "PREFIX_TUNING") return readPeftPrefix(folder, json, peft);
    if (json.peft_type === "PROMPT_TUNING") return readPrompt(folder, json, peft);
    throw new CongError(
      "BAD_CONFIG",
      `${peft}: peft_type is ${JSON.stringify(json.peft_type) ?? "missing"}`,
      { folder, peft_type: json.peft_type },
      "wanted LORA, PREFIX_TUNING or PROMPT_TUNING; other methods of PEFT are not read",
    );
  }
  const model = join(folder, "config.json");
  if (await exists(model)) return readThudmPrefix(folder, await readJson(model), model);
  const what = (await stat(folder).catch(() => undefined)) === undefined ? "there is nothing at" : "no adapter in";
  throw new CongError("PATH_NOT_FOUND", `${what} ${folder}`, { folder }, "give a folder with adapter_config.json");
}

async function readLora(folder: string, json: AdapterJson, file: string): Promise<LoraAdapter> {
  const { config, base } = readLoraConfig(json, file);
  const targets = loraTargets(config);
  const problems: string[] = [];
  const factors = new Map<string, Partial<Record<"a" | "b", HostTensor>>>();
  for (const [name, tensor] of await readTensors(folder, "adapter_model", () => true)) {
    const found = parseLoraFileName(name);
    if (found === undefined) problems.push(`"${name}" is no factor of a linear layer`);
    else factors.set(found.module, { ...factors.get(found.module), [found.factor]: tensor });
  }
  const modules = new Map<string, LoraModule>();
  for (const [module, { a, b }] of factors) {
    const target = targets(module);
    if (target === undefined) problems.push(`"${module}" has factors, but is none of target_modules`);
    else if (a === undefined || b === undefined) problems.push(`"${module}" lacks lora_${a === undefined ? "A" : "B"}`);
    else if (a.shape.length !== 2 || b.shape.length !== 2 || a.shape[0] !== target.rank || b.shape[1] !== target.rank) {
      problems.push(
        `"${module}" has A [${a.shape.join(", ")}] and B [${b.shape.join(", ")}], wanted rank ${target.rank}`,
      );
    } else modules.set(module, { a, b, scale: target.scale });
  }
  if (factors.size === 0) problems.push("it has no factors at all");
  if (problems.length > 0) throw invalid(folder, problems);
  return { kind: "lora", base, config, modules };
}

async function readPeftPrefix(folder: string, json: AdapterJson, file: string): Promise<PrefixAdapter> {
  const { shape, base } = readPeftPrefixConfig(json, file);
  // PEFT saves the finished table even where a network made it.
  const table = await readPromptEmbeddings(folder);
  const parameters = prefixFromTensors(folder, shape, new Map([["embedding.weight", table]]), false);
  return { kind: "prefix", base, occupiesPositions: true, shape, parameters, modelConfig: undefined };
}

async function readPrompt(folder: string, json: AdapterJson, file: string): Promise<PromptAdapter> {
  const { shape, base } = readPromptConfig(json, file);
  const { length, hidden, layers, heads } = shape;
  const embeddings = await readPromptEmbeddings(folder);
  if (embeddings.shape.join() !== [length, hidden].join()) {
    throw invalid(folder, [`prompt_embeddings is [${embeddings.shape.join(", ")}], wanted [${length}, ${hidden}]`]);
  }
  return { kind: "prompt", base, layers, heads, embeddings };
}

/** The one tensor of prefix and prompt tuning. */
async function readPromptEmbeddings(folder: string): Promise<HostTensor> {
  const tensors = await readTensors(folder, "adapter_model", () => true);
  const found = tensors.get("prompt_embeddings");
  if (found !== undefined && tensors.size === 1) return found;
  const names = [...tensors.keys()].join(", ") || "no tensors";
  throw invalid(folder, [`it has ${names}, wanted prompt_embeddings alone`]);
}

async function readThudmPrefix(folder: string, json: AdapterJson, file: string): Promise<PrefixAdapter> {
  const { shape, isProjected } = readThudmPrefixConfig(json, file);
  const tensors = await readTensors(folder, "model", (name) => parseThudmPrefixName(name) !== undefined);
  const named = new Map([...tensors].map(([name, tensor]) => [parseThudmPrefixName(name)!, tensor]));
  const parameters = prefixFromTensors(folder, shape, named, isProjected);
  return { kind: "prefix", base: undefined, occupiesPositions: false, shape, parameters, modelConfig: json };
}

function invalid(folder: string, problems: readonly string[]): CongError {
  const shown = problems.slice(0, 20);
  return new CongError(
    "ADAPTER_INVALID",
    `the adapter in ${folder} contradicts itself:\n  ${shown.join("\n  ")}${problems.length > 20 ? "\n  …" : ""}`,
    { folder, problems },
    "adapter_config.json and the weights must come from the same training run",
  );
}
