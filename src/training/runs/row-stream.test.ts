import { expect, it } from "vitest";
import { nextTokenSample } from "../objectives/samples.ts";
import { checkGivesRows, createRowStream, type RowOptions, type RowPosition, rowBatches } from "./row-stream.ts";

const items = Array.from({ length: 20 }, (_, i) => [i + 1, i + 1, i + 1]);

const options = (changes: Partial<RowOptions<number[]>> = {}): RowOptions<number[]> => ({
  items: () => items,
  sizeOf: () => 1,
  windowSize: 8,
  samples: (ids, random) => [nextTokenSample([...ids, random.integer(1000)])],
  length: 6,
  packing: true,
  padId: 0,
  seed: 1,
  ...changes,
});

async function take(count: number, changes: Partial<RowOptions<number[]>> = {}, from?: RowPosition) {
  const found = [];
  for await (const row of createRowStream(options(changes)).rows(from)) {
    found.push(row);
    if (found.length === count) break;
  }
  return found;
}

it("goes on from any position with the same rows", async () => {
  const all = await take(40);
  expect(all.at(-1)!.position[0]).toBeGreaterThan(1);
  for (const start of [0, 3, 7, 15, 30]) {
    const rest = await take(40 - start - 1, {}, all[start]!.position);
    expect(rest).toEqual(all.slice(start + 1));
  }
});

it("shows every item once a pass, in another order each pass", async () => {
  const rows = await take(40, { packing: false, windowSize: 1000 });
  const firsts = rows.map(({ row }) => row.ids[0]!);
  expect([...firsts.slice(0, 20)].sort((a, b) => a - b)).toEqual(items.map(([id]) => id));
  expect([...firsts.slice(20)].sort((a, b) => a - b)).toEqual(items.map(([id]) => id));
  expect(firsts.slice(0, 20)).not.toEqual(firsts.slice(20));
});

it("reads data of one window once, larger data every pass", async () => {
  let passes = 0;
  const counted = () => {
    passes++;
    return items;
  };
  await take(60, { items: counted, windowSize: 1000 });
  expect(passes).toBe(1);
  await take(60, { items: counted });
  expect(passes).toBeGreaterThan(3);
});

it("mixes streams in fixed shares and resumes both", async () => {
  const source = rowBatches([
    { stream: createRowStream(options()), rows: 3 },
    { stream: createRowStream(options({ seed: 2, items: () => [[500, 501]] })), rows: 1 },
  ]);
  const all = [];
  for await (const batch of source(undefined)) {
    all.push(batch);
    if (all.length === 12) break;
  }
  const [first] = all;
  expect(first!.inputs.ids!.shape).toEqual([4, 6]);
  expect(first!.tokens).toBe(24);
  expect([...(first!.inputs.ids!.data as BigInt64Array)].slice(18, 20)).toEqual([500n, 501n]);
  const rest = [];
  for await (const batch of source(JSON.parse(JSON.stringify(all[4]!.position)))) {
    rest.push(batch);
    if (rest.length === 7) break;
  }
  expect(rest).toEqual(all.slice(5));
});

it("refuses data that give no rows", async () => {
  await expect(take(1, { items: () => [] })).rejects.toThrow(/nothing to learn/);
  await expect(take(1, { samples: () => [] })).rejects.toThrow(/nothing to learn/);
  const replay = createRowStream(options({ items: () => [], key: "replay.files" }));
  const shares = [
    { stream: createRowStream(options()), rows: 1 },
    { stream: replay, rows: 1 },
  ];
  await checkGivesRows(rowBatches(shares.slice(0, 1)));
  await expect(checkGivesRows(rowBatches(shares))).rejects.toThrow(/files of replay.files give nothing to learn/);
});
