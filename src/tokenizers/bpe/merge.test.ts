import { describe, expect, it } from "vitest";
import { createRandom } from "../../support/random.ts";
import { createMergeTable, type Merge, mergeIds } from "./index.ts";

/** The rule as it reads, without any structure. */
function mergeNaively(merges: readonly Merge[], ids: readonly number[]): number[] {
  const current = [...ids];
  for (;;) {
    let best = merges.length;
    let where = -1;
    for (let i = 0; i + 1 < current.length; i++) {
      const rank = merges.findIndex(({ left, right }) => left === current[i] && right === current[i + 1]);
      if (rank >= 0 && rank < best) {
        best = rank;
        where = i;
      }
    }
    if (where < 0) return current;
    current.splice(where, 2, merges[best]!.result);
  }
}

const random = createRandom(7);
const below = (limit: number): number => Math.floor(random.uniform() * limit);

/** Merges whose results are new ids, as any trainer makes them. */
function randomMerges(alphabet: number, count: number): Merge[] {
  const merges: Merge[] = [];
  const seen = new Set<string>();
  while (merges.length < count) {
    const [left, right] = [below(alphabet + merges.length), below(alphabet + merges.length)];
    if (seen.has(`${left} ${right}`)) continue;
    seen.add(`${left} ${right}`);
    merges.push({ left, right, result: alphabet + merges.length });
  }
  return merges;
}

describe("mergeIds", () => {
  it("follows the rule for short words and, by another way, for long ones", () => {
    for (let round = 0; round < 60; round++) {
      const merges = randomMerges(3, 12);
      const table = createMergeTable(merges);
      const length = round < 40 ? below(20) : 129 + below(120);
      const ids = Array.from({ length }, () => below(3));
      const buffer = Int32Array.from(ids);
      const left = mergeIds(table, buffer, length);
      expect([...buffer.subarray(0, left)], ids.join(" ")).toEqual(mergeNaively(merges, ids));
    }
  });

  it("stays fast on a word of 100,000 equal letters", () => {
    const merges: Merge[] = Array.from({ length: 10 }, (_, i) => ({ left: i, right: i, result: i + 1 }));
    const buffer = new Int32Array(100_000);
    const left = mergeIds(createMergeTable(merges), buffer, buffer.length);
    // 100,000 = 97 · 1,024 + 672, and 672 is 512 + 128 + 32.
    expect(left).toBe(97 + 3);
  });

  it("keeps what does not merge, the empty word too", () => {
    const table = createMergeTable([]);
    expect(mergeIds(table, Int32Array.of(), 0)).toBe(0);
    expect(mergeIds(table, Int32Array.of(1, 2, 3), 3)).toBe(3);
  });
});
