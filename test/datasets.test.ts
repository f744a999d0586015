import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

interface Poem {
  readonly dynasty: string;
  readonly author: string;
  readonly title: string;
  readonly form: string;
  readonly text: string;
}

const read = (name: string): Poem[] =>
  gunzipSync(readFileSync(new URL(`../datasets/poems/${name}.jsonl.gz`, import.meta.url)))
    .toString("utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Poem);

const splits = { train: read("train"), valid: read("valid"), test: read("test") };
const halves = ({ text }: Poem): string[] => text.match(/\p{Script=Han}+/gu) ?? [];

describe("datasets/poems", () => {
  it("has the shape that each form says", () => {
    const shapes: Record<string, readonly [lines: number, size: number]> = {
      五绝: [4, 5],
      七绝: [4, 7],
      五律: [8, 5],
      七律: [8, 7],
    };
    const wrong = Object.values(splits)
      .flat()
      .filter((poem) => {
        const [lines, size] = shapes[poem.form]!;
        const found = halves(poem);
        return found.length !== lines || found.some((half) => [...half].length !== size);
      });
    expect(wrong).toEqual([]);
  });

  it("shares no line between two poems, so none between splits", () => {
    const owners = new Map<string, string>();
    const shared: string[] = [];
    for (const poem of Object.values(splits).flat()) {
      for (const half of new Set(halves(poem))) {
        if (owners.has(half)) shared.push(half);
        owners.set(half, poem.text);
      }
    }
    expect(shared).toEqual([]);
  });

  it("is split by the hash of the text", () => {
    const splitOf = ({ text }: Poem) => {
      const place = createHash("sha256").update(text).digest()[0]!;
      return place < 8 ? "test" : place < 16 ? "valid" : "train";
    };
    for (const [name, poems] of Object.entries(splits)) {
      expect(poems.filter((poem) => splitOf(poem) !== name)).toEqual([]);
    }
  });

  it("counts what its funnel says", () => {
    const funnel = JSON.parse(readFileSync(new URL("../datasets/poems/funnel.json", import.meta.url), "utf8"));
    for (const [name, poems] of Object.entries(splits)) expect(funnel[name].poems).toBe(poems.length);
    expect(funnel.withoutNearDuplicates).toBe(Object.values(splits).flat().length);
  });
});
