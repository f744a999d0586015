/**
 * `node dist/tools/transformers/compare.js FOLDER [--python PROGRAM] [--tokens 16]`: does a Hugging Face folder that
 * Congling wrote answer alike in Hugging Face's own program? Greedy tokens must be equal, and logits within 1e-4 of the
 * largest. Needs a Python with torch and transformers; no other command does.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadModel } from "../../src/inference/index.ts";

const tolerance = 1e-4;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: "string", default: "python3" }, tokens: { type: "string", default: "16" } },
});
const [folder] = positionals;
if (folder === undefined) throw new Error("give the folder of a model");

const count = Number(values.tokens);
const ids = [5, 1, 7, 7, 2];
const script = fileURLToPath(new URL("../../../tools/transformers/answer.py", import.meta.url));
const { stdout, stderr, status } = spawnSync(values.python, [script, folder, String(count), ...ids.map(String)], {
  encoding: "utf8",
  maxBuffer: 1 << 28,
});
if (status !== 0) throw new Error(stderr);
const theirs = JSON.parse(stdout.trim().split("\n").at(-1)!) as { greedy: number[]; logits: number[] };

const model = await loadModel(folder, { tokenizer: false });
const { logits } = await model.forward({ inputIds: [ids] });
const [answer] = await model.generate({ inputIds: [ids], maxNewTokens: count, endIds: [] });
await model.dispose();
const last = [...logits.data.subarray(-theirs.logits.length)];
const largest = Math.max(...theirs.logits.map(Math.abs));
const error = Math.max(...last.map((value, i) => Math.abs(value - theirs.logits[i]!))) / largest;
const same = theirs.greedy.length === answer!.ids.length && theirs.greedy.every((id, i) => id === answer!.ids[i]);
console.log(
  `${folder}: logits error ${error.toExponential(1)} (allowed ${tolerance}), greedy tokens ${same ? "equal" : "DIFFER"}`,
);
process.exitCode = same && error <= tolerance ? 0 : 1;
