/**
 * Benchmark `dedupe`: recall and precision of near-duplicate removal on documents with random character edits, recall of the
 * contamination check on planted leaks, and the speed of cleaning and deduplicating. Everything runs through files, as users run it.
 *
 * Documents are joined poems of datasets/poems, 200 characters or more. Half of them get an edited copy: a stated share of the
 * characters replaced, deleted or inserted (a third each) at random places, with characters of the same corpus. English the same way by
 * words, on speeches of ../shared/data/tinyshakespeare; without that file its rows are left out, and a line says so.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readPoems, type Split } from "../recipes/parts/shipped-poems.ts";
import { clean, contamination, dedupe, outputPaths } from "../src/data/index.ts";
import { createRandom, type Random } from "../src/support/random.ts";
import { type Benchmark, peakRssMb, type Row, say } from "./report.ts";

const editShares = [0.05, 0.1, 0.15, 0.2, 0.3];
const throughputBytes = 64e6;
const threads = 2;
const englishPath = "../shared/data/tinyshakespeare/input.txt.gz";

export const dedupeBenchmark: Benchmark = {
  summary: "near duplicates under random edits, planted leaks, and the speed of cleaning and deduplicating",
  options: "[--seeds 0,1,2] [--megabytes 64] [--skip-speed]",
  async run(options) {
    const seeds = (options.get("seeds") ?? "0").split(",").map(Number);
    const rows: Row[] = [];
    const folder = mkdtempSync(join(tmpdir(), "congling-bench-"));
    try {
      for (const seed of seeds) {
        const random = createRandom(seed);
        rows.push(...(await editRows(folder, seed, random.fork("edits"), chinese(random.fork("edits")))));
        if (existsSync(englishPath)) {
          rows.push(...(await editRows(folder, seed, random.fork("english"), english(random.fork("english")))));
        } else say(`no ${englishPath}: English left out`);
        rows.push(await leakRow(folder, seed, random.fork("leaks")));
      }
      if (!options.has("skip-speed")) {
        const bytes = Number(options.get("megabytes") ?? throughputBytes / 1e6) * 1e6;
        rows.push(await speedRow(folder, createRandom(seeds[0]!).fork("speed"), bytes));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    return rows;
  },
};

const textsOf = (split: Split): string[] => readPoems(split).map(({ text }) => text);

/** Joined poems: most documents have 200 to 600 characters, one in four up to 3,000. */
function documents(poems: readonly string[], random: Random): string[] {
  const made: string[] = [];
  let text = "";
  let wanted = 0;
  for (const poem of poems) {
    if (text === "") wanted = 200 + random.integer(random.integer(4) === 0 ? 2800 : 400);
    text += text === "" ? poem : `\n${poem}`;
    if (text.length < wanted) continue;
    made.push(text);
    text = "";
  }
  return made;
}

/** Edits exactly `share` of the units: replaced, deleted, or one of `alphabet` inserted before, with what joins it. */
function editUnits(units: readonly string[], share: number, random: Random, alphabet: readonly string[]): string[] {
  const changed = [...units];
  for (const place of random.permutation(units.length).slice(0, Math.round(share * units.length))) {
    const kind = random.integer(3);
    const other = random.choice(alphabet);
    changed[place] = kind === 0 ? other : kind === 1 ? "" : `${other}${changed[place]}`;
  }
  return changed;
}

const edited = (text: string, share: number, random: Random, alphabet: readonly string[]): string =>
  editUnits([...text], share, random, alphabet).join("");

/** What is edited and how. */
interface Corpus {
  readonly task: string;
  readonly texts: readonly string[];
  readonly edit: (text: string, share: number, random: Random) => string;
}

function chinese(random: Random): Corpus {
  const poems = random.shuffle(textsOf("train"));
  const alphabet = [...new Set(poems.slice(0, 5000).join(""))];
  return {
    task: "near duplicates",
    texts: documents(poems, random),
    edit: (text, share, edits) => edited(text, share, edits, alphabet),
  };
}

