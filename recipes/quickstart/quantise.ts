/** The saved model in 4 bits beside itself in float32: perplexity on held-out poems, and how much smaller it is. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { quantizeFolder } from "../../src/compression/index.ts";
import { loadModel, type Model } from "../../src/inference/index.ts";
import { ignored, padSample } from "../../src/training/objectives/samples.ts";
import { wholePoemSample } from "./measure.ts";
import type { PoemTokenizer } from "./poem-model.ts";

export interface Comparison {
  /** Perplexity a token. */
  readonly plain: number;
  readonly int4: number;
  /** For people: +1.2 %. */
  readonly change: string;
  /** Bytes of the quantised weights in float32 over their bytes in the folder (the embedding takes 8 bits, not 4). */
  readonly ratio: number;
}

export async function compareQuantised(
  folder: string,
  model: Model,
  texts: readonly string[],
  tokenizer: PoemTokenizer,
): Promise<Comparison> {
  const { linearBytes } = await quantizeFolder(folder, `${folder}-int4`, 4);
  const small = await loadModel(`${folder}-int4`, { tokenizer: tokenizer.tokenizer });
  const plain = await perplexity(model, texts, tokenizer);
  const int4 = await perplexity(small, texts, tokenizer);
  await small.dispose();
  const change = `${int4 >= plain ? "+" : ""}${(100 * (int4 / plain - 1)).toFixed(1)} %`;
  return { plain, int4, change, ratio: linearBytes.float32 / linearBytes.quantized };
}

/** e to the mean −ln p of the tokens of whole poems. */
async function perplexity(model: Model, texts: readonly string[], tokenizer: PoemTokenizer): Promise<number> {
  let [nats, count] = [0, 0];
  for (let at = 0; at < texts.length; at += 16) {
    const samples = texts.slice(at, at + 16).map((text) => wholePoemSample(text, tokenizer));
    const length = samples.reduce((most, { ids }) => Math.max(most, ids.length), 0);
    const rows = samples.map((sample) => padSample(sample, length, tokenizer.padId));
    const { logits } = await model.forward({ inputIds: rows.map(({ ids }) => [...ids]) });
    const V = logits.shape[2]!;
    rows.forEach(({ targets }, row) => {
      targets.forEach((target, i) => {
        if (target === ignored) return;
        nats += surprise(logits.data.subarray((row * length + i) * V, (row * length + i + 1) * V), target);
        count++;
      });
    });
  }
  return Math.exp(nats / count);
}

/** −ln softmax(logits)[target] */
function surprise(logits: Float32Array, target: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const total = logits.reduce((sum, value) => sum + Math.exp(value - most), 0);
  return most + Math.log(total) - logits[target]!;
}

/** Megabytes of a folder's files. */
export async function folderBytes(folder: string): Promise<string> {
  const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
  return (sizes.reduce((sum, size) => sum + size, 0) / 1e6).toFixed(1);
}
