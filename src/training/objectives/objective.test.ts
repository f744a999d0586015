import { expect, it } from "vitest";
import type { Tokenizer } from "../../tokenizers/index.ts";
import { createObjective } from "./objective.ts";

it("refuses blank infilling without any kind of blank", () => {
  const names = ["[MASK]", "[sMASK]", "[gMASK]", "<sop>", "<eop>"];
  const tokenizer = { specialTokens: new Map(names.map((name, i) => [name, i])) } as unknown as Tokenizer;
  const make = (shares: object) => createObjective({ name: "blank-infilling", ...shares }, tokenizer);
  expect(() => make({ token: 0, sentence: 0, generation: 0 })).toThrow(/all 0 has no kind of blank/);
  expect(() => make({ token: 0, sentence: 0, generation: 1 })).not.toThrow();
});
