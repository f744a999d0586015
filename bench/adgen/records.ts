/**
 * The texts of the benchmark: adverts with their attributes (ADGEN), and general text beside them (classical poems, news
 * titles), which the base learns first and tuning may make it forget.
 *
 * 500 of the 5,000 training adverts are held out to choose settings on. The official dev set is only reported on.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { readPoems, type Split } from "../../recipes/parts/shipped-poems.ts";
import { CongError } from "../../src/support/index.ts";
import { createRandom } from "../../src/support/random.ts";
import { readNews } from "../news/titles.ts";

/** An advert: attributes such as `类型#裤*版型#宽松`, and the text that sells the thing. */
export interface Advert {
  readonly content: string;
  readonly summary: string;
}

export interface Texts {
  readonly train: readonly Advert[];
  /** For choosing settings. */
  readonly heldOut: readonly Advert[];
  /** The official dev set. */
  readonly dev: readonly Advert[];
  readonly general: readonly string[];
  readonly generalHeldOut: readonly string[];
}

const heldOutAdverts = 500;
/** As many poems as have about the characters of the 45,000 titles. */
const poems = 14_000;
const heldOutPoems = 300;
const heldOutTitles = 900;

/** The same split for all seeds. */
export function readTexts(): Texts {
  const adverts = readAdverts("train5k");
  const order = createRandom(0).fork("held-out adverts").permutation(adverts.length);
  const news = readNews();
  return {
    heldOut: Array.from(order.slice(0, heldOutAdverts), (i) => adverts[i]!),
    train: Array.from(order.slice(heldOutAdverts), (i) => adverts[i]!),
    dev: readAdverts("dev"),
    general: [...somePoems("train", poems), ...news.train.texts],
    generalHeldOut: [...somePoems("valid", heldOutPoems), ...news.dev.texts.slice(0, heldOutTitles)],
  };
}

const linesOf = (file: string): string[] => gunzipSync(readFileSync(file)).toString("utf8").trimEnd().split("\n");

/** `count` poems, spread evenly over the split, which is sorted by poet. */
function somePoems(split: Split, count: number): string[] {
  const all = readPoems(split);
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!.text);
}

/** @throws CongError `BAD_LINE` for a line that is no advert */
function readAdverts(split: "train5k" | "dev"): Advert[] {
  const file = `../shared/data/adgen/${split}.jsonl.gz`;
  return linesOf(file).map((line, i) => {
    const { content, summary } = JSON.parse(line) as Partial<Advert>;
    if (typeof content === "string" && typeof summary === "string") return { content, summary };
    throw new CongError(
      "BAD_LINE",
      `${file}, line ${i + 1}: no advert with content and summary`,
      { file, line: i + 1 },
      "fetch the file again",
    );
  });
}
