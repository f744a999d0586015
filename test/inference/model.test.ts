/** loadModel on the golden folders: logits, padding, prefixes, saving, quantised weights, and what it refuses. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { toNumbers } from "../../src/engine/index.ts";
import { byteTokenizer } from "../../src/inference/byte-tokenizer.fixture.ts";
import { loadModel, type Model } from "../../src/inference/index.ts";
import { relativeError } from "../../src/nn/run-traced.fixture.ts";
import { hasGolden, pathOf, readGolden } from "../nn/golden-files.fixture.ts";

const names = ["glm-tiny", "glm4-0414-tiny", "glm4-moe-tiny", "llama-tiny", "qwen2-tiny", "qwen3-tiny", "bert-tiny"];
const isThere = names.every((name) => hasGolden(name));
const folder = mkdtempSync(join(tmpdir(), "congling-model-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = ({ shape, data }: { shape: readonly number[]; data: ArrayLike<number | bigint> }): number[][] =>
  Array.from({ length: shape[0]! }, (_, row) =>
    Array.from({ length: shape[1]! }, (_, i) => Number(data[row * shape[1]! + i])),
  );

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Root of the mean square of the difference, over that of the reference. */
function typicalError(got: Float32Array, reference: readonly number[]): number {
  const squares = reference.map((value, i) => (got[i]! - value) ** 2);
  return Math.sqrt(sum(squares) / sum(reference.map((value) => value ** 2)));
}

async function using<T>(model: Promise<Model>, work: (model: Model) => Promise<T>): Promise<T> {
  const loaded = await model;
  try {
    return await work(loaded);
  } finally {
    await loaded.dispose();
  }
}

describe.skipIf(!isThere).each(names)("%s", (name) => {
  const golden = isThere ? readGolden(`${name}/golden.safetensors`) : {};
  const inputIds = () => rows(golden.input_ids!);
  const load = (options = {}) => loadModel(pathOf(name), { threads: 1, ...options });

  test("logits, with and without a mask", async () => {
    await using(load(), async (model) => {
      const expected = toNumbers(golden.logits!);
      const { logits } = await model.forward({ inputIds: inputIds() });
      expect(logits.shape).toEqual(golden.logits!.shape);
      expect(relativeError([...logits.data], expected)).toBeLessThan(1e-4);
      const attentionMask = inputIds().map((row) => row.map(() => 1));
      const masked = await model.forward({ inputIds: inputIds(), attentionMask });
      expect(relativeError([...masked.logits.data], expected)).toBeLessThan(1e-4);
    });
  });

  test.skipIf(golden["leftpad.logits"] === undefined)("left-padded logits", async () => {
    await using(load(), async (model) => {
      const attentionMask = rows(golden["leftpad.attention_mask"]!);
      // BERT counts padding unless told otherwise, in transformers as well as here.
      const counted = attentionMask.map((row) => row.map((_, t) => Math.max(0, sum(row.slice(0, t + 1)) - 1)));
      const positionIds = name === "bert-tiny" ? counted : undefined;
      const { logits } = await model.forward({ inputIds: inputIds(), attentionMask, positionIds });
      const [B, T, V] = logits.shape;
      const tokens = Array.from({ length: B * T }, (_, at) => at).filter((at) => attentionMask.flat()[at] === 1);
      const pick = (data: ArrayLike<number>) =>
        tokens.flatMap((at) => Array.from({ length: V }, (_, v) => data[at * V + v]!));
      expect(tokens.length).toBe(29);
      expect(relativeError(pick(logits.data), pick(toNumbers(golden["leftpad.logits"]!)))).toBeLessThan(1e-4);
    });
  });

  test.skipIf(golden.greedy === undefined)("generate and stream give Hugging Face's greedy tokens", async () => {
    await using(load(), async (model) => {
      const expected = rows(golden.greedy!);
      const prompts = expected.map((row) => row.slice(0, 5));
      const options = { maxNewTokens: 16, endIds: [] };
      const answers = await model.generate({ inputIds: prompts, ...options });
      expect(answers.map(({ ids }, row) => [...prompts[row]!, ...ids])).toEqual(expected);
      const streamed: number[] = [];
      for await (const { id } of model.stream({ inputIds: prompts[0]!, ...options })) streamed.push(id);
      expect(streamed).toEqual(expected[0]!.slice(5));
    });
  });

  test("saved and loaded again, the same logits", async () => {
    const target = join(folder, name);
    const { logits } = await using(load(), async (model) => {
      await model.save(target);
      return model.forward({ inputIds: inputIds() });
    });
    const again = await using(loadModel(target, { threads: 1 }), (model) => model.forward({ inputIds: inputIds() }));
    expect(again.logits.data).toEqual(logits.data);
  });

  // A mixture of experts is no continuous function of its weights: rounding the embedding sends tokens to other experts
  // (int8: 0.046 with the embedding in float32, 0.075 with 8 bits).
  test.each([
    ["int8", name.includes("moe") ? 0.1 : 0.06],
    ["int4", 0.4],
  ] as const)("%s stays near", async (dtype, tolerance) => {
    await using(load({ dtype }), async (model) => {
      const { logits } = await model.forward({ inputIds: inputIds() });
      const error = typicalError(logits.data, toNumbers(golden.logits!));
      expect(error).toBeLessThan(tolerance);
      if (name !== "bert-tiny") expect(error).toBeGreaterThan(0); // it was quantised
    });
  });
});

