import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createRandom } from "../../support/random.ts";
import { contamination } from "../contamination/contamination.ts";
import { createRunTable, sharedRun } from "../contamination/runs.ts";
import { dedupe } from "./dedupe.ts";
import { fold } from "./fold.ts";
import { estimateJaccard, signatureInto, signatureRows } from "./minhash.ts";
import { jaccard, ShingleSet, shinglesInto } from "./shingles.ts";
import { HashSet, textHash } from "./text-hash.ts";

const folder = mkdtempSync(join(tmpdir(), "congling-dedupe-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const string = (units: Uint16Array): string => String.fromCharCode(...units);

/** Random Han text: without any structure, so that what is alike is alike by construction. */
function randomText(length: number, seed: number): string {
  const random = createRandom(seed);
  return Array.from({ length }, () => String.fromCharCode(0x4e00 + random.integer(3000))).join("");
}

function write(name: string, texts: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, texts.map((text, i) => `${JSON.stringify({ id: i, text })}\n`).join(""));
  return path;
}

const kept = (path: string): number[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { id: number }).id);

test("folding: spacing ignores spaces and width, loose also case and punctuation", () => {
  expect(string(fold("　Ａ１ b\n\n c，D。 ", "spacing"))).toBe("A1 b c,D。");
  expect(string(fold("　Ａ１ b\n\n c，D。 ", "loose"))).toBe("a1bcd");
});

test("hashes: equal texts only, and a set that grows", () => {
  const hash = (text: string) => textHash(fold(text, "spacing"), 0, text.length);
  expect(hash("床前明月光")).toEqual(hash("床前明月光"));
  expect(hash("床前明月光")).not.toEqual(hash("床前月明光"));
  const set = new HashSet();
  expect(set.add(0, 0)).toBe(true);
  expect(set.add(0, 0)).toBe(false);
  for (let i = 1; i <= 20_000; i++) expect(set.add(Math.imul(i, 0x9e3779b1) >>> 0, i)).toBe(true);
  expect(set.size).toBe(20_001);
  for (let i = 1; i <= 20_000; i++) expect(set.has(Math.imul(i, 0x9e3779b1) >>> 0, i)).toBe(true);
  expect(set.has(5, 5)).toBe(false);
});

describe("similarity", () => {
  const shingled = (text: string) => {
    const units = fold(text, "loose");
    const shingles = new Uint32Array(units.length);
    return { shingles, count: shinglesInto(units, 0, units.length, shingles) };
  };
  const exact = (a: string, b: string): number => {
    const [first, second] = [shingled(a), shingled(b)];
    const set = new ShingleSet();
    set.fill(first.shingles, first.count);
    return jaccard(set, second.shingles, second.count);
  };
  /** The same by strings and sets. */
  const slow = (a: string, b: string): number => {
    const grams = (text: string) => new Set([...text].slice(1).map((_, i) => text.slice(i, i + 2)));
    const [first, second] = [grams(a), grams(b)];
    const shared = [...first].filter((gram) => second.has(gram)).length;
    return shared / (first.size + second.size - shared);
  };

  test("exact Jaccard of bigrams equals the count by strings", () => {
    for (let seed = 0; seed < 20; seed++) {
      const base = randomText(300, seed);
      const other = `${base.slice(0, 150 + seed)}${randomText(100, 1000 + seed)}${base.slice(200)}`;
      expect(exact(base, other)).toBeCloseTo(slow(base, other), 12);
    }
    expect(exact("abcd", "abcd")).toBe(1);
    expect(exact("abcd", "bcde")).toBe(0);
  });

  test("signatures estimate it without bias and within the stated error", () => {
    const errors: number[] = [];
    for (let seed = 0; seed < 60; seed++) {
      const base = randomText(400, seed);
      const other = base.slice(0, 5 * seed + 50) + randomText(350 - 5 * seed, 5000 + seed);
      const signatures = new Uint8Array(2 * signatureRows);
      [base, other].forEach((text, i) => {
        const { shingles, count } = shingled(text);
        signatureInto(shingles, count, signatures, i * signatureRows);
      });
      errors.push(estimateJaccard(signatures, 0, signatures, signatureRows) - exact(base, other));
    }
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);
    expect(Math.abs(mean)).toBeLessThan(0.015);
    expect(deviation).toBeLessThan(0.05);
  });
});

