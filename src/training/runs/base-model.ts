/** A model folder and its tokenizer as something to train. */

import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { HostTensor } from "../../engine/index.ts";
import { loadModelParameters, type ParameterTree, saveCheckpoint } from "../../models/index.ts";
import { CongError } from "../../support/errors.ts";
import { type LoadedTokenizer, loadTokenizer } from "../../tokenizers/index.ts";
import type { Model } from "../objectives/token-loss.ts";

export interface BaseModel {
  readonly model: Model;
  readonly parameters: ParameterTree<HostTensor>;
}

/** Reads a model folder. */
export async function loadBase(folder: string): Promise<BaseModel> {
  const { family, config, parameters } = await loadModelParameters(folder);
  return { model: { family, config }, parameters };
}

/** The tokenizer of a run: the one named, else that of the model it goes on from. */
export async function tokenizerOfRun(
  named: string | null,
  base: string | null,
): Promise<{ readonly tokenizer: LoadedTokenizer; readonly folder: string }> {
  const path = named ?? base;
  if (path === null) {
    throw new CongError(
      "NO_TOKENIZER",
      "the run names no tokenizer",
      {},
      "make one with `congling tokenizer train --data texts.txt --out runs/tokenizer` and pass --tokenizer runs/tokenizer",
    );
  }
  const tokenizer = await loadTokenizer(path);
  const isFolder = (await stat(path)).isDirectory();
  return { tokenizer, folder: isFolder ? path : dirname(path) };
}

/** Writes a trained model as a Hugging Face folder with its tokenizer. */
export const saveModel = (
  folder: string,
  { family, config }: Model,
  parameters: ParameterTree<HostTensor>,
  tokenizerFolder: string,
): Promise<void> =>
  saveCheckpoint(folder, {
    config: family.writeConfig(config),
    parameters,
    tokenizerFrom: tokenizerFolder,
    overwrite: true,
  });

/** @throws CongError `TOKENIZER_MISMATCH` when the tokenizer has ids that the embedding lacks */
export function checkVocabulary({ config }: Model, tokenizer: LoadedTokenizer): void {
  if (tokenizer.vocabularySize <= config.vocabulary) return;
  throw new CongError(
    "TOKENIZER_MISMATCH",
    `the tokenizer has ${tokenizer.vocabularySize} tokens, the model ${config.vocabulary} rows for them`,
    { tokens: tokenizer.vocabularySize, rows: config.vocabulary },
    "take tokenizer and model from the same folder",
  );
}

/**
 * Past the longest text that a model declares, a learned table of positions has no rows, and no other program will use the
 * model, whatever its positions are.
 * @param isFresh whether the run makes the model, so that its limit is a setting, too
 * @throws CongError `BAD_SETTING` for longer rows
 */
export function checkLength({ config }: Model, length: number, isFresh: boolean): void {
  const { contextLength } = config;
  if (length <= contextLength) return;
  throw new CongError(
    "BAD_SETTING",
    `training.length is ${length}, and the model is made for texts of at most ${contextLength} tokens`,
    { length, contextLength },
    `set --training.length ${contextLength} or less${isFresh ? `, or make a model for longer texts: --model.context ${length}` : ""}`,
  );
}
