/**
 * Damaged files: every reader of foreign files must answer with a result or with one of our errors, soon, whatever the
 * bytes. Each of 10,000 files a format differs from a sound one by a few random changes, drawn from a seeded generator.
 */
import { readFileSync } from "node:fs";
import {
  blockCodecOf,
  encodeGguf,
  encodeSafetensors,
  type GgufValue,
  ggufValue,
  parseGguf,
  parsePickle,
  parseSafetensors,
} from "../../src/formats/index.ts";
import { CongError } from "../../src/support/index.ts";
import { createRandom, type Random } from "../../src/support/random.ts";
import {
  parseTokenizerJson,
  sentencePieceTokenizer,
  tokenizerJson,
  trainByteLevelBpe,
} from "../../src/tokenizers/index.ts";
import { type Row, say } from "../report.ts";

export const fuzzSummary =
  "10,000 damaged files a format: each is read or refused, none crashes or hangs a reader [--files N]";

/** A damaged file may take this long, in ms. */
const patience = 2000;
const golden = "../shared/golden";

interface Format {
  readonly name: string;
  readonly sound: () => Promise<Uint8Array>;
  /** Reads everything a file says, as a user of it would. */
  readonly read: (bytes: Uint8Array) => unknown;
}

const tensor = (name: string, count: number) => ({
  name,
  dtype: "F32" as const,
  shape: [count],
  data: Float32Array.from({ length: count }, (_, i) => i),
});

const formats: readonly Format[] = [
  {
    name: "safetensors",
    sound: async () => encodeSafetensors([tensor("a", 5), tensor("b.weight", 12)], { metadata: { format: "pt" } }),
    read: (bytes) => parseSafetensors(bytes).tensors,
  },
  {
    name: "gguf",
    sound: async () => smallGguf(),
    read: async (bytes) => {
      const file = parseGguf(bytes);
      for (const { name } of file.tensors) await file.read(name);
    },
  },
  {
    name: "pickle",
    sound: async () => readFileSync(`${golden}/chatglm3-tiny-ptuning-v2/pytorch_model.bin`),
    read: async (bytes) => {
      const file = await parsePickle(bytes);
      for (const name of file.tensors.keys()) await file.read(name);
    },
  },
  {
    name: "sentencepiece",
    sound: async () => readFileSync(`${golden}/tokenizers/spm-bpe.model`),
    read: (bytes) => sentencePieceTokenizer(bytes).encode("一行 text\u{1F600}"),
  },
  {
    name: "tokenizer.json",
    sound: async () => {
      const texts = ["白日依山尽，黄河入海流。", "the quick brown fox jumps over the lazy dog"];
      const trained = await trainByteLevelBpe(texts, {
        vocabularySize: 300,
        specialTokens: ["<|endoftext|>"],
        threads: 1,
      });
      return new TextEncoder().encode(tokenizerJson(trained));
    },
    read: (bytes) => parseTokenizerJson(bytes).encode("一行 text\u{1F600}"),
  },
];

/** One tensor of each kind of layout, and metadata of several types. */
function smallGguf(): Promise<Uint8Array> {
  const metadata = new Map<string, GgufValue>([
    ["general.architecture", ggufValue.text("llama")],
    ["llama.block_count", ggufValue.uint32(2)],
    ["llama.rope.freq_base", ggufValue.float32(10000)],
  ]);
  const values = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
  const tensor = (name: string, type: "f32" | "q8_0" | "q4_0") => ({
    name,
    type,
    shape: [2, 32],
    data: () => blockCodecOf(type).encode(values),
  });
  return encodeGguf(metadata, [tensor("a.weight", "f32"), tensor("b.weight", "q8_0"), tensor("c.weight", "q4_0")]);
}

export async function fuzzFiles(options: ReadonlyMap<string, string>): Promise<Row[]> {
  const files = Number(options.get("files") ?? 10_000);
  const rows: Row[] = [];
  for (const format of formats) rows.push(await fuzz(format, files));
  return rows;
}

async function fuzz({ name, sound, read }: Format, files: number): Promise<Row> {
  const bytes = await sound();
  await read(bytes); // the sound file itself must pass
  const random = createRandom(0).fork(name);
  let [accepted, refused, crashed, slowestMs] = [0, 0, 0, 0];
  for (let i = 0; i < files; i++) {
    const damaged = damage(bytes, random);
    const began = performance.now();
    try {
      await read(damaged);
      accepted++;
    } catch (error) {
      if (CongError.is(error)) refused++;
      else {
        crashed++;
        if (crashed <= 3) say(`${name}, file ${i}: ${String(error instanceof Error ? error.stack : error)}`);
      }
    }
    slowestMs = Math.max(slowestMs, performance.now() - began);
  }
  say(`${name}: ${accepted} read, ${refused} refused, ${crashed} crashed`);
  return { format: name, files, accepted, refused, crashed, slowestMs, passed: crashed === 0 && slowestMs < patience };
}

/** One to four changes: flipped bits, foreign numbers, cuts, repeats, swapped stretches. Half of them near the start. */
function damage(bytes: Uint8Array, random: Random): Uint8Array {
  let damaged: Uint8Array = Uint8Array.from(bytes);
  for (let change = random.integer(4); change >= 0; change--) {
    const near = random.uniform() < 0.5 ? Math.min(damaged.length, 256) : damaged.length;
    if (near === 0) return damaged;
    damaged = changes[random.integer(changes.length)]!(damaged, random.integer(near), random);
  }
  return damaged;
}

const changes: readonly ((bytes: Uint8Array, at: number, random: Random) => Uint8Array)[] = [
  (bytes, at, random) => withByte(bytes, at, bytes[at]! ^ (1 << random.integer(8))),
  (bytes, at, random) => withByte(bytes, at, random.integer(256)),
  (bytes, at) => withByte(bytes, at, 0xff),
  (bytes, at, random) => {
    if (bytes.length < 4) return bytes;
    const changed = Uint8Array.from(bytes);
    new DataView(changed.buffer).setUint32(Math.min(at, bytes.length - 4), random.integer(2 ** 32), true);
    return changed;
  },
  (bytes, at) => bytes.slice(0, at),
  (bytes, at, random) => join(bytes.subarray(0, at), bytes.subarray(at + 1 + random.integer(16))),
  (bytes, at, random) => join(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 1 - random.integer(64)))),
];

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at] = value;
  return changed;
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
