/**
 * Poems as batches of character numbers.
 *
 * Each row of a batch is one poem between two boundary tokens, and all poems of a batch have the same length (regulated
 * verse has only four), so nothing is padded. B poems, T tokens.
 */
import { readFileSync } from "node:fs";
import { hostTensor } from "../../src/engine/index.ts";
import { CongError } from "../../src/support/index.ts";
import { createRandom } from "../../src/support/random.ts";
import type { Batch, BatchSource } from "../../src/training/index.ts";

/** Token 0 stands before and after every poem, token 1 for characters outside the vocabulary. */
export const boundary = 0;
export const unknown = 1;

export interface Vocabulary {
  /** Number of tokens V. */
  readonly size: number;
  encode(text: string): number[];
  /** Unknown characters become □, the mark for an illegible one. */
  decode(tokens: readonly number[]): string;
}

/** The texts of a JSONL file with a field `text`. */
export function readPoems(path: string): string[] {
  try {
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    return lines.map((line) => (JSON.parse(line) as { readonly text: string }).text);
  } catch (error) {
    throw new CongError(
      "PATH_NOT_FOUND",
      `quickstart: cannot read poems from ${path}`,
      { path, cause: error },
      "start it in the root folder of the repository, where datasets/ is",
    );
  }
}

/** All characters that occur at least twice; of the others a model could learn nothing. */
export function vocabularyOf(texts: readonly string[]): Vocabulary {
  const counts = new Map<string, number>();
  for (const character of texts.join("")) counts.set(character, (counts.get(character) ?? 0) + 1);
  const known = [...counts].filter(([, count]) => count >= 2).map(([character]) => character);
  const characters = ["", "□", ...known.sort()];
  const ids = new Map(characters.map((character, id) => [character, id]));
  return {
    size: characters.length,
    encode: (text) => Array.from(text, (character) => ids.get(character) ?? unknown),
    decode: (tokens) => tokens.map((token) => characters[token]).join(""),
  };
}

/** Poems of one length: `tokens` [B, T] and, one further on, `targets` [B, T]. */
function toInputs(poems: readonly (readonly number[])[]): Batch["inputs"] {
  const shape = [poems.length, poems[0]!.length + 1];
  return {
    tokens: hostTensor(
      "int64",
      shape,
      poems.flatMap((poem) => [boundary, ...poem]),
    ),
    targets: hostTensor(
      "int64",
      shape,
      poems.flatMap((poem) => [...poem, boundary]),
    ),
  };
}

/** Groups poems of one length into batches of about `tokens` tokens, in the order given. */
export function batchesOf(poems: readonly (readonly number[])[], tokens: number): Omit<Batch, "position">[] {
  const lengths = [...new Set(poems.map((poem) => poem.length))];
  return lengths.flatMap((length) => {
    const group = poems.filter((poem) => poem.length === length);
    const rows = Math.max(1, Math.floor(tokens / (length + 1)));
    const starts = Array.from({ length: Math.ceil(group.length / rows) }, (_, i) => i * rows);
    return starts.map((start) => {
      const batch = group.slice(start, start + rows);
      return { inputs: toInputs(batch), tokens: batch.length * (length + 1) };
    });
  });
}

/** Endless batches: every epoch takes all poems once, in an order that the seed and the epoch decide. */
export function shuffledBatches(poems: readonly (readonly number[])[], tokens: number, seed: number): BatchSource {
  return function* (from) {
    const [firstEpoch, firstIndex] = Array.isArray(from) ? (from as [number, number]) : [0, 0];
    for (let epoch = firstEpoch; ; epoch++) {
      const random = createRandom(seed).fork(epoch);
      const batches = random.shuffle(batchesOf(random.shuffle([...poems]), tokens));
      for (let index = epoch === firstEpoch ? firstIndex : 0; index < batches.length; index++) {
        yield { ...batches[index]!, position: [epoch, index + 1] };
      }
    }
  };
}
