/** Options of commands that write text: how tokens are chosen, and when the answer ends. */
import type { Command } from "commander";
import type { GenerationOptions } from "../inference/index.ts";
import { collect, numberBetween, wholeNumber } from "./parse-number.ts";

export interface SamplingOptions {
  readonly temperature: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly stop?: readonly string[];
}

export interface SamplingDefaults {
  readonly temperature: number;
  readonly maxTokens: number;
}

export function withSamplingOptions(command: Command, defaults: SamplingDefaults): Command {
  return command
    .option(
      "--temperature <t>",
      "0: always the likeliest token; higher: more varied",
      numberBetween(0, 10),
      defaults.temperature,
    )
    .option("--top-p <p>", "sample among the likeliest tokens that together have this probability", numberBetween(0, 1))
    .option("--top-k <k>", "sample among the k likeliest tokens", wholeNumber(0))
    .option("--min-p <p>", "leave out tokens below this fraction of the best one's probability", numberBetween(0, 1))
    .option("--repetition-penalty <x>", "factor against tokens that came before", numberBetween(0.01, 100))
    .option("--max-tokens <n>", "most tokens of an answer", wholeNumber(1), defaults.maxTokens)
    .option("--seed <n>", "the same seed gives the same text", wholeNumber(0), 0)
    .option("--stop <text>", "end the answer before this text (may be given several times)", collect);
}

/** Sampling cuts are left out at temperature 0, where they would do nothing. */
export function generationOptions(options: SamplingOptions): GenerationOptions {
  const { temperature, topP, topK, minP, repetitionPenalty, maxTokens, seed, stop } = options;
  const cuts = temperature > 0 ? { topP, topK, minP } : {};
  return { temperature, ...cuts, repetitionPenalty, maxNewTokens: maxTokens, seed, stop };
}
