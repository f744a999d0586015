import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readCurve, smoothed } from "./curves.ts";

it("reads steps and the last validation of a run", () => {
  const folder = mkdtempSync(join(tmpdir(), "curve-"));
  const lines = [
    { step: 1, loss: 4, learningRate: 0.1, tokens: 100, seconds: 2 },
    { step: 1, kind: "evaluation", validLoss: 9 },
    { step: 2, loss: 3, learningRate: 0.2, tokens: 100, seconds: 0.5 },
    { step: 2, kind: "evaluation", validLoss: 3.5, generalLoss: 5 },
  ];
  try {
    writeFileSync(join(folder, "metrics.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    expect(readCurve(folder)).toEqual({
      steps: [1, 2],
      losses: [4, 3],
      learningRates: [0.1, 0.2],
      validation: { validLoss: 3.5, generalLoss: 5 },
      tokensPerSecond: 80,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("smooths over the steps so far", () => {
  expect(smoothed([4, 2, 0, 6], 2)).toEqual([4, 3, 1, 3]);
});
