/** The plan of a run in words: derived numbers with their reasons, and what it will cost. */
import type { Tokenizer } from "../../tokenizers/index.ts";
import type { Sample } from "../objectives/samples.ts";
import type { Model } from "../objectives/token-loss.ts";
import type { Trainer } from "../trainer.ts";
import { type Calibration, countParameters, flopsPerToken, inWords, stateBytes, withPrefix } from "./cost.ts";
import type { Derived } from "./depth-plan.ts";
import { showSample } from "./show-sample.ts";
import type { DataSize } from "./text-data.ts";

/** A line for each number: key, value, reason. */
export function describeDerived(derived: readonly Derived[]): string {
  if (derived.length === 0) return "every number is set by hand";
  const width = Math.max(...derived.map(({ key }) => key.length));
  return derived
    .map(({ key, value, why }) => `${key.padEnd(width)}  ${String(Number(value.toPrecision(6))).padEnd(8)}  ${why}`)
    .join("\n");
}

export interface PlanFacts {
  readonly model: Model;
  readonly trainer: Trainer;
  readonly tokensPerStep: number;
  readonly length: number;
  readonly steps: number;
  readonly dataSize?: DataSize | undefined;
  readonly calibration: Calibration | undefined;
  /** One to show. */
  readonly sample: Sample | undefined;
  readonly tokenizer: Tokenizer;
  readonly hasColour: boolean;
}

export function describePlan(facts: PlanFacts): string {
  const { model, trainer, tokensPerStep, length, steps, dataSize, calibration, sample, tokenizer, hasColour } = facts;
  const { all, inner } = countParameters(model);
  const flops = flopsPerToken(model, length) * tokensPerStep;
  const { state, gradients } = stateBytes(trainer);
  const trained = gradients / 4;
  const lines = [
    `parameters   ${withPrefix(all)} (${withPrefix(inner)} besides embeddings and output), ${withPrefix(trained)} of them trained`,
    `tokens       ${withPrefix(tokensPerStep * steps)} in ${steps} steps of ${tokensPerStep}${passesOf(dataSize, tokensPerStep * steps)}`,
    `arithmetic   ${withPrefix(flops)}FLOP a step, ${withPrefix(flops * steps)}FLOP in all (6·weights + attention, a token)`,
    `memory       ${withPrefix(state)}B weights and optimizer, ${withPrefix(gradients)}B gradients${
      calibration === undefined
        ? ""
        : `; ${withPrefix(calibration.residentBytes)}B resident after ${calibration.steps} steps`
    }`,
  ];
  if (calibration !== undefined) {
    const { secondsPerStep } = calibration;
    const speed = `${withPrefix(tokensPerStep / secondsPerStep)} tokens/s, ${withPrefix(flops / secondsPerStep)}FLOP/s`;
    lines.push(
      `time         ${inWords(secondsPerStep * steps)} at ${secondsPerStep.toPrecision(3)} s a step on this machine (${speed})`,
    );
  }
  if (sample !== undefined) lines.push(`sample       ${showSample(sample, tokenizer, hasColour)}`);
  return lines.join("\n");
}

function passesOf(size: DataSize | undefined, tokens: number): string {
  if (size === undefined) return "";
  const own = size.characters * size.tokensPerCharacter;
  if (!size.isAll) return `; the data are more than ${withPrefix(own)} tokens`;
  return `: ${Number((tokens / own).toPrecision(3))} passes over ${withPrefix(own)} tokens in ${size.texts} texts`;
}
