/** The decoding loop over a fake model. */
import { describe, expect, test } from "vitest";
import { type DecodedToken, type DecodeOptions, decode } from "./decode.ts";
import { fakeSession, markovLogits } from "./fake-session.fixture.ts";
import { promptLookup } from "./prompt-lookup.ts";

const base: DecodeOptions = { endIds: [], maxNewTokens: 20 };

async function run(
  prompts: number[][],
  options: Partial<DecodeOptions> = {},
  session = fakeSession({ rows: prompts.length }),
) {
  const tokens: DecodedToken[] = [];
  for await (const step of decode(session, prompts, { ...base, ...options })) tokens.push(...step);
  const rows = prompts.map((_, row) => tokens.filter((token) => token.row === row));
  return { tokens, rows, ids: rows.map((row) => row.map(({ id }) => id)), session };
}

/** Greedy by definition. */
function plainGreedy(prompt: number[], count: number): number[] {
  const logits = markovLogits(12);
  const text = [...prompt];
  for (let i = 0; i < count; i++) {
    const scores = logits(text).map(Math.fround);
    text.push(scores.indexOf(Math.max(...scores)));
  }
  return text.slice(prompt.length);
}

describe("greedy", () => {
  test("takes the likeliest token, one run each", async () => {
    const { ids, session, rows } = await run([[1, 2, 3]]);
    expect(ids[0]).toEqual(plainGreedy([1, 2, 3], 20));
    expect(session.feeds).toEqual([3, ...Array.from({ length: 19 }, () => 1)]);
    expect(rows[0]!.map(({ finish }) => finish)).toEqual([...Array.from({ length: 19 }, () => undefined), "length"]);
  });

  test("a batch gives what each prompt gives alone", async () => {
    const prompts = [[1, 2, 3], [4], [5, 6]];
    const { ids } = await run(prompts);
    for (const [row, prompt] of prompts.entries()) expect(ids[row]).toEqual((await run([prompt])).ids[0]);
  });

  test("end tokens stop a row and not the others", async () => {
    const prompts = [
      [1, 2, 3],
      [4, 4],
    ];
    const free = await run(prompts);
    const end = free.ids[0]![4]!;
    const { ids, rows } = await run(prompts, { endIds: [end] });
    for (const row of [0, 1]) {
      const at = free.ids[row]!.indexOf(end);
      expect(ids[row]).toEqual(at < 0 ? free.ids[row] : free.ids[row]!.slice(0, at + 1));
      expect(rows[row]!.at(-1)!.finish).toBe(at < 0 ? "length" : "stop");
    }
  });

  test("no end token before minNewTokens, and no unused ids", async () => {
    const end = (await run([[1, 2]])).ids[0]![0]!;
    const { ids } = await run([[1, 2]], { endIds: [end], minNewTokens: 5 });
    expect(ids[0]!.length).toBeGreaterThanOrEqual(6);
    expect(ids[0]!.slice(0, 5)).not.toContain(end);
    expect(Math.max(...(await run([[1, 2]], { usedVocabulary: 3 })).ids[0]!)).toBeLessThan(3);
  });

  test("shouldStop ends its row after the token", async () => {
    const seen: number[] = [];
    const { ids } = await run([[1, 2]], { shouldStop: (_, id) => seen.push(id) === 3 });
    expect(ids[0]!.length).toBe(3);
    expect(seen).toEqual(ids[0]);
  });

  test("the context ends the answer", async () => {
    const session = fakeSession({ limit: 10 });
    const { ids, rows } = await run([[1, 2, 3]], {}, session);
    expect(ids[0]!.length).toBe(7);
    expect(rows[0]!.at(-1)!.finish).toBe("length");
  });

  test("no tokens asked, none made", async () => expect((await run([[1]], { maxNewTokens: 0 })).tokens).toEqual([]));
});

describe("sampling", () => {
  test("follows the probabilities", async () => {
    const chances = [0.5, 0.3, 0.15, 0.05];
    const session = fakeSession({ vocabulary: 4, limit: 5000, logits: () => chances.map(Math.log) });
    const { ids } = await run([[0]], { temperature: 1, maxNewTokens: 4000, seed: 3 }, session);
    chances.forEach((chance, id) => {
      const share = ids[0]!.filter((each) => each === id).length / 4000;
      expect(Math.abs(share - chance)).toBeLessThan(4 * Math.sqrt((chance * (1 - chance)) / 4000));
    });
  });

  test("is repeated by its seed, changed by another, and does not depend on the batch", async () => {
    const options = { temperature: 1.5, seed: 7 };
    const first = (
      await run(
        [
          [1, 2],
          [3, 4],
        ],
        options,
      )
    ).ids;
    expect(
      (
        await run(
          [
            [1, 2],
            [3, 4],
          ],
          options,
        )
      ).ids,
    ).toEqual(first);
    expect((await run([[1, 2]], options)).ids[0]).toEqual(first[0]);
    expect((await run([[1, 2]], { ...options, seed: 8 })).ids[0]).not.toEqual(first[0]);
  });

  test("top-k 1 is greedy", async () =>
    expect((await run([[1, 2]], { temperature: 1, topK: 1 })).ids).toEqual((await run([[1, 2]])).ids));
});

