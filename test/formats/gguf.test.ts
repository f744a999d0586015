/** GGUF: the codecs' bytes against chatglm.cpp's own values, and 10,000 damaged files. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type BlockType,
  blockCodecOf,
  encodeGguf,
  type GgufTensorSource,
  type GgufValue,
  ggufValue,
  parseGguf,
} from "../../src/formats/index.ts";
import { CongError } from "../../src/support/errors.ts";
import { createRandom } from "../../src/support/random.ts";

const reference = "../shared/data/chatglmcpp-fixtures/reference_values.json";

interface Quantisation {
  readonly weight: readonly number[];
  readonly expected_bytes_unsigned: Readonly<Record<string, readonly number[]>>;
}

describe.skipIf(!existsSync(reference))("block codecs beside chatglm.cpp's", () => {
  const { quantization } = existsSync(reference)
    ? (JSON.parse(readFileSync(reference, "utf8")) as { quantization: Quantisation })
    : { quantization: { weight: [], expected_bytes_unsigned: {} } };
  const weight = Float32Array.from(quantization.weight);

  it.each(Object.entries(quantization.expected_bytes_unsigned))("%s writes the same bytes", (type, bytes) => {
    expect([...blockCodecOf(type as BlockType).encode(weight)]).toEqual(bytes);
  });
});

describe("damaged files", () => {
  it("10,000 mutations give a result or a CongError", { timeout: 120_000 }, async () => {
    const random = createRandom(11);
    const intact = await sample();
    let parsed = 0;
    let refused = 0;
    for (let round = 0; round < 10_000; round++) {
      const bytes = mutate(intact, random);
      try {
        const file = parseGguf(bytes);
        for (const { name } of file.tensors) await file.read(name);
        parsed++;
      } catch (error) {
        if (!CongError.is(error)) throw error;
        refused++;
      }
    }
    expect(parsed + refused).toBe(10_000);
    expect(parsed).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(3_000);
  });
});

async function sample(): Promise<Uint8Array> {
  const { text, texts, uint32, float32s, int32s, bool } = ggufValue;
  const metadata: [string, GgufValue][] = [
    ["general.architecture", text("glm4")],
    ["glm4.block_count", uint32(2)],
    ["tokenizer.ggml.tokens", texts(["<unk>", "从", "零", "▁a"])],
    ["tokenizer.ggml.scores", float32s(Float32Array.of(0, -1, -2, -3))],
    ["tokenizer.ggml.token_type", int32s(Int32Array.of(2, 1, 1, 1))],
    ["flag", bool(true)],
    ["flags", { type: "array", of: "bool", value: [true, false, true] }],
    ["long", { type: "uint64", value: 7n }],
  ];
  const tensors: GgufTensorSource[] = (["f32", "q4_0", "q8_0", "f16"] as const).map((type) => ({
    name: `blk.0.${type}`,
    type,
    shape: [2, 32],
    data: () => blockCodecOf(type).encode(Float32Array.from({ length: 64 }, (_, i) => i / 7)),
  }));
  return encodeGguf(new Map(metadata), tensors);
}

const interesting = [0, 1, 0x7f, 0x80, 0xff];

/** One to four changes: a byte, a 64-bit field, a cut, a doubled or removed stretch; most of them in the header. */
function mutate(intact: Uint8Array, random: ReturnType<typeof createRandom>): Uint8Array {
  let bytes = Uint8Array.from(intact);
  const changes = 1 + random.integer(4);
  for (let i = 0; i < changes && bytes.length > 16; i++) {
    const at = random.integer(Math.min(bytes.length - 8, 700));
    const kind = random.integer(6);
    if (kind <= 1) bytes[at] = random.integer(256);
    else if (kind === 2) bytes[at] = interesting[random.integer(interesting.length)]!;
    else if (kind === 3) bytes.fill(interesting[random.integer(interesting.length)]!, at, at + 8);
    else if (kind === 4) bytes = bytes.slice(0, at + random.integer(bytes.length - at));
    else {
      const length = random.integer(40);
      const from = random.integer(2) === 0 ? at : Math.min(bytes.length, at + length);
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(from)]);
    }
  }
  return bytes;
}
