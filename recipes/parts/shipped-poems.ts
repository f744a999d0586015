/** The poems that ship with the repository, for recipes and benchmarks; started, like all of these, in its root folder. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** A line of datasets/poems. */
export interface Poem {
  readonly dynasty: string;
  readonly author: string;
  readonly title: string;
  /** 五绝, 七绝, 五律 or 七律. */
  readonly form: string;
  readonly text: string;
}

export type Split = "train" | "valid" | "test";

/** The file of a split. */
export const poemFile = (split: Split): string => `datasets/poems/${split}.jsonl.gz`;

/** All poems of a split, sorted by poet. */
export const readPoems = (split: Split): Poem[] =>
  gunzipSync(readFileSync(poemFile(split)))
    .toString("utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Poem);
