/**
 * What do 8 and 4 bits cost, and what do they save? One model in three sizes, measured on the same held-out poems.
 *
 *   node dist/recipes/quantize.js FOLDER NEW_FOLDER
 *
 * Blocks of 32 weights share a scale, as in ggml's q8_0 and q4_0: 8.5 and 4.5 bits a weight. Perplexity is compared on whole texts with the
 * same tokenizer, so any difference is the rounding's.
 */
import { join } from "node:path";
import { measureFolder, quantizeFolder } from "../src/compression/index.ts";
import { dataFolders, readTexts } from "../src/evaluation/index.ts";

const [folder, target] = process.argv.slice(2);
if (folder === undefined || target === undefined) {
  console.error("give a model folder and a new one: node dist/recipes/quantize.js FOLDER NEW_FOLDER");
  process.exit(2);
}

const texts = (await readTexts(join(dataFolders()("poems"), "test.jsonl.gz"))).slice(0, 200);
const before = await measureFolder(folder, texts);
console.log(`float32  perplexity ${before.perplexity.toFixed(4)}  ${before.tokensPerSecond.toFixed(0)} tokens/s`);
for (const bits of [8, 4] as const) {
  const { folder: written, linearBytes } = await quantizeFolder(folder, join(target, `int${bits}`), bits);
  const after = await measureFolder(written, texts);
  const change = 100 * (after.perplexity / before.perplexity - 1);
  const smaller = linearBytes.float32 / linearBytes.quantized;
  console.log(
    `int${bits}     perplexity ${after.perplexity.toFixed(4)} (${change >= 0 ? "+" : ""}${change.toFixed(2)} %)  ` +
      `${after.tokensPerSecond.toFixed(0)} tokens/s  linear weights ${smaller.toFixed(2)}× smaller  → ${written}`,
  );
}
