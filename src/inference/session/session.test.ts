/** Sessions compute what a forward pass over the whole text computes: every family, padding, prefixes, position rows. */
import { describe, expect, test } from "vitest";
import { relativeError } from "../../nn/run-traced.fixture.ts";
import { type Logits, logitsAt } from "../decoding-session.ts";
import { forward } from "../forward.ts";
import { tinyNetwork, tinyPrefix, tinyPrompt, writingFamilies } from "../tiny-network.fixture.ts";
import type { Network } from "./network.ts";
import { ProgramPool } from "./program-pool.ts";
import { createSession } from "./session.ts";

const answer = [2, 11, 3, 4];
const text = [...tinyPrompt, ...answer];
/** Another text with its blank elsewhere. */
const shorter = [18, 20, ...answer];

async function close(got: Promise<Logits> | Logits, row: number, column: number, whole: Logits, at: number) {
  const [found, expected] = [logitsAt(await got, row, column), logitsAt(whole, 0, at)];
  expect(relativeError([...found], expected)).toBeLessThan(1e-5);
}

/** Feeds two texts of unequal length as one batch, token by token, and compares with each alone. */
async function compare(network: Network) {
  const pool = new ProgramPool(network);
  const [first, second] = await Promise.all([
    forward(pool, { inputIds: text }),
    forward(pool, { inputIds: [shorter] }),
  ]);
  // Alone, prompt and then single tokens.
  const alone = createSession(pool);
  await close(alone.feed([tinyPrompt]), 0, 0, first, 4);
  await close(alone.feed([answer.slice(0, 1)]), 0, 0, first, 5);
  const rest = await alone.feed([answer.slice(1)], { logits: "all" });
  for (const column of [0, 1, 2]) await close(rest, 0, column, first, 6 + column);
  // Together, the shorter padded on the left.
  const both = createSession(pool, { rows: 2, guesses: true }); // stays in one program
  let logits = await both.feed([tinyPrompt, shorter.slice(0, 2)]);
  for (let i = 0; i <= answer.length; i++) {
    await close(logits, 0, 0, first, 4 + i);
    await close(logits, 1, 0, second, 1 + i);
    if (i < answer.length) logits = await both.feed([[answer[i]!], [answer[i]!]]);
  }
  // Padding in a forward pass, on either side.
  const [pads, ones] = [[0, 0, 0], shorter.map(() => 1)];
  const padded = await forward(pool, {
    inputIds: [[...pads, ...shorter], [...shorter, ...pads], text],
    attentionMask: [[...pads, ...ones], [...ones, ...pads], text.map(() => 1)],
  });
  for (const column of shorter.keys()) {
    await close(padded, 0, column + 3, second, column);
    await close(padded, 1, column, second, column);
  }
  for (const column of text.keys()) await close(padded, 2, column, first, column);
  await pool.dispose();
}

describe("a session equals the whole text", () => {
  test.each(writingFamilies)("%s", (name) => compare(tinyNetwork(name)));

  test.each([
    ["glm", true],
    ["glm", false],
    ["chatglm_6b", false],
    ["glm_original", true],
  ] as const)("%s with a prefix, which takes positions: %s", (name, takesPositions) =>
    compare(tinyNetwork(name, { prefix: tinyPrefix(name, 3, takesPositions) })),
  );
});

test("a prefix changes the answer, and its positions matter", async () => {
  const logits = async (network: Network) => {
    const pool = new ProgramPool(network);
    const { data } = await forward(pool, { inputIds: text });
    await pool.dispose();
    return [...data];
  };
  const without = await logits(tinyNetwork("glm"));
  const taking = await logits(tinyNetwork("glm", { prefix: tinyPrefix("glm", 3, true) }));
  const free = await logits(tinyNetwork("glm", { prefix: tinyPrefix("glm", 3, false) }));
  expect(relativeError(taking, without)).toBeGreaterThan(1e-3);
  expect(relativeError(free, without)).toBeGreaterThan(1e-3);
  expect(relativeError(taking, free)).toBeGreaterThan(1e-6);
});

describe("refuses", () => {
  const pool = new ProgramPool(tinyNetwork("llama"));
  test("rows that differ after the first feed", async () => {
    const session = createSession(pool, { rows: 2 });
    await session.feed([[1, 2], [3]]);
    await expect(session.feed([[1, 2], [3]])).rejects.toThrow(/rows of 2, 1 tokens/);
    await expect(session.feed([[1], []])).rejects.toThrow(/rows of 1, 0 tokens/);
    await expect(session.feed([[1]])).rejects.toThrow(/got 1 rows, the session has 2/);
    await expect(session.reorder([0, 2])).rejects.toThrow(/source is 2/);
    expect(() => session.truncate(3)).toThrow(/length is 3/);
  });
  test("more than the context", async () => {
    const session = createSession(pool);
    await expect(session.feed([Array.from({ length: 65 }, () => 1)])).rejects.toMatchObject({ code: "CONTEXT_FULL" });
  });
  test("use after dispose", async () => {
    const session = createSession(pool);
    await session.dispose();
    await expect(session.feed([[1]])).rejects.toMatchObject({ code: "DISPOSED" });
    const other = new ProgramPool(tinyNetwork("llama"));
    const late = createSession(other);
    await other.dispose();
    await other.dispose();
    await expect(late.feed([[1]])).rejects.toMatchObject({ code: "DISPOSED" });
  });
});