const adapted = ["glm-tiny-lora", "glm-tiny-prefix", "glm-tiny-prefix-proj"];

describe.skipIf(!adapted.every((name) => hasGolden(name))).each(adapted)("%s", (name) => {
  test("logits are PEFT's, and the cache gives what the whole text gives", async () => {
    const golden = readGolden(`${name}/golden.safetensors`);
    await using(loadModel(pathOf("glm-tiny"), { threads: 1, adapter: pathOf(name) }), async (model) => {
      const inputIds = rows(golden.input_ids!);
      const { logits } = await model.forward({ inputIds });
      expect(relativeError([...logits.data], toNumbers(golden.logits!))).toBeLessThan(1e-4);
      await expectCached(model, inputIds[0]!);
      await expect(model.save(join(folder, "adapted"))).rejects.toMatchObject({ code: "ADAPTED" });
    });
  });
});

/** The log-probability of the first token of an answer is what the forward pass gives. */
async function expectCached(model: Model, ids: number[]): Promise<void> {
  const { logits } = await model.forward({ inputIds: ids });
  const last = [...logits.data.subarray(-logits.shape[2])];
  const [answer] = await model.generate({ inputIds: ids, maxNewTokens: 1, logProbabilities: 0 });
  const { id, logProbability } = answer!.logProbabilities![0]!;
  expect(id).toBe(last.indexOf(Math.max(...last)));
  const total = Math.log(sum(last.map((score) => Math.exp(score))));
  expect(logProbability).toBeCloseTo(last[id]! - total, 4);
}

const thudm = ["", "-fp16", "-int8", "-int4"].map((kind) => `chatglm3-tiny-thudm${kind}`);

describe.skipIf(!thudm.every((name) => hasGolden(name))).each(thudm)("%s", (name) => {
  test("logits", async () => {
    const golden = readGolden(`${name}/golden.safetensors`);
    await using(loadModel(pathOf(name), { threads: 1 }), async (model) => {
      const inputIds = rows(golden.input_ids!);
      const { logits } = await model.forward({ inputIds });
      expect(relativeError([...logits.data], toNumbers(golden.logits!))).toBeLessThan(1e-4);
    });
  });
});

test.skipIf(!hasGolden("chatglm3-tiny-ptuning-v2"))("a folder that holds model and prefix uses both", async () => {
  const tuned = join(folder, "tuned");
  cpSync(pathOf("chatglm3-tiny-thudm"), tuned, { recursive: true });
  for (const [from, to] of [
    ["config.json", "config.json"],
    ["pytorch_model.bin", "pytorch_model-prefix.bin"],
  ] as const) {
    cpSync(join(pathOf("chatglm3-tiny-ptuning-v2"), from), join(tuned, to));
  }
  const path = join(tuned, "pytorch_model.bin.index.json");
  const index = JSON.parse(readFileSync(path, "utf8"));
  index.weight_map["transformer.prefix_encoder.embedding.weight"] = "pytorch_model-prefix.bin";
  index.metadata.total_size += 6 * 3 * 2 * 2 * 16 * 4; // positions, layers, key and value, groups, channels, bytes
  rmSync(path);
  writeFileSync(path, JSON.stringify(index));
  const golden = readGolden("chatglm3-tiny-ptuning-v2/golden.safetensors");
  await using(loadModel(tuned, { threads: 1 }), async (model) => {
    const { logits } = await model.forward({ inputIds: rows(golden.input_ids!) });
    expect(relativeError([...logits.data], toNumbers(golden.logits!))).toBeLessThan(1e-4);
  });
});

