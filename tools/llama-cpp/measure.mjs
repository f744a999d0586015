/**
 * How fast llama.cpp runs a GGUF file: tokens a second of prefill (a whole prompt in one batch) and of decoding (one
 * token after the other, greedy).
 *
 *   node tools/llama-cpp/measure.mjs FILE [--prompt 512] [--new 128] [--threads 2] [--repeats 5] [--cache F16] [--weights NAME]
 *
 * Prints one JSON line a phase: the median of the repeats, all of them, and what was set. A first, unmeasured repeat
 * warms caches and the memory map. The key/value cache is F16, llama.cpp's default, unless --cache says F32.
 */
import { parseArgs } from "node:util";
import { getLlama } from "node-llama-cpp";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: "string", default: "512" },
    new: { type: "string", default: "128" },
    threads: { type: "string", default: "2" },
    repeats: { type: "string", default: "5" },
    cache: { type: "string", default: "F16" },
    weights: { type: "string", default: "" },
  },
});
const [file] = positionals;
const [promptLength, newTokens, threads, repeats] = [values.prompt, values.new, values.threads, values.repeats].map(
  Number,
);
if (file === undefined || [promptLength, newTokens, threads, repeats].some((n) => !(Number.isInteger(n) && n > 0))) {
  console.error("usage: node measure.mjs FILE [--prompt N] [--new N] [--threads N] [--repeats N] [--cache F16|F32]");
  process.exit(2);
}

const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: threads });
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
const context = await model.createContext({
  contextSize: promptLength + newTokens,
  batchSize: promptLength,
  threads: { ideal: threads, min: threads },
  experimentalKvCacheKeyType: values.cache,
  experimentalKvCacheValueType: values.cache,
});
const sequence = context.getSequence();
const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
// Ids spread over the vocabulary; speed does not depend on them.
const prompt = Array.from({ length: promptLength }, (_, i) => (i * 7919 + 3) % vocabulary);

const prefill = [];
const decode = [];
for (let repeat = -1; repeat < repeats; repeat++) {
  await sequence.clearHistory();
  const start = performance.now();
  let token = await feed(prompt);
  const middle = performance.now();
  for (let i = 0; i < newTokens; i++) token = await feed([token]);
  const end = performance.now();
  if (repeat < 0) continue;
  prefill.push((promptLength / (middle - start)) * 1000);
  decode.push((newTokens / (end - middle)) * 1000);
}
for (const [phase, rates] of Object.entries({ prefill, decode })) {
  console.log(
    JSON.stringify({
      engine: "llama.cpp",
      weights: values.weights,
      phase,
      tokensPerSecond: median(rates),
      repeats: rates,
      promptTokens: promptLength,
      newTokens,
      threads: context.currentThreads,
      cacheType: values.cache,
      flashAttention: context.flashAttention,
      release: llama.llamaCppRelease.release,
    }),
  );
}
await llama.dispose();

/** Appends tokens and returns the likeliest next one. */
async function feed(tokens) {
  const logits = { filter: { tokens: [], includeTop: 1 } };
  const outputs = await sequence.controlledEvaluate([
    ...tokens.slice(0, -1),
    [tokens.at(-1), { generateNext: { logits } }],
  ]);
  return outputs.at(-1).next.logits.keys().next().value;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
