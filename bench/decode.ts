/**
 * Benchmark `decode`: tokens a second of a randomly initialised glm4 model, reading a prompt and answering one token after
 * the other, next to llama.cpp on the very same weights (exported to GGUF) with the same number of threads.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onnxruntimeBackend } from "../src/engine/backends/onnxruntime/index.ts";
import type { Backend, HostTensor, Tree, WeightBits } from "../src/engine/index.ts";
import { exportGguf, sourceOfParameters } from "../src/export/index.ts";
import { createSession, type Network, ProgramPool } from "../src/inference/index.ts";
import { familyNamed } from "../src/models/index.ts";
import { quantizeLinear } from "../src/nn/index.ts";
import { createRandom } from "../src/support/random.ts";
import { pick } from "../src/support/suggest.ts";
import { quickParameters } from "./random-weights.ts";
import { type Benchmark, median, type Row, say } from "./report.ts";

// Compiled files lie in dist/bench; llama.cpp is measured by a plain file in the repository.
const llamaCpp = fileURLToPath(new URL("../../tools/llama-cpp/", import.meta.url));

const weightTypes = { q4_0: 4, q8_0: 8, f32: undefined } as const satisfies Record<string, WeightBits | undefined>;
type Weights = keyof typeof weightTypes;

const engines = { congling: true, "llama.cpp": true };

const vocabulary = 32_000;
const configuration = {
  model_type: "glm4",
  vocab_size: vocabulary,
  hidden_size: 1024,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  num_key_value_heads: 2,
  head_dim: 64,
  intermediate_size: 4096,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
  attention_bias: false,
  partial_rotary_factor: 0.5,
  eos_token_id: 2,
  pad_token_id: 0,
};

export const decodeBenchmark: Benchmark = {
  summary: "prefill and decoding of a 390 M parameter glm4 model next to llama.cpp",
  options:
    "[--weights q4_0|q8_0|f32] (default all) [--prompt 512] [--new 128] [--threads 2] [--repeats 5] [--layers 24] [--engine congling|llama.cpp] (default both) [--cache F16|F32] (llama.cpp's keys and values, default F16; ours are float32)",
  async run(options) {
    const number = (name: string, otherwise: number) => Number(options.get(name) ?? otherwise);
    const settings: Settings = {
      prompt: number("prompt", 512),
      answer: number("new", 128),
      threads: number("threads", 2),
      repeats: number("repeats", 5),
      layers: number("layers", configuration.num_hidden_layers),
      cache: options.get("cache") ?? "F16",
    };
    const names = options.has("weights") ? [options.get("weights")!] : Object.keys(weightTypes);
    const plain = randomNetwork(settings);
    const rows: Row[] = [];
    for (const name of names) {
      pick("weights", weightTypes, name);
      const weights = name as Weights;
      const engine = options.get("engine");
      if (engine !== undefined) pick("engine", engines, engine);
      const own = engine === "llama.cpp" ? [] : await measure(plain, weights, settings);
      const other = engine === "congling" ? [] : await measureLlamaCpp(plain, weights, settings);
      for (const ours of own) {
        const theirs = other.find(({ phase }) => phase === ours.phase);
        if (theirs !== undefined) ours.ratio = ours.tokensPerSecond / (theirs.tokensPerSecond as number);
      }
      rows.push(...own, ...other);
    }
    return rows;
  },
};

interface Settings {
  /** Tokens of the prompt, and of the answer. */
  readonly prompt: number;
  readonly answer: number;
  readonly threads: number;
  readonly repeats: number;
  readonly layers: number;
  /** Type of llama.cpp's keys and values. */
  readonly cache: string;
}

type Parameters = Pick<Network, "family" | "config"> & { readonly parameters: Tree<HostTensor> };

function randomNetwork({ layers }: Settings): Parameters {
  const family = familyNamed("glm4");
  const config = family.parseConfig({ ...configuration, num_hidden_layers: layers });
  say("drawing the weights …");
  return { family, config, parameters: quickParameters(family.parameters(config), createRandom(0)) };
}

