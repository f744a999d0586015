/** All model families: the only file that knows them all. */
import { CongError, closest } from "../support/index.ts";
import { bert } from "./bert/index.ts";
import { chatGlm6b } from "./chatglm-6b/index.ts";
import type { JsonObject, ModelConfig, ModelFamily } from "./family.ts";
import { glm } from "./glm/index.ts";
import { glmOriginal } from "./glm-original/index.ts";
import { glm4 } from "./glm4/index.ts";
import { glm4Moe } from "./glm4-moe/index.ts";
import { llama } from "./llama/index.ts";
import { qwen2 } from "./qwen2/index.ts";
import { qwen3 } from "./qwen3/index.ts";

const families: readonly ModelFamily[] = [
  chatGlm6b,
  glmOriginal, // shares its model type with glm, and is the one that can be told
  glm,
  glm4,
  glm4Moe,
  llama,
  qwen2,
  qwen3,
  bert,
];

/** Names of all families. */
export const familyNames = (): string[] => families.map(({ name }) => name);

/** Values of `model_type` that some family reads. */
export const modelTypes = (): string[] => [...new Set(families.flatMap((family) => family.modelTypes))];

/** The family called `name`, for configurations it made itself. */
export function familyNamed(name: string): ModelFamily {
  const found = families.find((family) => family.name === name);
  if (found !== undefined) return found;
  throw new CongError("UNKNOWN_NAME", `unknown model family "${name}"`, { name }, `known: ${familyNames().join(", ")}`);
}

/**
 * Finds the family of a `config.json` by its `model_type` and reads it.
 * @throws CongError `UNKNOWN_NAME` for another model type, `BAD_CONFIG` for unknown keys and values
 */
export function readModelConfig(json: JsonObject): { readonly family: ModelFamily; readonly config: ModelConfig } {
  const type = json.model_type;
  const all = modelTypes();
  const found = families.find(
    (family) => family.modelTypes.some((each) => each === type) && (family.recognizes?.(json) ?? true),
  );
  if (found === undefined) {
    const near = typeof type === "string" ? closest(type, all) : undefined;
    throw new CongError(
      "UNKNOWN_NAME",
      `config.json: model_type is ${type === undefined ? "missing" : JSON.stringify(type)}`,
      { model_type: type },
      `${near === undefined ? "" : `did you mean "${near}"? `}known: ${all.join(", ")}`,
    );
  }
  return { family: found, config: found.parseConfig(json) };
}
