/**
 * Whether configuration, tokenizer and weights belong together. Weights are compared with the configuration when they are
 * read; here come the ids, which go wrong when files of different revisions are mixed (of ChatGLM-6B there are two).
 */
import type { JsonObject, ModelConfig } from "../models/index.ts";
import { CongError } from "../support/errors.ts";
import type { Tokenizer } from "../tokenizers/index.ts";

/** Ids that a configuration may name, and the token that the tokenizer must have there. */
const namedIds: readonly (readonly [key: string, token: string])[] = [
  ["gmaskId", "[gMASK]"],
  ["maskId", "[MASK]"],
  ["sentenceMaskId", "[sMASK]"],
  ["startId", "<sop>"],
];

/** @throws CongError `TOKENIZER_MISMATCH` that lists every contradiction */
export function checkTokenizer(config: ModelConfig, tokenizer: Tokenizer): void {
  const { vocabulary } = config;
  const problems: string[] = [];
  if (tokenizer.vocabularySize > vocabulary) {
    problems.push(`the tokenizer has ${tokenizer.vocabularySize} ids, the model's embedding ${vocabulary} rows`);
  }
  for (const [token, id] of tokenizer.specialTokens) {
    if (id >= vocabulary) problems.push(`the tokenizer's ${token} is id ${id}, beyond the model's ${vocabulary} rows`);
  }
  for (const [key, token] of namedIds) {
    const wanted = (config as unknown as JsonObject)[key];
    const got = tokenizer.specialTokens.get(token);
    if (typeof wanted === "number" && got !== undefined && got !== wanted) {
      problems.push(`config.json puts ${token} at id ${wanted}, the tokenizer at ${got}`);
    }
  }
  if (problems.length === 0) return;
  throw new CongError(
    "TOKENIZER_MISMATCH",
    `the tokenizer does not belong to this model:\n  ${problems.slice(0, 20).join("\n  ")}`,
    { problems },
    "take config.json, tokenizer and weights from the same revision of the model",
  );
}

/** Refuses ids of the configuration that the embedding does not have. */
export function checkConfigIds(config: ModelConfig, endIds: readonly number[]): void {
  const ids: [string, number | undefined][] = [
    ...endIds.map((id): [string, number] => ["end token", id]),
    ["padding token", config.padId],
    ["begin token", config.beginId],
  ];
  const outside = ids.find(([, id]) => id !== undefined && id >= config.vocabulary);
  if (outside === undefined) return;
  throw new CongError(
    "BAD_CONFIG",
    `config.json: the ${outside[0]} is id ${outside[1]}, but the embedding has ${config.vocabulary} rows`,
    { id: outside[1], vocabulary: config.vocabulary },
    "configuration and weights are of different models or revisions",
  );
}

/** Ids below the vocabulary that are no token of the tokenizer: rows that exist for padding the matrix. */
export function unusedIds({ vocabulary }: ModelConfig, tokenizer: Tokenizer | undefined): number[] {
  if (tokenizer === undefined) return [];
  const unused: number[] = [];
  for (let id = 0; id < vocabulary; id++) {
    if (id >= tokenizer.vocabularySize || tokenizer.tokenOf(id) === undefined) unused.push(id);
  }
  return unused;
}