/** The matrices in 4 or 8 bits, as the exported file has them; looked-up embeddings stay as they are. */
function quantized(tree: Tree<HostTensor>, bits: WeightBits, backend: Backend, path = ""): Tree<HostTensor> {
  const within = (child: unknown, key: string | number) =>
    quantized(child as Tree<HostTensor>, bits, backend, `${path}.${key}`);
  if (Array.isArray(tree)) return tree.map(within);
  if ("dtype" in tree) return tree;
  const { weight } = tree as { readonly weight?: HostTensor };
  if (weight?.shape?.length === 2 && !path.endsWith("embed_tokens")) {
    const [rows, columns] = weight.shape as [number, number];
    const holder = backend.holdWeight?.({ rows, columns, bits });
    if (holder === undefined) return quantizeLinear({ weight }, bits);
    holder.write(0, weight);
    return holder.finish();
  }
  return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, within(child, key)]));
}

type Measured = { phase: string; tokensPerSecond: number; ratio?: number } & Record<string, unknown>;

async function measure(plain: Parameters, weights: Weights, settings: Settings): Promise<Measured[]> {
  const bits = weightTypes[weights];
  const { prompt, answer, threads, repeats } = settings;
  const backend = onnxruntimeBackend({ threads });
  const parameters = bits === undefined ? plain.parameters : quantized(plain.parameters, bits, backend);
  const pool = new ProgramPool({ ...plain, parameters, backend });
  const rates = { prefill: [] as number[], decode: [] as number[] };
  const ids = Array.from({ length: prompt }, (_, i) => (i * 7919 + 3) % vocabulary);
  const session = createSession(pool, { expected: answer });
  // The first repeat compiles, and touches the memory; it does not count.
  for (let repeat = -1; repeat < repeats; repeat++) {
    session.truncate(0);
    const start = performance.now();
    let { data } = await session.feed([ids]);
    const middle = performance.now();
    for (let i = 0; i < answer; i++) ({ data } = await session.feed([[largestIndex(data)]]));
    const end = performance.now();
    if (repeat < 0) continue;
    rates.prefill.push((prompt / (middle - start)) * 1000);
    rates.decode.push((answer / (end - middle)) * 1000);
    say(
      `congling ${weights}: prefill ${rates.prefill.at(-1)!.toFixed(1)}, decode ${rates.decode.at(-1)!.toFixed(1)} tokens a second`,
    );
  }
  await session.dispose();
  await pool.dispose();
  return Object.entries(rates).map(([phase, all]) => ({
    engine: "congling",
    weights,
    phase,
    tokensPerSecond: median(all),
    repeats: all,
    promptTokens: prompt,
    newTokens: answer,
    threads,
    cacheType: "F32",
  }));
}

function largestIndex(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Rows of `tools/llama-cpp/measure.mjs` on the exported weights; none, with a message, where it does not run. */
async function measureLlamaCpp(plain: Parameters, weights: Weights, settings: Settings): Promise<Row[]> {
  const installed = spawnSync(process.execPath, [`${llamaCpp}install.mjs`], { stdio: ["ignore", 2, 2] });
  if (installed.status !== 0) {
    say("llama.cpp cannot be installed here: left out");
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), "congling-decode-"));
  try {
    const file = join(folder, `${weights}.gguf`);
    await exportGguf(sourceOfParameters(plain), file, { type: weights, verify: false });
    const flags = {
      prompt: settings.prompt,
      new: settings.answer,
      threads: settings.threads,
      repeats: settings.repeats,
      cache: settings.cache,
      weights,
    };
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        `${llamaCpp}measure.mjs`,
        file,
        ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
      ],
      { stdio: ["ignore", "pipe", 2], encoding: "utf8" },
    );
    if (status !== 0) {
      say(`llama.cpp failed with status ${status}`);
      return [];
    }
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Row);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
