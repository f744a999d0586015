/** The stages as commands: every stage of the quick start does what the command shown beside it does. */
import {
  type Override,
  type PretrainSettings,
  pretrain,
  pretrainSettings,
  type RunOptions,
  type RunSummary,
  readRunConfig,
  resolveSettings,
  sft,
  sftSettings,
} from "../../src/training/index.ts";

/** How the quick start trains its tokenizer: in classical Chinese a character is a word. */
export const tokenizerSettings = { vocabularySize: 6000, words: "characters" } as const;

export const recipes = { pretrain: "recipes/quickstart/pretrain.yaml", sft: "recipes/quickstart/sft.yaml" } as const;

/** Settings on top of a recipe's file, by key. */
export type Changes = Readonly<Record<string, string | number>>;

/** A command line as a person would type it; words with spaces or marks in quotes. */
export const typed = (...words: readonly (string | number)[]): string =>
  `npx congling ${words.map((word) => (/^[\w./=,:@+-]+$/.test(String(word)) ? word : `"${word}"`)).join(" ")}`;

/** `--key value` for each change. */
export const flags = (changes: Changes): string[] =>
  Object.entries(changes).flatMap(([key, value]) => [`--${key}`, String(value)]);

const overrides = (changes: Changes): Override[] =>
  Object.entries(changes).map(([key, value]) => [key, String(value)] as const);

/** The settings of a recipe: its file, and changes on top of it. */
export const pretrainingOf = async (changes: Changes, recipe: string = recipes.pretrain): Promise<PretrainSettings> =>
  resolveSettings(pretrainSettings, await readRunConfig(recipe), overrides(changes)).values;
const tuningOf = async (changes: Changes) =>
  resolveSettings(sftSettings, await readRunConfig(recipes.sft), overrides(changes)).values;

/** How many steps the recipes say. */
export const recipeSteps = async (): Promise<{ readonly pretrain: number; readonly sft: number }> => ({
  pretrain: (await pretrainingOf({})).training.steps!,
  sft: (await tuningOf({})).training.steps!,
});

/** What `congling pretrain recipes/quickstart/pretrain.yaml --key value …` does. */
export const runPretraining = async (changes: Changes, options: RunOptions = {}): Promise<RunSummary> =>
  (await pretrain(await pretrainingOf(changes), options))!;

/** What `congling sft recipes/quickstart/sft.yaml --key value …` does. */
export const runTuning = async (changes: Changes, options: RunOptions = {}): Promise<RunSummary> =>
  (await sft(await tuningOf(changes), options))!;

/** The same as commands. */
export const typedPretraining = (changes: Changes): string => typed("pretrain", recipes.pretrain, ...flags(changes));
export const typedTuning = (changes: Changes): string => typed("sft", recipes.sft, ...flags(changes));