describe("guessed tokens", () => {
  // A text that repeats: the guesses are right most of the time.
  const looping = (text: readonly number[]): number[] => {
    const scores = markovLogits(12, 1, 9)(text);
    scores[(text.at(-1)! + 1) % 5]! += text.length % 7 === 0 ? 0 : 9;
    return scores;
  };
  const session = () => fakeSession({ logits: looping, limit: 200 });
  test.each([
    ["greedy", {}],
    ["sampling", { temperature: 1.3, seed: 4 }],
    ["with penalties", { repetitionPenalty: 1.3, frequencyPenalty: 0.5 }],
    ["with end tokens", { endIds: [7, 8] }],
  ] as const)("%s: the answer is that of plain decoding, in fewer runs", async (name, options) => {
    for (const maxNewTokens of [1, 2, 17, 90]) {
      const plain = await run([[0, 1, 2]], { ...options, maxNewTokens }, session());
      const propose = promptLookup({ tokens: 5, longest: 2, shortest: 1 });
      const guessed = await run([[0, 1, 2]], { ...options, maxNewTokens, propose }, session());
      expect(guessed.tokens).toEqual(plain.tokens);
      if (name === "greedy" && maxNewTokens === 90)
        expect(guessed.session.feeds.length).toBeLessThan(plain.session.feeds.length / 2);
    }
  });

  test("wrong guesses are taken back", async () => {
    const propose = () => [11, 11, 11];
    const guessed = await run([[1, 2, 3]], { propose });
    expect(guessed.ids[0]).toEqual(plainGreedy([1, 2, 3], 20));
    expect(guessed.session.texts[0]!.slice(0, 20)).toEqual([1, 2, 3, ...guessed.ids[0]!].slice(0, 20));
  });

  test("lookup goes on as the most recent occurrence did", () => {
    const propose = promptLookup({ tokens: 3, longest: 2, shortest: 1 });
    expect(propose([1, 2, 3, 1, 2, 4, 5, 6, 1, 2], 9)).toEqual([4, 5, 6]);
    expect(propose([1, 2, 3, 1, 2, 4, 5, 6, 1, 2], 1)).toEqual([4]);
    expect(propose([1, 2, 3, 7, 2], 9)).toEqual([3, 7, 2]);
    expect(propose([1, 2, 3], 9)).toEqual([]);
    expect(propose([1, 1, 1], 0)).toEqual([]);
  });
});

describe("log-probabilities", () => {
  test("are the model's own, whatever the filters do", async () => {
    const { rows } = await run([[1, 2]], { logProbabilities: 3, suppressIds: [plainGreedy([1, 2], 1)[0]!] });
    const scores = markovLogits(12)([1, 2]).map(Math.fround);
    const total = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0));
    const sorted = scores.map((score, id) => ({ id, score: score - total })).sort((a, b) => b.score - a.score);
    const [token] = rows[0]!;
    expect(token!.id).toBe(sorted[1]!.id); // the best is suppressed
    expect(token!.logProbability).toBeCloseTo(sorted[1]!.score, 6);
    expect(token!.alternatives!.map(({ id }) => id)).toEqual(sorted.slice(0, 3).map(({ id }) => id));
    token!.alternatives!.forEach(({ logProbability }, i) => {
      expect(logProbability).toBeCloseTo(sorted[i]!.score, 6);
    });
  });
});

describe("cancelling", () => {
  test("stops between two tokens with the signal's reason", async () => {
    const controller = new AbortController();
    const made: number[] = [];
    const work = async () => {
      for await (const [token] of decode(fakeSession(), [[1, 2]], { ...base, signal: controller.signal })) {
        if (made.push(token!.id) === 3) controller.abort(new Error("enough"));
      }
    };
    await expect(work()).rejects.toThrow("enough");
    expect(made).toEqual(plainGreedy([1, 2], 3));
  });
});

describe("refuses", () => {
  test.each<[string, number[][], Partial<DecodeOptions>, string]>([
    ["no prompt", [], {}, "BAD_ARGUMENT"],
    ["an empty prompt", [[1], []], {}, "BAD_ARGUMENT"],
    ["an id outside the vocabulary", [[1, 12]], {}, "ID_OUT_OF_RANGE"],
    ["a negative id", [[-1]], {}, "ID_OUT_OF_RANGE"],
    ["a fraction", [[1.5]], {}, "ID_OUT_OF_RANGE"],
    ["a prompt longer than the context", [Array.from({ length: 64 }, () => 1)], {}, "PROMPT_TOO_LONG"],
    ["a negative length", [[1]], { maxNewTokens: -1 }, "BAD_ARGUMENT"],
    ["guesses in a batch", [[1], [2]], { propose: () => [] }, "BAD_ARGUMENT"],
    ["a vocabulary with nothing left", [[1]], { usedVocabulary: 1, suppressIds: [0] }, "NO_TOKEN_LEFT"],
  ])("%s", async (_, prompts, options, code) => {
    await expect(run(prompts, options)).rejects.toMatchObject({ code });
  });

  test.each([0, 1])("logits that are not numbers (temperature %d)", async (temperature) => {
    const session = fakeSession({ logits: () => Array.from({ length: 12 }, () => Number.NaN) });
    await expect(run([[1]], { temperature }, session)).rejects.toMatchObject({ code: "NOT_A_NUMBER" });
  });
});
