/** Beam search over a fake model, against trying every text. */
import { describe, expect, test } from "vitest";
import { type BeamOptions, beamSearch } from "./beam-search.ts";
import { decode } from "./decode.ts";
import { fakeSession, markovLogits } from "./fake-session.fixture.ts";

const vocabulary = 5;
const logits = markovLogits(vocabulary, 3, 21);
const end = 0;

function search(prompts: number[][], options: Partial<BeamOptions> & { beams: number }) {
  const session = fakeSession({ rows: prompts.length * options.beams, vocabulary, logits, limit: 40 });
  return beamSearch(session, prompts, { endIds: [end], maxNewTokens: 4, ...options });
}

const logProbabilities = (text: readonly number[]): number[] => {
  const scores = logits(text).map(Math.fround);
  const total = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0));
  return scores.map((score) => score - total);
};

/** Every finished text of at most `most` tokens with its sum of log-probabilities. */
function everyText(prompt: readonly number[], most: number): { ids: number[]; sum: number }[] {
  const grow = (ids: number[], sum: number): { ids: number[]; sum: number }[] => {
    if (ids.at(-1) === end || ids.length === most) return [{ ids, sum }];
    return logProbabilities([...prompt, ...ids]).flatMap((own, id) => grow([...ids, id], sum + own));
  };
  return grow([], 0);
}

describe("with beams for every text", () => {
  test.each([0, 1, 2])("length penalty %d finds the best of all", async (lengthPenalty) => {
    for (const prompt of [[1, 2], [3], [4, 4, 1]]) {
      const scored = everyText(prompt, 3).map(({ ids, sum }) => ({ ids, score: sum / ids.length ** lengthPenalty }));
      scored.sort((a, b) => b.score - a.score);
      const options = { beams: 130, maxNewTokens: 3, lengthPenalty, results: 5, earlyStopping: "never" } as const;
      const [found] = await search([prompt], options);
      expect(found!.map(({ ids }) => ids)).toEqual(scored.slice(0, 5).map(({ ids }) => ids));
      found!.forEach(({ score }, i) => {
        expect(score).toBeCloseTo(scored[i]!.score, 4);
      });
    }
  });
});

describe("few beams", () => {
  test("scores are those of the texts, best first, and ends are named", async () => {
    const [found] = await search([[1, 2]], { beams: 3, results: 3, maxNewTokens: 6 });
    expect(found!.length).toBe(3);
    for (const { ids, score, finish } of found!) {
      const sum = ids.reduce((total, id, i) => total + logProbabilities([1, 2, ...ids.slice(0, i)])[id]!, 0);
      expect(score).toBeCloseTo(sum / ids.length, 4);
      expect(finish).toBe(ids.at(-1) === end ? "stop" : "length");
    }
    expect(found!.map(({ score }) => score)).toEqual([...found!.map(({ score }) => score)].sort((a, b) => b - a));
  });

  test("a batch gives what each prompt gives alone", async () => {
    const prompts = [[1, 2], [3], [4, 4, 1]];
    const all = await search(prompts, { beams: 2, maxNewTokens: 8 });
    for (const [i, prompt] of prompts.entries())
      expect(all[i]).toEqual((await search([prompt], { beams: 2, maxNewTokens: 8 }))[0]);
  });

  test("one beam is greedy decoding", async () => {
    const [found] = await search([[1, 2]], { beams: 1, maxNewTokens: 8 });
    const ids: number[] = [];
    const session = fakeSession({ vocabulary, logits, limit: 40 });
    for await (const [token] of decode(session, [[1, 2]], { endIds: [end], maxNewTokens: 8 })) ids.push(token!.id);
    expect(found![0]!.ids).toEqual(ids);
  });

  test("early stopping takes the first finished texts", async () => {
    const never = await search([[1, 2]], { beams: 2, maxNewTokens: 12, earlyStopping: "never", lengthPenalty: 2 });
    const early = await search([[1, 2]], { beams: 2, maxNewTokens: 12, earlyStopping: true, lengthPenalty: 2 });
    expect(early[0]![0]!.score).toBeLessThanOrEqual(never[0]![0]!.score);
  });

  test("filters act on every beam", async () => {
    const [found] = await search([[1, 2]], { beams: 3, results: 3, maxNewTokens: 4, noRepeatNgramSize: 1 });
    for (const { ids } of found!) expect(new Set([1, 2, ...ids]).size).toBe(2 + ids.length);
  });

  test("nothing asked, nothing made", async () =>
    expect(await search([[1]], { beams: 2, maxNewTokens: 0 })).toEqual([[]]));
});

describe("refuses", () => {
  test.each<[string, Partial<BeamOptions> & { beams: number }, string]>([
    ["no beams", { beams: 0 }, "BAD_ARGUMENT"],
    ["more results than beams", { beams: 2, results: 3 }, "BAD_ARGUMENT"],
    ["an unknown way to stop", { beams: 2, earlyStopping: "late" as "never" }, "BAD_ARGUMENT"],
    ["an endless penalty", { beams: 2, lengthPenalty: Number.POSITIVE_INFINITY }, "BAD_ARGUMENT"],
    ["everything forbidden", { beams: 2, suppressIds: [0, 1, 2, 3, 4] }, "NO_TOKEN_LEFT"],
  ])("%s", async (_, options, code) => {
    await expect(search([[1]], options)).rejects.toMatchObject({ code });
  });
  test("a session of another size", async () => {
    const options = { beams: 2, endIds: [] };
    await expect(beamSearch(fakeSession({ rows: 3 }), [[1]], options)).rejects.toThrow(/session of 3 rows/);
  });
  test("a cancelled request", async () => {
    await expect(search([[1]], { beams: 2, signal: AbortSignal.abort(new Error("no more")) })).rejects.toThrow(
      "no more",
    );
  });
});
