/** Log-likelihoods in batches against the same numbers one by one, from plain forward passes. */
import { describe, expect, test } from "vitest";
import { logLikelihoods, openingIds, splitIds, textLikelihoods } from "../../src/evaluation/index.ts";
import { createModel, type Model } from "../../src/inference/index.ts";
import { tinyNetwork, tinyPrompt } from "../../src/inference/tiny-network.fixture.ts";
import { createRandom } from "../../src/support/random.ts";
import { byteTokenizer, glmTokens } from "../../src/tokenizers/chat/byte-tokenizer.fixture.ts";
import { uniformModel } from "./fake-models.fixture.ts";

/** ln P(target | context) from the logits of one unpadded row, in double precision. */
async function plainly(model: Model, context: readonly number[], target: readonly number[]): Promise<number> {
  const ids = [...context, ...target.slice(0, -1)];
  const { logits } = await model.forward({ inputIds: ids });
  const V = logits.shape[2]!;
  return target.reduce((sum, id, i) => {
    const at = (context.length - 1 + i) * V;
    const scores = Array.from(logits.data.subarray(at, at + V));
    return sum + scores[id]! - Math.log(scores.reduce((total, score) => total + Math.exp(score), 0));
  }, 0);
}

describe.each(["glm", "glm_original", "chatglm_6b"])("%s", (family) => {
  test("batches of rows of different lengths", async () => {
    const network = tinyNetwork(family);
    const model = createModel(network, { dtype: "float32", endIds: [1] });
    const random = createRandom(1);
    const draw = (count: number) => Array.from({ length: count }, () => random.integer(17));
    const pairs = Array.from({ length: 9 }, (_, i) => ({
      context: [...draw(i % 4), ...tinyPrompt],
      target: draw(1 + (i % 3)),
    }));
    // The same context with four continuations is one row, or several.
    pairs.push(...[2, 3, 4].map((id) => ({ context: tinyPrompt.slice(), target: [id] })));
    const expected: number[] = [];
    for (const { context, target } of pairs) expected.push(await plainly(model, context, target));
    for (const rowsAtOnce of [1, 4, 64]) {
      const found = await logLikelihoods(model, pairs, { rowsAtOnce });
      found.forEach(({ logProbability, tokens }, i) => {
        expect(logProbability).toBeCloseTo(expected[i]!, 4);
        expect(tokens).toBe(pairs[i]!.target.length);
      });
    }
    await model.dispose();
  });
});

test("a greedy continuation is told from others, and long contexts lose their start", async () => {
  const model = createModel(tinyNetwork("glm"), { dtype: "float32", endIds: [1] });
  const context = [5, 7, 9];
  const { logits } = await model.forward({ inputIds: context });
  const last = Array.from(logits.data.subarray(2 * 23, 3 * 23));
  const top = last.indexOf(Math.max(...last));
  const [greedy, other] = await logLikelihoods(model, [
    { context, target: [top] },
    { context, target: [(top + 1) % 23] },
  ]);
  expect([greedy!.isGreedy, other!.isGreedy]).toEqual([true, false]);
  const long = Array.from({ length: 100 }, (_, i) => i % 17); // the context holds 64
  const [cut] = await logLikelihoods(model, [{ context: long, target: [3, 4] }]);
  expect(cut!.cut).toBe(100 + 2 - 65);
  expect(cut!.logProbability).toBeCloseTo(await plainly(model, long.slice(37), [3, 4]), 4);
  await model.dispose();
});

test("models that read whole texts are refused", async () => {
  const model = createModel(tinyNetwork("bert"), { dtype: "float32", endIds: [1] });
  await expect(logLikelihoods(model, [{ context: [1], target: [2] }])).rejects.toMatchObject({ code: "CANNOT_SCORE" });
});

test("a model that gives NaN is refused, not found wrong", async () => {
  const { model } = uniformModel({ score: (_, next) => (next === 7 ? Number.NaN : 0) });
  await expect(logLikelihoods(model, [{ context: [1], target: [2] }])).rejects.toMatchObject({ code: "NOT_FINITE" });
});

describe("where a text ends", () => {
  const plain = byteTokenizer(glmTokens);
  /** Merges "a" and "b" into one token, 300, and puts [gMASK] <sop> before or behind. */
  const merging = (before: readonly number[], after: readonly number[]) => ({
    ...plain,
    encode: (text: string, { addSpecialTokens = true } = {}) => {
      const ids = [...text].map((character) => character.charCodeAt(0));
      const merged: number[] = [];
      for (const id of ids) {
        if (id === 98 && merged.at(-1) === 97) merged[merged.length - 1] = 300;
        else merged.push(id);
      }
      return addSpecialTokens ? [...before, ...merged, ...after] : merged;
    },
  });

  test("a token over the border belongs to the continuation", () => {
    expect(splitIds(merging([9], []), "xa", "bc")).toEqual({ context: [9, 120], target: [300, 99] });
    expect(splitIds(merging([9], []), "xy", "bc")).toEqual({ context: [9, 120, 121], target: [98, 99] });
  });

  test("behind special tokens a text begins anew", () => {
    expect(splitIds(merging([], [8, 9]), "xa", "bc")).toEqual({ context: [120, 97, 8, 9], target: [98, 99] });
  });

  test("the start of a text", () => {
    expect(openingIds(merging([8, 9], []), [0])).toEqual([8, 9]);
    expect(openingIds(plain, [0])).toEqual([1000]); // <|endoftext|>
  });
});

test("windows over a long text predict every token once", async () => {
  const { model, tokenizer } = uniformModel({ limit: 20 });
  const texts = ["短", "x".repeat(100), "", "长".repeat(41)];
  const found = await textLikelihoods(model, tokenizer, texts);
  const bytes = texts.map((text) => Buffer.byteLength(text));
  expect(found.map(({ tokens }) => tokens)).toEqual(bytes);
  found.forEach(({ negativeLogLikelihood }, i) => {
    expect(negativeLogLikelihood).toBeCloseTo(bytes[i]! * Math.log(model.config.vocabulary), 3);
  });
});
