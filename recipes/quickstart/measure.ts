/** What the quick start measures at every stage: bits a character, answers to instructions, forms kept, time taken. */
import type { Backend, HostTensor } from "../../src/engine/index.ts";
import { createModel, type Model as InferenceModel, type Network } from "../../src/inference/index.ts";
import type { ParameterTree } from "../../src/models/index.ts";
import { createTokenEvaluator, type EvaluatorOptions } from "../../src/training/objectives/evaluator.ts";
import { ignored, type Sample } from "../../src/training/objectives/samples.ts";
import type { Model } from "../../src/training/objectives/token-loss.ts";
import { coupletsOf, type Poem } from "./instructions.ts";
import type { PoemTokenizer } from "./poem-model.ts";

/** A poem written from nothing: [gMASK] `<sop>`, then its tokens; only these are asked for. */
export function wholePoemSample(text: string, { tokenizer, blanks }: PoemTokenizer): Sample {
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  return {
    ids: [blanks.generationMask, blanks.start, ...ids.slice(0, -1)],
    targets: [ignored, ...ids],
  };
}

/** Bits a character (Han and punctuation) over whole poems after the prompt tokens. */
export async function bitsPerCharacter(
  backend: Backend,
  model: Model,
  parameters: ParameterTree<HostTensor>,
  texts: readonly string[],
  tokenizer: PoemTokenizer,
): Promise<number> {
  const samples = texts.map((text) => wholePoemSample(text, tokenizer));
  const length = samples.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  const evaluator = await createTokenEvaluator(backend, model, parameters, {
    batch: 16,
    length,
    padId: tokenizer.padId,
  });
  const { loss, targets } = await evaluator.evaluate(samples);
  await evaluator.dispose();
  const characters = texts.reduce((sum, text) => sum + [...text].length, 0);
  return (loss * targets) / Math.LN2 / characters;
}

/** Mean nats a token of the answers. `inputs` finds the model among parameters with an adapter. */
export async function answerLoss(
  backend: Backend,
  model: Model,
  parameters: ParameterTree<HostTensor>,
  samples: readonly Sample[],
  padId: number,
  inputs?: EvaluatorOptions["inputs"],
): Promise<number> {
  const length = samples.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  const evaluator = await createTokenEvaluator(backend, model, parameters, {
    batch: 16,
    length,
    padId,
    ...(inputs === undefined ? {} : { inputs }),
  });
  const { loss } = await evaluator.evaluate(samples);
  await evaluator.dispose();
  return loss;
}

/** A model that chats, from parameters in memory. */
export const chatting = (network: Network, { tokenizer, padId, userId, blanks }: PoemTokenizer): InferenceModel =>
  createModel(network, { dtype: "float32", tokenizer, endIds: [padId, userId, blanks.end] });

/** Answers to instructions; the same seed gives the same answers. */
export async function answersTo(
  model: InferenceModel,
  instructions: readonly string[],
  seed: number,
): Promise<string[]> {
  const answers: string[] = [];
  for (const [i, content] of instructions.entries()) {
    const [answer] = await model.generate({
      messages: [{ role: "user", content }],
      chat: { template: "glm-4" },
      maxNewTokens: 90,
      temperature: 0.7,
      topP: 0.9,
      seed: seed + i,
    });
    answers.push(answer!.text?.trim() ?? "");
  }
  return answers;
}

/** Lines and characters a line of each form. */
const shapes: Readonly<Record<string, readonly [lines: number, size: number]>> = {
  五绝: [4, 5],
  七绝: [4, 7],
  五律: [8, 5],
  七律: [8, 7],
};

/** Whether a text has the lines and lengths of a form. */
export function keepsForm(text: string, form: string): boolean {
  const [lines, size] = shapes[form]!;
  const halves = coupletsOf(text).flatMap((couplet) => couplet.slice(0, -1).split(/[，、]/u));
  const whole = coupletsOf(text).join("").length === text.length;
  return whole && halves.length === lines && halves.every((half) => [...half].length === size);
}

/** How many of the model's poems on given titles keep the form asked for. */
export async function formShare(model: InferenceModel, poems: readonly Poem[], seed: number): Promise<number> {
  const asked = poems.map(({ form, title }) => `以“${title}”为题写一首${form}。`);
  const answers = await answersTo(model, asked, seed);
  return answers.filter((answer, i) => keepsForm(answer, poems[i]!.form)).length / poems.length;
}
