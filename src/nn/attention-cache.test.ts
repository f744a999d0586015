/** Decoding with a cache equals attention over the whole sequence, however the tokens are fed. */
import { describe, expect, test } from "vitest";
import { referenceBackend } from "../engine/backends/reference/index.ts";
import {
  causalBias,
  type Dim,
  flattenTree,
  type HostTensor,
  hostTensor,
  mapTree,
  specOf,
  type Tensor,
  toNumbers,
  trace,
} from "../engine/index.ts";
import { createRandom } from "../support/random.ts";
import { type Attention, attentionLayer, initAttention } from "./attention.ts";
import { assignCache, cachedAttention, cacheSpec, emptyCache, positionsFrom, writeCache } from "./attention-cache.ts";
import { rotaryConstants, rotaryFrequencies, rotaryRows, rotaryTables } from "./rotary-tables.ts";
import { relativeError, runTraced, wave, waves } from "./run-traced.fixture.ts";

const heads = 4;
const size = { batch: 2, keyValueHeads: 2, capacity: 8, headSize: 4 };
const parameters = waves(
  initAttention({ hidden: 6, heads, keyValueHeads: 2, headSize: 4, inputBias: true }, createRandom(1)),
);
const T = 7;
const x = wave([2, T, 6]);
const frequencies = rotaryFrequencies({ size: 4, base: 100 });

async function whole(): Promise<number[]> {
  const { y } = await runTraced(parameters, { x }, (p: Attention<Tensor>, given) => {
    const rotary = rotaryConstants(given.x, rotaryTables(T, frequencies));
    return { y: attentionLayer(p, given.x, { heads, rotary, bias: causalBias(given.x, T) }) };
  });
  return y;
}

/** Rows [from, to) of every batch entry of a [2, T, 6] tensor. */
const rows = (values: readonly number[], from: number, to: number): number[] =>
  [0, 1].flatMap((b) => values.slice((b * T + from) * 6, (b * T + to) * 6));

/** A program for `length` tokens a run, and a run of it. */
async function program(length: Dim, cache: { key: HostTensor; value: HostTensor }) {
  const graph = trace((builder) => {
    const p = builder.state("model", mapTree(parameters, specOf)) as Attention<Tensor>;
    const state = builder.state("cache", cacheSpec(size)) as { key: Tensor; value: Tensor };
    const fed = builder.input("x", "float32", [2, length, 6]);
    const start = builder.input("start", "int64", [1]);
    const tables = rotaryConstants(fed, rotaryTables(size.capacity, frequencies));
    const rotary = rotaryRows(tables, positionsFrom(start, length));
    const result = cachedAttention(p, fed, { heads, rotary, cache: state, start });
    assignCache(state, result.cache);
    builder.output("y", result.output);
  });
  const compiled = await referenceBackend().compile(graph);
  for (const [path, leaf] of flattenTree<HostTensor>(parameters)) compiled.writeState(`model.${path}`, leaf);
  compiled.writeState("cache.key", cache.key);
  compiled.writeState("cache.value", cache.value);
  return {
    async run(from: number, to: number): Promise<number[]> {
      const part = hostTensor("float32", [2, to - from, 6], rows(toNumbers(x), from, to));
      const { y } = await compiled.run({ x: part, start: hostTensor("int64", [1], [from]) });
      return toNumbers(y!);
    },
    cache: () => ({ key: compiled.readState("cache.key"), value: compiled.readState("cache.value") }),
  };
}

/** A cache full of large numbers: nothing may read a row before it was written. */
function dirtyCache() {
  const { key, value } = emptyCache(size);
  return {
    key: { ...key, data: (key.data as Float32Array).map(() => 50) },
    value: { ...value, data: (value.data as Float32Array).map(() => -50) },
  };
}

describe("cached attention equals uncached", () => {
  test("one token a run", async () => {
    const expected = await whole();
    const step = await program(1, dirtyCache());
    for (let at = 0; at < T; at++)
      expect(relativeError(await step.run(at, at + 1), rows(expected, at, at + 1))).toBeLessThan(1e-6);
  });

  test.each<[string, Dim]>([
    ["a prompt of known length, then single tokens", 4],
    ["a prompt of named length, then single tokens", "length"],
  ])("%s", async (_, length) => {
    const expected = await whole();
    const prompt = await program(length, dirtyCache());
    expect(relativeError(await prompt.run(0, 4), rows(expected, 0, 4))).toBeLessThan(1e-6);
    const step = await program(1, prompt.cache());
    for (let at = 4; at < T; at++)
      expect(relativeError(await step.run(at, at + 1), rows(expected, at, at + 1))).toBeLessThan(1e-6);
  });

  test("parts of two tokens, and going back overwrites", async () => {
    const expected = await whole();
    const pair = await program(2, dirtyCache());
    await pair.run(0, 2);
    await pair.run(4, 6); // wrong place: these rows must not be seen by tokens 2 and 3, and be replaced afterwards
    for (const at of [2, 4])
      expect(relativeError(await pair.run(at, at + 2), rows(expected, at, at + 2))).toBeLessThan(1e-6);
  });
});

test("writeCache puts rows where they belong and keeps the others", async () => {
  const cache = hostTensor("float32", [1, 1, 4, 1], [1, 2, 3, 4]);
  const fresh = hostTensor("float32", [1, 1, 2, 1], [10, 20]);
  const start = hostTensor("int64", [1], [1]);
  const write = (_: object, given: Record<"cache" | "fresh" | "start", Tensor>) => ({
    next: writeCache(given.cache, given.fresh, given.start),
  });
  expect((await runTraced({}, { cache, fresh, start }, write)).next).toEqual([1, 10, 20, 4]);
  const many = { cache: fresh, fresh: cache, start };
  await expect(runTraced({}, many, write)).rejects.toThrow("4 new rows for a cache of 2");
});
