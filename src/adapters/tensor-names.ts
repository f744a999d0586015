/**
 * Names of adapter tensors: paths in a parameter tree (`model.layers.0.self_attn.q_proj.lowRank.a`), in PEFT's files
 * (`base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`) and among PEFT's parameters, where the name of the
 * adapter stands before the last part (`….lora_A.default.weight`).
 */

const loraRoot = "base_model.model.";
const factors = { a: "lora_A", b: "lora_B" } as const;

/** The name in the file of a factor of a module. */
export const loraFileName = (module: string, factor: "a" | "b"): string =>
  `${loraRoot}${module}.${factors[factor]}.weight`;

/** Module and factor of a name in a file; undefined for other tensors. Names with the adapter's own are understood. */
export function parseLoraFileName(name: string): { readonly module: string; readonly factor: "a" | "b" } | undefined {
  const [, module, letter] = /^base_model\.model\.(.+)\.lora_([AB])\.(?:default\.)?weight$/.exec(name) ?? [];
  return module === undefined ? undefined : { module, factor: letter === "A" ? "a" : "b" };
}

/** Whether a path in a parameter tree is a trained part of a LoRA (its scale is not). */
export const isLoraPath = (path: string): boolean => /\.lowRank\.[ab]$/.test(path);

/** Module and factor of such a path. */
export function parseLoraPath(path: string): { readonly module: string; readonly factor: "a" | "b" } | undefined {
  const [, module, factor] = /^(.+)\.lowRank\.([ab])$/.exec(path) ?? [];
  return module === undefined ? undefined : { module, factor: factor as "a" | "b" };
}

/** PEFT's name of the parameter at a path of an adapted tree; undefined for parameters of the base. */
export function peftParameterName(path: string, adapter = "default"): string | undefined {
  const found = parseLoraPath(path);
  return found && `${loraRoot}${found.module}.${factors[found.factor]}.${adapter}.weight`;
}

/** PEFT's name of a parameter of a prefix, from its path in `PrefixParameters`. */
export const peftPrefixName = (path: string, adapter = "default"): string => `prompt_encoder.${adapter}.${path}`;

const thudmRoot = "transformer.prefix_encoder.";

/** THUDM's name of a parameter of a prefix, from its path in `PrefixParameters`. */
export const thudmPrefixName = (path: string): string => thudmRoot + path.replace(/^transform\./, "trans.");

/** The path of a THUDM name; undefined for tensors of the model. */
export const parseThudmPrefixName = (name: string): string | undefined =>
  name.startsWith(thudmRoot) ? name.slice(thudmRoot.length).replace(/^trans\./, "transform.") : undefined;
