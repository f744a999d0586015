/** Texts for pre-training: what is learned from, what is held out, and how much there is. */
import { type TextUnit, textOfRecord } from "../../data/index.ts";
import type { Tokenizer } from "../../tokenizers/index.ts";
import type { TextObjective } from "../objectives/objective.ts";
import type { Sample } from "../objectives/samples.ts";
import { checkFiles, isHeldOut, nothingSetAside, readRecords, type SetAside } from "./records.ts";
import { createRowStream, type RowStream } from "./row-stream.ts";

export interface TextDataSettings {
  readonly train: readonly string[];
  readonly valid: readonly string[];
  readonly validShare: number;
  readonly format: string | null;
  readonly textUnit: TextUnit;
  readonly shuffleCharacters: number;
}

export interface TextDataOptions {
  readonly objective: TextObjective;
  readonly length: number;
  readonly packing: boolean;
  readonly padId: number;
  readonly seed: number;
  /** The setting that names the files, for errors. Default "data.train". */
  readonly key?: string;
}

export interface TextData {
  readonly train: RowStream;
  /** The first rows of one pass over the held-out texts, always the same; none without such texts. */
  validRows(count: number): Promise<Sample[]>;
  /** Records that could not be read so far, held-out ones included. */
  readonly aside: SetAside;
}

/**
 * Opens the data; nothing is read yet.
 * @param aside takes what cannot be read
 * @throws CongError `NO_DATA` without files
 */
export function openTextData(
  settings: TextDataSettings,
  options: TextDataOptions,
  aside: SetAside = nothingSetAside(),
): TextData {
  const { objective, length, packing, padId, seed, key = "data.train" } = options;
  checkFiles(settings.train, key);
  const stream = (items: () => AsyncIterable<string>, seed: number) =>
    createRowStream<string>({
      items,
      sizeOf: (text) => text.length,
      windowSize: settings.shuffleCharacters,
      samples: (text, random) => objective(text, random, length),
      length,
      packing,
      padId,
      seed,
      key,
    });
  const train = stream(() => textsOf(settings, "train", aside), seed);
  const hasValid = settings.valid.length > 0 || settings.validShare > 0;
  return {
    train,
    aside,
    async validRows(count) {
      if (!hasValid) return [];
      // One seed for all runs: validation losses of different seeds are of the same rows.
      const held = stream(() => textsOf(settings, "valid", aside), 0);
      return firstRows(held, count);
    },
  };
}

/** At most `count` rows of the first pass. */
export async function firstRows(stream: RowStream, count: number): Promise<Sample[]> {
  const rows: Sample[] = [];
  try {
    for await (const { row, position } of stream.rows()) {
      if (position[0] > 0 || rows.length === count) break;
      rows.push(row);
    }
  } catch (error) {
    // A held-out share of a few texts may be empty.
    if ((error as { readonly code?: unknown }).code !== "NO_DATA") throw error;
  }
  return rows;
}

/** What to tell the user where a run has nothing to be judged by: then no validation loss comes, and no early stop. */
export const nothingHeldOut = ({ valid, validShare }: Pick<TextDataSettings, "valid" | "validShare">): string =>
  valid.length > 0
    ? `no row came from the validation files (${valid.join(", ")}): this run has no validation loss`
    : validShare > 0
      ? `no text fell into the held-out share (data.validShare ${validShare}): this run has no validation loss; name files with --data.valid, or raise --data.validShare`
      : "nothing is held out (data.validShare 0): this run has no validation loss";

/** One pass over the texts of a part. */
export async function* textsOf(
  { train, valid, validShare, format, textUnit }: TextDataSettings,
  part: "train" | "valid",
  aside: SetAside = nothingSetAside(),
): AsyncGenerator<string> {
  const hasFiles = valid.length > 0;
  const files = part === "valid" && hasFiles ? valid : train;
  for await (const text of readRecords({ files, format, textUnit }, textOfRecord, aside)) {
    if (hasFiles || isHeldOut(text, validShare) === (part === "valid")) yield text;
  }
}

export interface DataSize {
  readonly texts: number;
  readonly characters: number;
  /** Whether that is all; otherwise it is the first window. */
  readonly isAll: boolean;
  /** Of a sample of the texts. */
  readonly tokensPerCharacter: number;
}

const sampledTexts = 300;

/** Reads up to one window of the data. `aside` takes what cannot be read. */
export async function measureData(
  settings: TextDataSettings,
  tokenizer: Tokenizer,
  aside: SetAside = nothingSetAside(),
): Promise<DataSize> {
  let [texts, characters, sampledTokens, sampledCharacters] = [0, 0, 0, 0];
  let isAll = true;
  for await (const text of textsOf(settings, "train", aside)) {
    if (characters >= settings.shuffleCharacters) {
      isAll = false;
      break;
    }
    texts++;
    characters += text.length;
    if (texts > sampledTexts) continue;
    sampledCharacters += text.length;
    sampledTokens += tokenizer.encode(text, { addSpecialTokens: false }).length;
  }
  return { texts, characters, isAll, tokensPerCharacter: sampledTokens / Math.max(1, sampledCharacters) };
}
