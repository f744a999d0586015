/**
 * LoRA adapters trained on ChatGLM2, ChatGLM3 or GLM-4-9B under THUDM names, for the Hugging Face names of the same
 * model. `query_key_value` becomes three layers with one A and the rows of B: query, then key, then value.
 */
import { elementCount, type HostTensor } from "../engine/index.ts";
import type { LoraModule } from "./adapter.ts";
import type { LinearSize } from "./lora.ts";

const renamed: Readonly<Record<string, string>> = {
  "self_attention.dense": "self_attn.o_proj",
  "mlp.dense_h_to_4h": "mlp.gate_up_proj",
  "mlp.dense_4h_to_h": "mlp.down_proj",
};

const parts = ["q_proj", "k_proj", "v_proj"];

/** The modules as the model names them; the same map when they need no translation. */
export function toModulesOf(
  layers: ReadonlyMap<string, LinearSize>,
  modules: ReadonlyMap<string, LoraModule>,
): ReadonlyMap<string, LoraModule> {
  const isThudm = (name: string) => name.startsWith("transformer.encoder.layers.") || name === outputLayer;
  if (![...modules.keys()].some((name) => isThudm(name) && !layers.has(name))) return modules;
  const translated = new Map<string, LoraModule>();
  for (const [name, module] of modules) {
    for (const [target, part] of translate(layers, name, module)) translated.set(target, part);
  }
  return translated;
}

const outputLayer = "transformer.output_layer";

function translate(
  layers: ReadonlyMap<string, LinearSize>,
  name: string,
  module: LoraModule,
): (readonly [string, LoraModule])[] {
  if (name === outputLayer) return [["lm_head", module]];
  const [, layer, rest] = /^transformer\.encoder\.layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (layer === undefined) return [[name, module]];
  const root = `model.layers.${layer}`;
  if (Object.hasOwn(renamed, rest!)) return [[`${root}.${renamed[rest!]}`, module]];
  if (rest !== "self_attention.query_key_value") return [[name, module]];
  const targets = parts.map((part) => `${root}.self_attn.${part}`);
  const sizes = targets.map((target) => layers.get(target)?.output ?? 0);
  // Sizes that do not add up: left as it is, so that attaching reports it.
  if (sizes.reduce((sum, size) => sum + size, 0) !== module.b.shape[0]) return [[name, module]];
  let from = 0;
  return targets.map((target, i) => {
    from += sizes[i]!;
    return [target, { ...module, b: rowsOf(module.b, from - sizes[i]!, from) }];
  });
}

function rowsOf({ dtype, shape, data }: HostTensor, from: number, to: number): HostTensor {
  const width = elementCount(shape.slice(1));
  return { dtype, shape: [to - from, ...shape.slice(1)], data: data.slice(from * width, to * width) };
}
