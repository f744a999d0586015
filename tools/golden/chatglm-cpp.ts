/**
 * One-layer ChatGLM-6B, ChatGLM2, 3 and GLM-4 with known outputs, made for chatglm.cpp: raw little-endian arrays whose
 * order is described in the data set's README. A prompt of three tokens, then two single tokens with the cache; with a
 * P-Tuning v2 prefix in some. Outputs are hidden states after the final norm.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import {
  type Backend,
  type HostTensor,
  hostTensor,
  layerNorm,
  rmsNorm,
  type Tensor,
  toNumbers,
  trace,
} from "../../src/engine/index.ts";
import { familyNamed, type ModelConfig, type ParameterTree } from "../../src/models/index.ts";
import { assignCache, cacheSpec, type KeysAndValues, linear } from "../../src/nn/index.ts";
import { runTraced } from "../../src/nn/run-traced.fixture.ts";
import { float16ToFloat32 } from "../../src/support/half-precision.ts";
import { CongError } from "../../src/support/index.ts";
import { constantsOf, parametersIn } from "./model-forward.ts";
import type { Quantity } from "./quantity.ts";

/** The original's tolerances, absolute. */
const tolerances = { models: 5e-4, operators: 1e-5 } as const;

/** C, H, D, V and the capacity of the caches of all model files. */
const [hidden, heads, headSize, vocabulary, capacity] = [32, 8, 4, 5, 12];
const layerCount = 1;

