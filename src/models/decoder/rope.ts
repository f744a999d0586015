/**
 * Frequencies of rotary positions, with the long-context methods that checkpoints name in `rope_scaling` or
 * `rope_parameters`. Formulas as in Hugging Face `modeling_rope_utils.py`; YaRN is Peng et al. 2023, "llama3" is the
 * method of the Llama 3.1 release.
 */
import { rotaryFrequencies } from "../../nn/index.ts";
import { CongError } from "../../support/index.ts";
import type { ConfigReader } from "../config-reader.ts";
import type { Json, JsonObject } from "../family.ts";
import type { RopeConfig } from "./config.ts";

export type RopeScaling =
  | { readonly type: "linear"; readonly factor: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalLength: number;
    }
  | {
      readonly type: "yarn";
      readonly factor: number;
      readonly originalLength: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      /** Factor on cosines and sines. */
      readonly attentionFactor: number;
    };

/** Radians per position of each pair, and the factor on both tables. */
export function ropeFrequencies({ base, channels, scaling }: RopeConfig): { frequencies: number[]; scale: number } {
  const plain = rotaryFrequencies({ size: channels, base });
  if (scaling === undefined) return { frequencies: plain, scale: 1 };
  switch (scaling.type) {
    case "linear":
      return { frequencies: plain.map((f) => f / scaling.factor), scale: 1 };
    case "llama3":
      return { frequencies: plain.map((f) => llama3Frequency(f, scaling)), scale: 1 };
    case "yarn":
      return { frequencies: yarnFrequencies(plain, base, channels, scaling), scale: scaling.attentionFactor };
  }
}

function llama3Frequency(f: number, scaling: Extract<RopeScaling, { type: "llama3" }>): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalLength } = scaling;
  const turns = (originalLength * f) / (2 * Math.PI); // full turns over the original context
  if (turns < low) return f / factor;
  if (turns > high) return f;
  const smooth = (turns - low) / (high - low);
  return ((1 - smooth) * f) / factor + smooth * f;
}

function yarnFrequencies(
  plain: readonly number[],
  base: number,
  channels: number,
  { factor, originalLength, betaFast, betaSlow }: Extract<RopeScaling, { type: "yarn" }>,
): number[] {
  const dimensionOf = (turns: number) =>
    (channels * Math.log(originalLength / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const low = Math.max(Math.floor(dimensionOf(betaFast)), 0);
  const top = Math.min(Math.ceil(dimensionOf(betaSlow)), channels - 1);
  const high = top === low ? top + 0.001 : top;
  return plain.map((f, i) => {
    const interpolated = Math.min(Math.max((i - low) / (high - low), 0), 1);
    return (f / factor) * interpolated + f * (1 - interpolated);
  });
}

/**
 * Reads the rotary settings: `rope_parameters` (transformers 5), or `rope_theta`, `rope_scaling` and
 * `partial_rotary_factor` (before).
 */
export function readRope(
  reader: ConfigReader,
  { headSize, contextLength, interleaved, partial = 1 }: RopeDefaults,
): RopeConfig {
  const parameters = asObject(reader.value("rope_parameters")) ?? {};
  const legacy = asObject(reader.value("rope_scaling")) ?? {};
  const given: JsonObject = { ...legacy, ...parameters };
  const base = numberOf(given, "rope_theta") ?? reader.number("rope_theta", 10000);
  reader.ignore("rope_theta");
  const share = numberOf(given, "partial_rotary_factor") ?? reader.number("partial_rotary_factor", partial);
  reader.ignore("partial_rotary_factor");
  const channels = Math.floor(headSize * share);
  const scaling = readScaling(given, contextLength);
  return { base, channels, interleaved, ...(scaling === undefined ? {} : { scaling }) };
}

interface RopeDefaults {
  readonly headSize: number;
  readonly contextLength: number;
  readonly interleaved: boolean;
  /** Share of the head's channels that rotates where the file does not say. Default 1. */
  readonly partial?: number;
}

/** Keys of each method besides the type; anything else is refused. */
const scalingKeys: Readonly<Record<string, readonly string[]>> = {
  default: [],
  linear: ["factor"],
  llama3: ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
  yarn: ["factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "attention_factor"],
};

function readScaling(given: JsonObject, contextLength: number): RopeScaling | undefined {
  const type = given.rope_type ?? given.type ?? "default";
  const keys = typeof type === "string" ? scalingKeys[type] : undefined;
  if (keys === undefined)
    throw badRope(`rope_type is ${JSON.stringify(type)}`, `known: ${Object.keys(scalingKeys).join(", ")}`);
  const allowed = ["rope_type", "type", "rope_theta", "partial_rotary_factor", ...keys];
  const unknown = Object.keys(given).find((key) => !allowed.includes(key));
  if (unknown !== undefined)
    throw badRope(`"${unknown}" is not a setting of rope_type "${type}"`, `it takes ${keys.join(", ") || "none"}`);
  const need = (key: string): number => {
    const found = numberOf(given, key);
    if (found === undefined) throw badRope(`rope_type "${type}" needs "${key}"`, `add "${key}" to rope_parameters`);
    return found;
  };
  const originalLength = () => numberOf(given, "original_max_position_embeddings") ?? contextLength;
  switch (type) {
    case "linear":
      return { type, factor: need("factor") };
    case "llama3":
      return {
        type,
        factor: need("factor"),
        lowFrequencyFactor: need("low_freq_factor"),
        highFrequencyFactor: need("high_freq_factor"),
        originalLength: originalLength(),
      };
    case "yarn": {
      const factor = need("factor");
      return {
        type,
        factor,
        originalLength: originalLength(),
        betaFast: numberOf(given, "beta_fast") ?? 32,
        betaSlow: numberOf(given, "beta_slow") ?? 1,
        attentionFactor: numberOf(given, "attention_factor") ?? (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1),
      };
    }
    default:
      return undefined;
  }
}

/** `rope_parameters` as transformers 5 writes it. */
export function writeRope({ base, scaling }: RopeConfig, partialFactor?: number): JsonObject {
  const common = { rope_theta: base, ...(partialFactor === undefined ? {} : { partial_rotary_factor: partialFactor }) };
  if (scaling === undefined) return { ...common, rope_type: "default" };
  switch (scaling.type) {
    case "linear":
      return { ...common, rope_type: "linear", factor: scaling.factor };
    case "llama3":
      return {
        ...common,
        rope_type: "llama3",
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalLength,
      };
    case "yarn":
      return {
        ...common,
        rope_type: "yarn",
        factor: scaling.factor,
        original_max_position_embeddings: scaling.originalLength,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        attention_factor: scaling.attentionFactor,
      };
  }
}

function numberOf(given: JsonObject, key: string): number | undefined {
  const found = given[key];
  if (found === undefined || found === null) return undefined;
  if (typeof found === "number" && Number.isFinite(found) && found > 0) return found;
  throw badRope(`"${key}" is ${JSON.stringify(found)}`, "wanted a positive number");
}

function asObject(value: Json | undefined): JsonObject | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw badRope(`rotary settings are ${JSON.stringify(value)}`, "wanted an object");
}

const badRope = (what: string, hint: string): CongError =>
  new CongError("BAD_CONFIG", `config.json: ${what}`, {}, hint);
