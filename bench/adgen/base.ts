/** The base: a small GLM, its tokenizer included, pretrained from zero on general text and on the adverts' texts without attributes. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tokenizer } from "../../src/tokenizers/index.ts";
import { loadTokenizer } from "../../src/tokenizers/index.ts";
import { pretrain, pretrainSettings, resolveSettings, trainTokenizer } from "../../src/training/index.ts";
import { say } from "../report.ts";
import type { Advert, Texts } from "./records.ts";

/** What the base is called in the results. */
export const baseName = "glm, 4 layers of 128 channels, characters";

/** Files that runs read. */
export interface Files {
  readonly general: string;
  readonly generalHeldOut: readonly string[];
  /** Attributes and adverts, cut at `longestPart`. */
  readonly train: string;
  readonly heldOut: readonly Advert[];
  readonly dev: readonly Advert[];
}

/** Tokens at which attributes and adverts are cut, each: the published setting. */
export const longestPart = 64;
/** Tokens of a row: both parts and what opens and closes them. */
export const rowLength = 128;
/** Ends the attributes and asks for the text, in their own form. */
const request = "*广告#";

const vocabularySize = 4000;
/** How often the adverts' texts come for each time that the general text comes: half of what is read. */
const advertCopies = 3;

export interface Base {
  readonly folder: string;
  readonly files: Files;
  readonly tokenizer: Tokenizer;
}

export interface BaseOptions {
  readonly folder: string;
  readonly seed: number;
  readonly steps: number;
  /** Null: one for each physical core. */
  readonly threads: number | null;
}

/** Trains the base in `folder`, or goes on with what is there. */
export async function makeBase(texts: Texts, { folder, seed, steps, threads }: BaseOptions): Promise<Base> {
  const run = join(folder, "base");
  const tokenizerFolder = join(folder, "tokenizer");
  const write = (name: string, records: readonly object[]) => writeRecords(join(folder, name), records);
  await mkdir(folder, { recursive: true });
  const general = await write(
    "general.jsonl",
    texts.general.map((text) => ({ text })),
  );
  const adverts = await write(
    "adverts.jsonl",
    texts.train.map(({ summary }) => ({ text: summary })),
  );
  await trainTokenizer({
    files: [general, adverts],
    out: tokenizerFolder,
    vocabularySize,
    words: "characters",
  });
  const tokenizer = await loadTokenizer(tokenizerFolder);
  const cut = (all: readonly Advert[]) => all.map((advert) => cutAdvert(advert, tokenizer));
  const files: Files = {
    general,
    generalHeldOut: texts.generalHeldOut,
    train: await write("train.jsonl", cut(texts.train)),
    heldOut: cut(texts.heldOut),
    dev: cut(texts.dev),
  };
  const settings = resolveSettings(pretrainSettings, {
    depth: 4,
    model: { hidden: 128, heads: 2 },
    out: run,
    seed,
    threads,
    tokenizer: tokenizerFolder,
    data: {
      train: [general, ...Array.from({ length: advertCopies }, () => adverts)],
      valid: [
        await write(
          "general-valid.jsonl",
          texts.generalHeldOut.map((text) => ({ text })),
        ),
      ],
    },
    objective: { name: "causal" },
    training: {
      length: rowLength,
      batch: 16,
      steps,
      learningRate: 0.02,
      optimizer: { name: "muon", weightDecay: 0.1, fallbackRate: 0.1 },
    },
  }).values;
  await pretrain(settings, { say, resume: true });
  return { folder: join(run, "model"), files, tokenizer };
}

function cutAdvert({ content, summary }: Advert, tokenizer: Tokenizer): Advert {
  const cut = (text: string, longest: number): string => {
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    // A character cut apart leaves a mark at the end.
    return ids.length <= longest ? text : tokenizer.decode(ids.slice(0, longest)).replace(/\uFFFD+$/u, "");
  };
  const asked = tokenizer.encode(request, { addSpecialTokens: false }).length;
  // Two tokens open a row and one closes it.
  return { content: cut(content, longestPart - asked - 3) + request, summary: cut(summary, longestPart) };
}

async function writeRecords(path: string, records: readonly object[]): Promise<string> {
  await writeFile(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  return path;
}