/** Reads arrays one after another; `finish` sees to it that nothing is left. */
function reader(path: string) {
  const bytes = readFileSync(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (width: number, count: number, get: (offset: number) => number) =>
    Array.from({ length: count }, () => {
      at += width;
      return get(at - width);
    });
  return {
    floats(...shape: number[]): HostTensor {
      const count = shape.reduce((a, b) => a * b, 1);
      return hostTensor(
        "float32",
        shape,
        take(4, count, (i) => view.getFloat32(i, true)),
      );
    },
    halves: (count: number) =>
      Array.from(float16ToFloat32(Uint16Array.from(take(2, count, (i) => view.getUint16(i, true))))),
    integers: (count: number) => take(4, count, (i) => view.getInt32(i, true)),
    finish() {
      if (at === bytes.length) return;
      throw new CongError("FILE_INVALID", `${path}: ${bytes.length - at} bytes are left over`, {}, "check the layout");
    },
  };
}

type Reader = ReturnType<typeof reader>;

/** A cell read from a file: what to run. */
interface Cell {
  readonly config: ModelConfig;
  readonly parameters: ParameterTree<HostTensor>;
  /** Positions of the five tokens, one or two rows. */
  readonly positions: readonly (readonly number[])[];
  /** How many first tokens all tokens of the prompt see. */
  readonly seenByAll: number;
}

/** ChatGLM-6B: projections grouped by head, layer norms with bias. α is that of the release's 28 layers. */
function readChatGlm6b(file: Reader): Cell {
  const C = hidden;
  const norm = () => ({ weight: file.floats(C), bias: file.floats(C) });
  const dense = (output: number, input: number) => ({ weight: file.floats(output, input), bias: file.floats(output) });
  const words = file.floats(vocabulary, C);
  const layer = {
    input_layernorm: norm(),
    attention: { query_key_value: dense(3 * C, C), dense: dense(C, C) },
    post_attention_layernorm: norm(),
    mlp: { dense_h_to_4h: dense(128, C), dense_4h_to_h: dense(C, 128) },
  };
  const parameters = {
    transformer: { word_embeddings: { weight: words }, layers: [layer], final_layernorm: norm() },
    lm_head: { weight: words },
  };
  const config = familyNamed("chatglm_6b").parseConfig({
    model_type: "chatglm",
    num_layers: layerCount,
    hidden_size: C,
    num_attention_heads: heads,
    inner_hidden_size: 128,
    vocab_size: vocabulary,
  });
  const positions = [
    [0, 1, 1, 1, 1],
    [0, 0, 1, 2, 3],
  ];
  return {
    config: { ...config, residualScale: Math.sqrt(2 * 28) } as ModelConfig,
    parameters,
    positions,
    seenByAll: 2,
  };
}

/** ChatGLM2, ChatGLM3, GLM-4: two groups of keys and values, gate first. */
function readGlm(file: Reader, epsilon: number): Cell {
  const [C, F, kv] = [hidden, 48, 2 * headSize];
  const words = file.floats(vocabulary, C);
  const inputNorm = { weight: file.floats(C) };
  const rows = (count: number) => file.floats(count, C);
  const [q, k, v] = [rows(C), rows(kv), rows(kv)];
  const [qBias, kBias, vBias] = [file.floats(C), file.floats(kv), file.floats(kv)];
  const layer = {
    input_layernorm: inputNorm,
    self_attn: {
      q_proj: { weight: q, bias: qBias },
      k_proj: { weight: k, bias: kBias },
      v_proj: { weight: v, bias: vBias },
      o_proj: { weight: file.floats(C, C) },
    },
    post_attention_layernorm: { weight: file.floats(C) },
    mlp: { gate_up_proj: { weight: file.floats(2 * F, C) }, down_proj: { weight: file.floats(C, F) } },
  };
  const parameters = {
    model: { embed_tokens: { weight: words }, layers: [layer], norm: { weight: file.floats(C) } },
    lm_head: { weight: words }, // the files have none; logits are not asked for
  };
  const config = familyNamed("glm").parseConfig({
    model_type: "glm",
    num_hidden_layers: layerCount,
    hidden_size: C,
    num_attention_heads: heads,
    num_key_value_heads: 2,
    head_dim: headSize,
    intermediate_size: F,
    vocab_size: vocabulary,
    rms_norm_eps: epsilon,
  });
  return { config, parameters, positions: [[0, 1, 2, 3, 4]], seenByAll: 0 };
}

/** Each model file, whether it starts with a prefix, and how its cell is read. */
const cells: Readonly<Record<string, { readonly prefix: boolean; readonly read: (file: Reader) => Cell }>> = {
  "glm_model.data": { prefix: false, read: readChatGlm6b },
  "glm_ptuning_v2_model.data": { prefix: true, read: readChatGlm6b },
  "glm2_model.data": { prefix: false, read: (file) => readGlm(file, 1e-5) },
  "glm3_model.data": { prefix: false, read: (file) => readGlm(file, 1e-5) },
  "glm3_ptuning_v2_model.data": { prefix: true, read: (file) => readGlm(file, 1e-5) },
  "glm4_model.data": { prefix: false, read: (file) => readGlm(file, 1.5625e-7) },
};

/** Names of the model files. */
export const chatGlmCppModels: readonly string[] = Object.keys(cells);

export async function* checkChatGlmCppModel(path: string, backend: Backend): AsyncIterable<Quantity> {
  const file = reader(path);
  const { prefix: hasPrefix, read } = cells[basename(path)]!;
  const groups = basename(path).startsWith("glm_") ? heads : 2;
  const prefixLength = hasPrefix ? 5 : 0;
  const prefix = file.halves(2 * groups * prefixLength * headSize);
  const cell = read(file);
  const steps = [3, 1, 1].map((count) => ({ ids: file.integers(count), wanted: file.floats(count, hidden) }));
  file.finish();

  const program = await compileCell(cell, groups, backend);
  for (const [i, name] of ["key", "value"].entries()) {
    program.writeState(`cache.0.${name}`, cacheWith(prefix, i, groups, prefixLength));
  }
  let start = 0;
  for (const [i, { ids, wanted }] of steps.entries()) {
    const places = cell.positions.map((row) => row.slice(start, start + ids.length));
    const { hidden: got } = await program.run({
      ids: hostTensor("int64", [1, ids.length], ids),
      positions: hostTensor("int64", [1, ...(places.length === 1 ? [] : [2]), ids.length], places.flat()),
      start: hostTensor("int64", [1], [prefixLength + start]),
      bias: visibility(ids.length, prefixLength + start, prefixLength + cell.seenByAll),
    });
    yield { name: `y${i + 1}`, error: largestDifference(got!, wanted), tolerance: tolerances.models };
    start += ids.length;
  }
  await program.dispose();
}

async function compileCell({ config, parameters, positions }: Cell, groups: number, backend: Backend) {
  const family = familyNamed(config.family);
  const graph = trace((builder) => {
    const tensors = parametersIn(builder, parameters);
    const spec = cacheSpec({ batch: 1, keyValueHeads: groups, capacity, headSize });
    const cache = builder.state("cache", [spec]) as unknown as KeysAndValues<Tensor>[];
    const inputs = {
      ids: builder.input("ids", "int64", [1, "T"]),
      positions: builder.input("positions", "int64", positions.length === 1 ? [1, "T"] : [1, 2, "T"]),
      bias: builder.input("bias", "float32", [1, 1, "T", capacity]),
      cache: { layers: cache, start: builder.input("start", "int64", [1]) },
    };
    const outputs = family.forward(config, tensors, inputs);
    for (const [i, next] of outputs.cache!.entries()) assignCache(cache[i]!, next);
    builder.output("hidden", outputs.hidden.at(-1)!);
  });
  return backend.compile(graph, { constants: constantsOf(parameters) });
}

/** Row p of the cache is seen when it is not behind the token, or among the first `seenByAll`. */
function visibility(T: number, start: number, seenByAll: number): HostTensor {
  const rows = Array.from({ length: T }, (_, t) =>
    Array.from({ length: capacity }, (_, p) => (p <= start + t || p < Math.min(seenByAll, start + T) ? 0 : -1e30)),
  );
  return hostTensor("float32", [1, 1, T, capacity], rows.flat());
}

/** A cache [1, G, capacity, D] whose first rows are the prefix's keys (0) or values (1), stored [2, G, P, D]. */
function cacheWith(prefix: readonly number[], which: number, groups: number, P: number): HostTensor {
  const data = new Float32Array(groups * capacity * headSize);
  const size = P * headSize;
  for (let g = 0; g < groups; g++) {
    const from = (which * groups + g) * size;
    data.set(prefix.slice(from, from + size), g * capacity * headSize);
  }
  return hostTensor("float32", [1, groups, capacity, headSize], data);
}

const largestDifference = (got: HostTensor, wanted: HostTensor): number => {
  const [a, b] = [toNumbers(got), toNumbers(wanted)];
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
};

/** Single operators: their parameters, an input and what comes out. */
export const chatGlmCppOperators = ["linear.data", "layer_norm.data", "rms_norm.data"] as const;

export async function* checkChatGlmCppOperator(path: string, backend: Backend): AsyncIterable<Quantity> {
  const file = reader(path);
  const name = basename(path);
  const parameters: Record<string, HostTensor> =
    name === "linear.data"
      ? { weight: file.floats(32, 64), bias: file.floats(32) }
      : { weight: file.floats(64), ...(name === "layer_norm.data" ? { bias: file.floats(64) } : {}) };
  const run = async (x: HostTensor, wanted: HostTensor, label: string): Promise<Quantity> => {
    const build = (p: Record<string, Tensor>, given: { readonly x: Tensor }) => ({
      y: name === "linear.data" ? linear({ weight: p.weight!, bias: p.bias! }, given.x) : normOf(p, given.x),
    });
    const { y } = await runTraced(parameters, { x }, build, backend);
    const error = largestDifference(hostTensor("float32", wanted.shape, y), wanted);
    return { name: label, error, tolerance: tolerances.operators };
  };
  const rows = name === "linear.data" ? 2 : 3;
  const x = file.floats(rows, 64);
  yield await run(x, file.floats(rows, name === "linear.data" ? 32 : 64), "y");
  if (name === "linear.data") yield await run(file.floats(1, 64), file.floats(1, 32), "vy");
  file.finish();
}

const normOf = (p: Record<string, Tensor>, x: Tensor): Tensor =>
  p.bias === undefined ? rmsNorm(x, p.weight!, 1e-5) : layerNorm(x, p.weight!, p.bias, 1e-5);
