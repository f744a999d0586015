/**
 * Stage 2, tokenizer: byte-level BPE with GLM's special tokens, and what it makes of texts it has not seen.
 *
 *   npm run recipe -- tokenizer [FILE…] [--size 4000] [--out runs/recipes/tokenizer]
 *
 * In classical Chinese a character is a word, so words end after each: merges then only put the bytes of a character together.
 * For modern Chinese leave `words` out; GLM-4's own pattern is the default.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dataFolders, readTexts } from "../src/evaluation/index.ts";
import { loadTokenizer } from "../src/tokenizers/index.ts";
import { reportTokenizer, trainTokenizer } from "../src/training/index.ts";

const poems = dataFolders()("poems");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: "string", default: "4000" }, out: { type: "string", default: "runs/recipes/tokenizer" } },
});
const files = positionals.length > 0 ? positionals : [join(poems, "train.jsonl.gz")];
await trainTokenizer({ files, out: values.out, vocabularySize: Number(values.size), words: "characters" });

const tokenizer = await loadTokenizer(values.out);
const report = await reportTokenizer(tokenizer, await readTexts(join(poems, "valid.jsonl.gz")));
for (const [name, value] of Object.entries(report)) {
  console.log(`${name.padEnd(20)} ${typeof value === "number" ? Number(value.toPrecision(4)) : String(value)}`);
}
const ids = tokenizer.encode("白日依山尽，");
console.log(ids.map((id) => `${id}=${tokenizer.decode([id], { skipSpecialTokens: false })}`).join(" "));
