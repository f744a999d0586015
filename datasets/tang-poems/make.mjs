/**
 * Makes train.jsonl and valid.jsonl beside this file: `node datasets/tang-poems/make.mjs [FOLDER]`.
 *
 * Regulated verse (quatrains and eight-line poems of 5 or 7 characters a line) by the best-known poets of the Tang, and
 * all such poems of the anthology 唐诗三百首, from the npm package chinese-poetry (MIT), in simplified characters.
 * Neither package is a dependency: both are fetched with `npm pack` into FOLDER (default: a temporary one), and what is
 * already there is used. Needs `tar`. The result is the same on every machine.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "tang-poems-"));
mkdirSync(folder, { recursive: true });

/** Unpacks an npm package, or the part of it that matches, and returns its folder. */
function unpack(name, version, ...parts) {
  const file = `${name}-${version}.tgz`;
  if (!existsSync(join(folder, file))) execFileSync("npm", ["pack", `${name}@${version}`, "--silent"], { cwd: folder });
  const target = join(folder, name);
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, file), "-C", target, "--wildcards", ...parts]);
  return join(target, "package");
}

const poetry = unpack("chinese-poetry", "2.0.1", "package/dist/quantangshi/poet.tang.*", "package/dist/quantangshi/唐诗三百首.json");
const opencc = unpack("opencc-js", "1.4.2", "package/package.json", "package/dist/esm/*");
const { Converter } = await import(pathToFileURL(join(opencc, "dist/esm/full.js")).href);
const simplify = Converter({ from: "t", to: "cn" });

const poets = new Set([
  ..."李白 杜甫 王維 孟浩然 李商隱 杜牧 劉禹錫 韋應物 王昌齡 岑參 高適 劉長卿 柳宗元".split(" "),
]);

const read = (name) => JSON.parse(readFileSync(join(poetry, "dist/quantangshi", name), "utf8"));
const firstNumber = (name) => Number(name.split(".")[2]);
const volumes = readdirSync(join(poetry, "dist/quantangshi"))
  .filter((name) => name.startsWith("poet.tang."))
  .sort((a, b) => firstNumber(a) - firstNumber(b));
// The anthology comes first, so that of two versions of a poem the better-known one stays.
const candidates = [...read("唐诗三百首.json"), ...volumes.flatMap(read).filter(({ author }) => poets.has(author))];

/** One couplet a line: 白日依山尽，黄河入海流。 */
const couplet = /^(\p{Script=Han}+)，(\p{Script=Han}+)。$/u;
const isRegulated = (lines) =>
  (lines.length === 2 || lines.length === 4) &&
  lines.every((line) => couplet.test(line)) &&
  [5, 7].some((size) => lines.every((line) => [...line].length === 2 * size + 2));

// Editions differ in single characters, and one poem may stand under two names. Two poems that share a half-couplet
// count as the same poem; otherwise a poem could be in both splits.
const seen = new Set();
const splits = { train: [], valid: [] };
for (const { author, title, paragraphs } of candidates) {
  const lines = paragraphs.map((line) => simplify(line.trim()).replace(/[！？；]$/u, "。"));
  if (!isRegulated(lines)) continue;
  const halves = lines.flatMap((line) => couplet.exec(line).slice(1));
  if (halves.some((half) => seen.has(half))) continue;
  for (const half of halves) seen.add(half);
  const text = lines.join("");
  // The text decides: a poem stays in its split when others are added.
  const isValid = createHash("sha256").update(text).digest()[0] < 256 / 16;
  splits[isValid ? "valid" : "train"].push({ author: simplify(author), title: simplify(title), text });
}
for (const [name, poems] of Object.entries(splits)) {
  writeFileSync(join(here, `${name}.jsonl`), poems.map((poem) => `${JSON.stringify(poem)}\n`).join(""));
  const characters = poems.reduce((total, { text }) => total + [...text].length, 0);
  console.error(`${name}.jsonl: ${poems.length} poems, ${characters} characters`);
}