/** Units are words, each with the space behind it. */
function english(random: Random): Corpus {
  const text = gunzipSync(readFileSync(englishPath)).toString();
  const alphabet = [...new Set(text.match(/[A-Za-z']+/g))].map((word) => `${word} `);
  return {
    task: "near duplicates, English",
    texts: documents(text.split(/\n\n+/), random),
    edit: (document, share, edits) => editUnits(document.match(/\S+\s*/g) ?? [], share, edits, alphabet).join(""),
  };
}

interface Planted {
  readonly id: string;
  readonly text: string;
}

const writeRecords = (path: string, records: readonly object[]): void =>
  writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));

const idsOf = (path: string): string[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { id: string }).id);

/**
 * One file a share of edits. A pair is found when one of its two texts is removed; a text removed whose partner is not there is a wrong
 * one.
 */
async function editRows(folder: string, seed: number, random: Random, corpus: Corpus): Promise<Row[]> {
  const { task, texts, edit } = corpus;
  const rows: Row[] = [];
  for (const share of editShares) {
    const originals = texts.map((text, i): Planted => ({ id: `${i}`, text }));
    const copies = originals.flatMap(({ id, text }, i): Planted[] =>
      i % 2 === 0 ? [{ id: `${id}-copy`, text: edit(text, share, random.fork(`${share}/${i}`)) }] : [],
    );
    const input = join(folder, "edits.jsonl");
    const output = join(folder, "edits.out.jsonl");
    writeRecords(input, random.fork(share * 100).shuffle([...originals, ...copies]));
    const report = await dedupe({ inputs: [{ path: input }], output, threads });
    const kept = new Set(idsOf(output));
    const found = copies.filter(({ id }) => kept.has(id) !== kept.has(id.replace("-copy", ""))).length;
    const removed = originals.length + copies.length - kept.size;
    rows.push({
      task,
      seed,
      edits: share,
      pairs: copies.length,
      recall: found / copies.length,
      precision: removed === 0 ? 1 : found / removed,
      documents: report.recordsIn,
    });
    say(`${task}, ${share * 100} % edits: recall ${found}/${copies.length}, removed ${removed}`);
  }
  return rows;
}

/** Test poems planted in training documents: a third each alone, inside another document, and with other punctuation. */
async function leakRow(folder: string, seed: number, random: Random): Promise<Row> {
  const tests = textsOf("test");
  const training = documents(textsOf("train"), random).map((text, i): Planted => ({ id: `${i}`, text }));
  const planted = tests.slice(0, 1000).map((text, i): Planted => {
    const host = random.choice(training).text;
    const at = random.integer(host.length);
    const inside = `${host.slice(0, at)}${text}${host.slice(at)}`;
    return { id: `leak-${i}`, text: [text, inside, text.replace(/[，。]/g, " ")][i % 3]! };
  });
  const input = join(folder, "train.jsonl");
  const output = join(folder, "train.out.jsonl");
  const against = join(folder, "test.jsonl");
  writeRecords(input, random.shuffle([...training, ...planted]));
  writeRecords(
    against,
    tests.map((text) => ({ text })),
  );
  await contamination({ inputs: [{ path: input }], against: [{ path: against }], output, threads });
  const kept = new Set(idsOf(output));
  const found = planted.filter(({ id }) => !kept.has(id)).length;
  const wrong = training.filter(({ id }) => !kept.has(id)).length;
  say(`leaks: ${found} of ${planted.length} found, ${wrong} of ${training.length} others removed`);
  return {
    task: "planted leaks",
    seed,
    pairs: planted.length,
    recall: found / planted.length,
    precision: found / (found + wrong),
    documents: training.length + planted.length,
  };
}

/**
 * A corpus of the wanted size: documents of shuffled couplets, one in ten an exact and one in ten a near duplicate of an earlier one,
 * with the faults that cleaning is for (tags, entities, boilerplate, numbers) in one of five.
 */
async function speedRow(folder: string, random: Random, wantedBytes: number): Promise<Row> {
  const couplets = textsOf("train").flatMap((poem) => poem.match(/[^。！？；]+[。！？；]/g) ?? []);
  const alphabet = [...new Set(couplets.slice(0, 5000).join(""))];
  const texts: string[] = [];
  const lines: string[] = [];
  let bytes = 0;
  while (bytes < wantedBytes) {
    const kind = random.integer(10);
    let text: string;
    if (kind === 0 && texts.length > 0) text = random.choice(texts);
    else if (kind === 1 && texts.length > 0) text = edited(random.choice(texts), 0.1, random, alphabet);
    else {
      const count = 10 + random.integer(60);
      const parts = Array.from({ length: count }, (_, i) => `${random.choice(couplets)}${i % 8 === 7 ? "\n" : ""}`);
      text = parts.join("");
      if (kind === 2) text = `<p>${text}</p>&nbsp;<a href="/x">下一页</a>\n版权所有 转载请注明`;
      if (kind === 3) text = `${text}\n电话：13812345678，邮箱 someone@example.com`;
      texts.push(text);
    }
    const line = `${JSON.stringify({ text })}\n`;
    lines.push(line);
    bytes += Buffer.byteLength(line);
  }
  const input = join(folder, "speed.jsonl");
  writeFileSync(input, lines.join(""));
  const [cleaned, unique] = [join(folder, "clean.jsonl"), join(folder, "unique.jsonl")];
  const began = performance.now();
  await clean({}, { inputs: [{ path: input }], output: cleaned, threads });
  const middle = performance.now();
  const report = await dedupe({ inputs: [{ path: cleaned }], output: unique, threads });
  const ended = performance.now();
  const size = statSync(input).size;
  const row = {
    task: "speed",
    threads,
    megabytes: size / 1e6,
    documents: lines.length,
    cleanMegabytesPerSecond: size / 1e3 / (middle - began),
    dedupeMegabytesPerSecond: statSync(cleaned).size / 1e3 / (ended - middle),
    megabytesPerSecond: size / 1e3 / (ended - began),
    exact: report.removed["exact duplicate"]?.count ?? 0,
    near: report.removed["near duplicate"]?.count ?? 0,
    peakMemoryMb: peakRssMb(),
  };
  say(`speed: ${row.megabytesPerSecond.toFixed(1)} MB/s`);
  rmSync(outputPaths(unique).rejected);
  return row;
}
