import { expect, it } from "vitest";
import { readTrainArguments } from "./train-options.ts";

it("refuses a file that a resumed run would not read", () => {
  expect(() => readTrainArguments(["run.yaml", "--resume", "runs/base"])).toThrow(/settings of its own/);
  expect(readTrainArguments(["run.yaml", "--resume"])).toMatchObject({ file: "run.yaml", resume: true });
});

it("takes -o as the other commands do", () => {
  expect(readTrainArguments(["-o", "runs/base", "--steps", "3"])).toMatchObject({
    file: undefined,
    overrides: [
      ["out", "runs/base"],
      ["steps", "3"],
    ],
  });
});