describe("files", () => {
  test("exact and near duplicates go, the first stays, and every removal has its reason", async () => {
    const base = Array.from({ length: 30 }, (_, i) => randomText(250, i));
    const near = base[3]!.replace(/(.{9})./g, "$1改");
    const texts = [...base, ` ${base[0]}\n`, near, "短文", "短文。", "短文"];
    const output = join(folder, "a.out.jsonl");
    const report = await dedupe({ inputs: [{ path: write("a.jsonl", texts) }], output, threads: 1 });
    expect(kept(output)).toEqual([...base.keys(), 32, 33]);
    expect(report).toMatchObject({
      recordsIn: 35,
      recordsOut: 32,
      removed: { "exact duplicate": { count: 2 }, "near duplicate": { count: 1 } },
    });
    expect(report.removed["near duplicate"]!.examples[0]!.note).toContain(base[3]!.slice(0, 20));
    const rejected = readFileSync(join(folder, "a.out.rejected.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { line: number; record: { id: number } });
    expect(rejected.map(({ line, record }) => [line, record.id])).toEqual([
      [31, 30],
      [32, 31],
      [35, 34],
    ]);
  });

  test("lines that stood before go, and a text of little else", async () => {
    const refrain = "关注公众号获取更多精彩内容不要错过";
    const texts = [
      `${randomText(40, 1)}\n${refrain}`,
      `${randomText(40, 2)}\n${refrain}\n好`,
      `${refrain}\n${randomText(40, 1)}`,
    ];
    const output = join(folder, "b.out.jsonl");
    const report = await dedupe({ inputs: [{ path: write("b.jsonl", texts) }], output, threads: 1, byLine: true });
    const lines = readFileSync(output, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { text: string }).text);
    expect(lines).toEqual([texts[0], `${randomText(40, 2)}\n好`]);
    expect(report.removed["little but repeated lines"]!.count).toBe(1);
    expect(report.figures["repeated lines"]).toBe(1);
  });
});

describe("contamination", () => {
  test("runs of 13 Han characters however they are punctuated, of 13 words, and short texts as a whole", () => {
    const table = createRunTable([
      "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
      "The quick brown fox jumps over the lazy dog and then runs far away.",
      "春眠不觉晓",
    ]);
    expect(sharedRun(table, "他念道：“明月光\n疑是地上霜！举头望明月”，走了。")).toBe(1);
    expect(sharedRun(table, "明月光疑是地上霜举头望")).toBe(0);
    expect(sharedRun(table, "xx the QUICK brown fox, jumps over the lazy dog and then runs far yy")).toBe(2);
    expect(sharedRun(table, "the quick brown fox jumps over the lazy cat and then runs far away")).toBe(0);
    expect(sharedRun(table, "春眠，不觉晓。")).toBe(3);
    expect(sharedRun(table, "春眠不觉晓，处处闻啼鸟")).toBe(0);
  });

  test("leaks go from a training file with the place of what leaked", async () => {
    const tests = Array.from({ length: 5 }, (_, i) => randomText(260, 100 + i));
    const training = Array.from({ length: 20 }, (_, i) => randomText(200, i));
    // Every twelfth character is another: no run of 13 is left, but it is a near duplicate.
    const disguised = tests[1]!.replace(/(.{11})./g, "$1换");
    const texts = [...training, `${training[0]}${tests[0]!.slice(50, 80)}`, disguised];
    const output = join(folder, "c.out.jsonl");
    const report = await contamination({
      inputs: [{ path: write("c.jsonl", texts) }],
      against: [{ path: write("test.jsonl", tests) }],
      output,
      threads: 1,
    });
    expect(kept(output)).toEqual([...training.keys()]);
    expect(report.removed).toMatchObject({
      "shares a run of 13 with an evaluation record": { count: 1 },
      "near duplicate of an evaluation record": { count: 1 },
    });
    expect(report.removed["near duplicate of an evaluation record"]!.examples[0]!.note).toContain("test.jsonl:2");
    expect(report.figures["evaluation records found in training"]).toBe(2);
  });

  test("evaluation sets have columns of their own; what cannot be read is counted, and a set without texts is refused", async () => {
    const question = "下列关于中国古代科举制度的表述中正确的一项是哪一个呢";
    const path = write("asked.jsonl", [`题目：${question}？选甲`, "与之无关的一句话"]);
    const output = join(folder, "asked.out.jsonl");
    const table = join(folder, "exam.csv");
    writeFileSync(table, `Question,A,B,Answer\n${question},甲,乙,A\n一列\n`);
    const report = await contamination({ inputs: [{ path }], against: [{ path: table }], output, threads: 1 });
    expect(kept(output)).toEqual([1]);
    const unread = `evaluation lines that could not be read, the first ${table}:3 a row of 1 fields where the header has 4`;
    expect(report.figures).toMatchObject({ "evaluation records": 1, [unread]: 1 });
    const broken = join(folder, "broken.jsonl");
    writeFileSync(broken, '{"text": 5}\n');
    const run = contamination({ inputs: [{ path }], against: [{ path: table }, { path: broken }], output });
    await expect(run).rejects.toThrow(/no text to compare with: .*broken\.jsonl:1 "text" is a number/);
  });
});
