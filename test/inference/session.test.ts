/** Sessions on the engine equal Hugging Face: greedy tokens, left-padded logits; and moving caches changes nothing. */
import { afterAll, describe, expect, test } from "vitest";
import { type DecodingSession, logitsAt } from "../../src/inference/decoding-session.ts";
import { ProgramPool } from "../../src/inference/session/program-pool.ts";
import { createSession } from "../../src/inference/session/session.ts";
import { relativeError } from "../../src/nn/run-traced.fixture.ts";
import { hasGolden, readGolden } from "../nn/golden-files.fixture.ts";
import { loadGoldenNetwork } from "./load-golden.fixture.ts";

const names = ["glm-tiny", "glm4-0414-tiny", "glm4-moe-tiny", "llama-tiny", "qwen2-tiny", "qwen3-tiny"];
const likeliest = (scores: Float32Array): number =>
  scores.reduce((best, score, i) => (score > scores[best]! ? i : best), 0);

describe.skipIf(!names.every((name) => hasGolden(name))).each(names)("%s", (name) => {
  const made: ProgramPool[] = [];
  const golden = () => readGolden(`${name}/golden.safetensors`);
  const pool = async () => {
    if (made[0] === undefined) made.push(new ProgramPool(await loadGoldenNetwork(name)));
    return made[0]!;
  };
  afterAll(async () => {
    for (const each of made) await each.dispose();
  });
  /** Rows of an int64 fixture. */
  const rowsOf = ({ shape, data }: { shape: readonly number[]; data: ArrayLike<number | bigint> }) =>
    Array.from({ length: shape[0]! }, (_, row) =>
      Array.from({ length: shape[1]! }, (_, i) => Number(data[row * shape[1]! + i])),
    );

  test("greedy tokens", async () => {
    const expected = rowsOf(golden().greedy!);
    const session = createSession(await pool(), { rows: expected.length });
    const rows = expected.map((row) => row.slice(0, 5));
    let logits = await session.feed(rows);
    while (rows[0]!.length < expected[0]!.length) {
      const next = rows.map((_, row) => likeliest(logitsAt(logits, row, 0)));
      next.forEach((id, row) => void rows[row]!.push(id));
      logits = await session.feed(next.map((id) => [id]));
    }
    expect(rows).toEqual(expected);
  });

  test("left-padded logits", async () => {
    const fixture = golden();
    const ids = rowsOf(fixture.input_ids!);
    const session = createSession(await pool(), { rows: 2 });
    const logits = await session.feed([ids[0]!, ids[1]!.slice(5)], { logits: "all" });
    const reference = { data: fixture["leftpad.logits"]!.data as Float32Array, shape: logits.shape };
    for (const [row, from] of [
      [0, 0],
      [1, 5],
    ] as const) {
      for (let column = from; column < 17; column++) {
        const got = [...logitsAt(logits, row, column)];
        expect(relativeError(got, logitsAt(reference, row, column))).toBeLessThan(1e-4);
      }
    }
  });

  test("feeding in parts, going back, growing, and sharing the program change nothing", async () => {
    const [ids] = rowsOf(golden().input_ids!) as [number[]];
    const long = Array.from({ length: 150 }, (_, i) => ids[i % ids.length]!); // beyond the smallest capacity
    const shared = await pool();
    const whole = await createSession(shared).feed([long], { logits: "all" });
    const parts: DecodingSession = createSession(shared, { expected: 0 });
    const other = createSession(shared, { expected: 0 });
    const row = (column: number) => [...logitsAt(whole, 0, column)];
    const close = (got: Float32Array, column: number) =>
      expect(relativeError([...got], row(column))).toBeLessThan(1e-4);
    close(logitsAt(await parts.feed([long.slice(0, 20)]), 0, 0), 19);
    await other.feed([[9, 8, 7]]); // takes the program over
    await parts.feed([[1, 2, 3]]);
    parts.truncate(20);
    close(logitsAt(await parts.feed([long.slice(20, 21)]), 0, 0), 20);
    const alone = await createSession(shared).feed([[9, 8, 7, 1]]);
    const taken = logitsAt(await other.feed([[1]]), 0, 0);
    expect(relativeError([...taken], alone.data)).toBeLessThan(1e-4);
    const rest = await parts.feed([long.slice(21)], { logits: "all" });
    for (const column of [21, 60, 149]) close(logitsAt(rest, 0, column - 21), column);
    await expect(parts.feed([Array.from({ length: 200 }, () => 1)])).rejects.toThrow(/150 \+ 200 tokens.*holds 256/);
    await parts.dispose();
    await other.dispose();
  });

  test("rearranged rows go on as the texts they are", async () => {
    const texts = [
      [5, 6, 7, 8],
      [9, 10],
      [11, 12, 13],
    ];
    const session = createSession(await pool(), { rows: 3 });
    await session.feed(texts);
    await session.reorder([2, 2, 1]);
    const logits = await session.feed([[20], [21], [22]]);
    for (const [row, text] of [
      [...texts[2]!, 20],
      [...texts[2]!, 21],
      [...texts[1]!, 22],
    ].entries()) {
      const alone = await createSession(await pool()).feed([text]);
      expect(relativeError([...logitsAt(logits, row, 0)], alone.data)).toBeLessThan(1e-4);
    }
  });
});
