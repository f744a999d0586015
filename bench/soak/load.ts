/**
 * Soak `load`: a sharded float16 checkpoint of about 2 GB, made for the purpose, is loaded as int4 in a process of its own,
 * whose memory must stay below one and a half times the int4 size plus one shard, and which must answer soon.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { elementCount, flattenTree, type TensorSpec } from "../../src/engine/index.ts";
import { type TensorSource, writeShardedSafetensors } from "../../src/formats/index.ts";
import { familyNamed } from "../../src/models/index.ts";
import { CongError } from "../../src/support/errors.ts";
import { float32ToFloat16 } from "../../src/support/half-precision.ts";
import { createRandom, type Random } from "../../src/support/random.ts";
import { drawBank, fillFrom, isNorm } from "../random-weights.ts";
import { type Row, say } from "../report.ts";
import type { LoadReport } from "./load-child.ts";

export const loadSummary =
  "a 2 GB float16 checkpoint loads as int4 in 1.5 times the int4 size plus one shard and answers within 15 s";

const allowedFactor = 1.5;
const allowedSeconds = 15;
const largestShard = 400e6; // bytes
const megabyte = 1e6;

const configuration = {
  model_type: "glm4",
  vocab_size: 65_024,
  hidden_size: 2048,
  num_hidden_layers: 18,
  num_attention_heads: 16,
  num_key_value_heads: 2,
  head_dim: 128,
  intermediate_size: 5632,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
  attention_bias: false,
  partial_rotary_factor: 0.5,
  eos_token_id: 2,
  pad_token_id: 0,
};

/** Options: --layers (default 18, about 2 GB), --prompt (32) and --new (32) tokens. */
export async function load(options: ReadonlyMap<string, string>): Promise<Row[]> {
  const number = (name: string, otherwise: number) => Number(options.get(name) ?? otherwise);
  const config = { ...configuration, num_hidden_layers: number("layers", configuration.num_hidden_layers) };
  const folder = mkdtempSync(join(tmpdir(), "congling-load-"));
  try {
    say("writing the checkpoint …");
    const specs = parameterSpecs(config);
    await writeCheckpoint(folder, config, specs);
    const sizes = readdirSync(folder)
      .filter((name) => name.endsWith(".safetensors"))
      .map((name) => statSync(join(folder, name)).size);
    say("loading it as int4 in another process …");
    const report = loadInChild(folder, number("prompt", 32), number("new", 32));
    const checkpointMb = sizes.reduce((sum, size) => sum + size, 0) / megabyte;
    const shardMb = Math.max(...sizes) / megabyte;
    const int4Mb = int4Bytes(specs) / megabyte;
    const limitMb = allowedFactor * int4Mb + shardMb;
    const { ids, ...measured } = report;
    const passed = report.peakRssMb < limitMb && report.firstAnswerSeconds < allowedSeconds;
    return [
      { checkpointMb, shards: sizes.length, shardMb, int4Mb, limitMb, ...measured, newTokens: ids.length, passed },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function parameterSpecs(config: typeof configuration): [path: string, spec: TensorSpec][] {
  const family = familyNamed("glm4");
  return flattenTree<TensorSpec>(family.parameters(family.parseConfig(config)));
}

/** Bytes of a GGUF file whose matrices are all q4_0 (18 bytes for 32 weights), embedding and output included. */
function int4Bytes(specs: readonly (readonly [string, TensorSpec])[]): number {
  return specs.reduce((sum, [, { shape }]) => {
    const count = elementCount(shape as readonly number[]);
    return sum + (shape.length === 2 ? (count / 32) * 18 : count * 4);
  }, 0);
}

/** Tensors are made when their turn to be written comes. */
async function writeCheckpoint(
  folder: string,
  config: typeof configuration,
  specs: readonly (readonly [string, TensorSpec])[],
): Promise<void> {
  const random = createRandom(0);
  const bank = float32ToFloat16(drawBank(random));
  const tensors = specs.map(
    ([name, { shape }]): TensorSource => ({
      name,
      dtype: "F16",
      shape: shape as readonly number[],
      data: () => halves(name, elementCount(shape as readonly number[]), bank, random),
    }),
  );
  await writeShardedSafetensors(folder, tensors, { maxShardBytes: largestShard, metadata: { format: "pt" } });
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, torch_dtype: "float16" }));
}

const one = 0x3c00; // in half precision

function halves(name: string, count: number, bank: Uint16Array, random: Random): Uint16Array {
  const target = new Uint16Array(count);
  return isNorm(name) ? target.fill(one) : fillFrom(target, bank, random);
}

function loadInChild(folder: string, prompt: number, answer: number): LoadReport {
  const program = fileURLToPath(new URL("./load-child.js", import.meta.url)); // compiled, as this file is
  const { status, stdout } = spawnSync(process.execPath, [program, folder, String(prompt), String(answer)], {
    stdio: ["ignore", "pipe", 2],
    encoding: "utf8",
  });
  if (status === 0) return JSON.parse(stdout) as LoadReport;
  throw new CongError(
    "SOAK_FAILED",
    `the process that loads the model ended with status ${status}`,
    { status },
    "its message stands above",
  );
}
