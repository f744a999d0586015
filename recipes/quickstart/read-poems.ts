/** The poems that ship with the package, cleaned: datasets/poems. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { CongError } from "../../src/support/index.ts";
import type { Poem } from "./instructions.ts";

/** One split of datasets/poems; the folder is that of the repository. */
export function readPoems(split: "train" | "valid" | "test"): Poem[] {
  const path = `datasets/poems/${split}.jsonl.gz`;
  try {
    const lines = gunzipSync(readFileSync(path)).toString("utf8").trimEnd().split("\n");
    return lines.map((line) => JSON.parse(line) as Poem);
  } catch (error) {
    throw new CongError(
      "PATH_NOT_FOUND",
      `quickstart: cannot read poems from ${path}`,
      { path, cause: error },
      "start it in the root folder of the repository, where datasets/ is",
    );
  }
}

/** What each step of making the data set left: datasets/poems/funnel.json. */
export const readFunnel = (): Readonly<Record<string, unknown>> =>
  JSON.parse(readFileSync("datasets/poems/funnel.json", "utf8")) as Readonly<Record<string, unknown>>;
