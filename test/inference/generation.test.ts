/** Beam search and greedy decoding with penalties equal Hugging Face `generate` on glm-tiny, token by token. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { beamSearch } from "../../src/inference/beam-search.ts";
import { decode } from "../../src/inference/decode.ts";
import { promptLookup } from "../../src/inference/prompt-lookup.ts";
import { ProgramPool } from "../../src/inference/session/program-pool.ts";
import { createSession } from "../../src/inference/session/session.ts";
import { hasGolden, readGolden } from "../nn/golden-files.fixture.ts";
import { loadGoldenNetwork } from "./load-golden.fixture.ts";

const file = "generation.safetensors";
const isThere = hasGolden(file) && hasGolden("glm-tiny");
const golden = isThere ? readGolden(file) : {};
const rowsOf = (name: string): number[][] => {
  const { shape, data } = golden[name]!;
  return Array.from({ length: shape[0]! }, (_, row) =>
    Array.from({ length: shape[1]! }, (_, i) => Number(data[row * shape[1]! + i])),
  );
};
const endIds = [7];
const padId = 0;

describe.skipIf(!isThere)("glm-tiny", () => {
  let pool: ProgramPool;
  beforeAll(async () => {
    pool = new ProgramPool(await loadGoldenNetwork("glm-tiny"));
  });
  afterAll(() => pool.dispose());

  test.each([
    [4, 0],
    [4, 1],
    [4, 2],
    [1, 1],
  ])("beams %d, length penalty %d", async (beams, lengthPenalty) => {
    const prompts = rowsOf("prompt");
    const expected = rowsOf(`beam${beams}_lp${lengthPenalty}.0`);
    const session = createSession(pool, { rows: prompts.length * beams });
    const results = await beamSearch(session, prompts, { beams, lengthPenalty, endIds, padId, maxNewTokens: 12 });
    const rows = results.map(([best], row) => [...prompts[row]!, ...best!.ids]);
    const longest = Math.max(...rows.map((row) => row.length));
    for (const row of rows) while (row.length < longest) row.push(padId);
    expect(rows).toEqual(expected);
  });

  const answers = async (prompts: number[][], options: Partial<Parameters<typeof decode>[2]>) => {
    const rows = prompts.map((ids) => [...ids]);
    const session = createSession(pool, { rows: prompts.length });
    for await (const step of decode(session, prompts, { endIds: [], ...options }))
      for (const { row, id } of step) rows[row]!.push(id);
    return rows;
  };

  test("greedy without an end token", async () => {
    const prompts = rowsOf("prompt");
    const expected = rowsOf("beam1_lp1.0");
    const rows = await answers(prompts, { endIds, maxNewTokens: 12 });
    expect(rows.map((row) => [...row, ...Array.from({ length: 17 - row.length }, () => padId)])).toEqual(expected);
  });

  test("repetition penalty 1.3 without repeated trigrams", async () => {
    const options = { repetitionPenalty: 1.3, noRepeatNgramSize: 3, maxNewTokens: 16 };
    expect(await answers(rowsOf("prompt"), options)).toEqual(rowsOf("rep"));
  });

  test.each([{}, { temperature: 1, seed: 3 }])("guessed tokens change nothing, options %j", async (options) => {
    for (const prompt of rowsOf("prompt")) {
      const own = { ...options, maxNewTokens: 80 };
      const plain = await answers([prompt], own);
      // Glm-tiny soon repeats itself, so many guesses are right; a noisy guesser makes sure that many are wrong.
      const lookup = promptLookup({ tokens: 6, longest: 2, shortest: 1 });
      expect(await answers([prompt], { ...own, propose: lookup })).toEqual(plain);
      const noisy = (ids: readonly number[], room: number) =>
        lookup(ids, room).map((id, i) => (i === ids.length % 5 ? (id + 1) % 512 : id));
      expect(await answers([prompt], { ...own, propose: noisy })).toEqual(plain);
    }
  });
});