test.skipIf(!hasGolden("chatglm3-tiny-ptuning-v2"))("P-Tuning v2 of ChatGLM3", async () => {
  const golden = readGolden("chatglm3-tiny-ptuning-v2/golden.safetensors");
  const adapter = pathOf("chatglm3-tiny-ptuning-v2");
  await using(loadModel(pathOf("chatglm3-tiny-thudm"), { threads: 1, adapter }), async (model) => {
    const inputIds = rows(golden.input_ids!);
    const { logits } = await model.forward({ inputIds });
    expect(relativeError([...logits.data], toNumbers(golden.logits!))).toBeLessThan(1e-4);
    await expectCached(model, inputIds[0]!);
  });
});

describe.skipIf(!isThere)("refuses", () => {
  const glm = () => using(loadModel(pathOf("glm-tiny"), { threads: 1 }), async (model) => model);

  test.each<[string, (model: Model) => Promise<unknown>, string]>([
    ["ids outside the vocabulary", (m) => m.generate({ inputIds: [512] }), "ID_OUT_OF_RANGE"],
    ["them in forward", (m) => m.forward({ inputIds: [[1, 512]] }), "ID_OUT_OF_RANGE"],
    [
      "a prompt beyond the context",
      (m) => m.generate({ inputIds: Array.from({ length: 256 }, () => 1) }),
      "PROMPT_TOO_LONG",
    ],
    [
      "a text beyond the context",
      (m) => m.forward({ inputIds: Array.from({ length: 257 }, () => 1) }),
      "PROMPT_TOO_LONG",
    ],
    ["rows of unequal length", (m) => m.forward({ inputIds: [[1, 2], [3]] }), "BAD_ARGUMENT"],
    ["a mask of another shape", (m) => m.forward({ inputIds: [[1, 2]], attentionMask: [[1]] }), "BAD_ARGUMENT"],
    ["a mask of other numbers", (m) => m.forward({ inputIds: [[1, 2]], attentionMask: [[1, 2]] }), "BAD_ARGUMENT"],
    ["too few positions", (m) => m.forward({ inputIds: [[1, 2]], positionIds: [[1]] }), "BAD_ARGUMENT"],
    ["no prompt", (m) => m.generate({}), "BAD_ARGUMENT"],
    ["an empty prompt", (m) => m.generate({ inputIds: [] }), "BAD_ARGUMENT"],
    ["text without a tokenizer", (m) => m.generate({ prompt: "hello" }), "NO_TOKENIZER"],
    ["several prompts in a stream", async (m) => m.stream({ inputIds: [[1], [2]] }).next(), "BAD_ARGUMENT"],
  ])("%s", async (_, act, code) => {
    await using(loadModel(pathOf("glm-tiny"), { threads: 1 }), (model) =>
      expect(act(model)).rejects.toMatchObject({ code }),
    );
  });

  test("use after dispose", async () => {
    const model = await glm();
    await expect(model.forward({ inputIds: [1] })).rejects.toMatchObject({ code: "DISPOSED" });
    await expect(model.generate({ inputIds: [1] })).rejects.toMatchObject({ code: "DISPOSED" });
    await model.dispose();
  });

  test("a tokenizer of another model", async () => {
    const tokenizer = { ...byteTokenizer, vocabularySize: 513, specialTokens: new Map([["<x>", 512]]) };
    const loading = loadModel(pathOf("glm-tiny"), { tokenizer });
    await expect(loading).rejects.toThrow(/513 ids, the model's embedding 512 rows\n.*<x> is id 512/);
  });

  test("end tokens beyond the embedding, weights that were cut short, an unknown dtype", async () => {
    const broken = join(folder, "broken");
    cpSync(pathOf("glm-tiny"), broken, { recursive: true });
    writeFileSync(join(broken, "generation_config.json"), JSON.stringify({ eos_token_id: [1, 600] }));
    await expect(loadModel(broken)).rejects.toThrow(/end token is id 600/);
    const weights = readFileSync(join(broken, "model.safetensors"));
    writeFileSync(join(broken, "model.safetensors"), weights.subarray(0, weights.length - 100));
    await expect(loadModel(broken)).rejects.toMatchObject({ code: "SAFETENSORS_INVALID" });
    await expect(loadModel(broken, { dtype: "int3" as "int4" })).rejects.toThrow(/dtype is "int3"/);
  });

  test("saving quantised weights, and answers from a model that only reads", async () => {
    await using(loadModel(pathOf("glm-tiny"), { threads: 1, dtype: "int4" }), (model) =>
      expect(model.save(join(folder, "no"))).rejects.toMatchObject({ code: "QUANTIZED" }),
    );
    await using(loadModel(pathOf("bert-tiny"), { threads: 1 }), (model) =>
      expect(model.generate({ inputIds: [1] })).rejects.toMatchObject({ code: "CANNOT_GENERATE" }),
    );
  });
});
