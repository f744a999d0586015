/**
 * The news titles: 45,000 to learn from, 10,000 to choose settings with, 10,000 to report on; ten classes.
 *
 * Titles that stand in `dev` or `test` too are taken out of training: natural duplicates, 86 of them.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { CongError } from "../../src/support/index.ts";

const folder = "../shared/data/thucnews-titles";

/** Number of classes. */
export const classes = 10;

export interface Titles {
  readonly texts: readonly string[];
  /** Class of each title, 0 to 9. */
  readonly labels: Uint8Array;
}

export interface News {
  readonly train: Titles;
  readonly dev: Titles;
  readonly test: Titles;
  /** Titles taken out of training because they recur in dev or test. */
  readonly removed: number;
}

/** @throws CongError `BAD_LINE` for a line that is no title with a label */
export function readNews(): News {
  const [raw, dev, test] = [readTitles("subset50k.train"), readTitles("dev"), readTitles("test")];
  const held = new Set([...dev.texts, ...test.texts]);
  const kept = raw.texts.flatMap((text, i) => (held.has(text) ? [] : [i]));
  const train = { texts: kept.map((i) => raw.texts[i]!), labels: Uint8Array.from(kept, (i) => raw.labels[i]!) };
  return { train, dev, test, removed: raw.texts.length - kept.length };
}

function readTitles(name: string): Titles {
  const file = `${folder}/${name}.txt.gz`;
  const lines = gunzipSync(readFileSync(file)).toString("utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  const rows = lines.map((line, i) => {
    const [text = "", label = "", ...more] = line.trimEnd().split("\t");
    if (text !== "" && /^[0-9]$/.test(label) && more.length === 0) return { text, label: Number(label) };
    throw new CongError(
      "BAD_LINE",
      `${file}, line ${i + 1}: ${JSON.stringify(line.slice(0, 60))} is not a title, a tab and a class`,
      { file, line: i + 1 },
      "fetch the file again",
    );
  });
  return { texts: rows.map(({ text }) => text), labels: Uint8Array.from(rows, ({ label }) => label) };
}
