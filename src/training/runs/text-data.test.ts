import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { nextTokenSample } from "../objectives/samples.ts";
import { reportAside } from "./records.ts";
import { openTextData } from "./text-data.ts";

it("tells every bad record once, held-out ones included, however often the data are read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "congling-aside-"));
  try {
    const [train, valid] = [join(folder, "train.jsonl"), join(folder, "valid.jsonl")];
    await writeFile(train, `${'{"text":"abc"}\n'.repeat(3)}{"text":5}\n`);
    await writeFile(valid, 'no record\n{"text":"abc"}\n');
    const data = openTextData(
      // Windows of one text: every pass reads the file anew.
      { train: [train], valid: [valid], validShare: 0, format: null, textUnit: "line", shuffleCharacters: 1 },
      { objective: () => [nextTokenSample([1, 2, 3])], length: 3, packing: false, padId: 0, seed: 0 },
    );
    for await (const { position } of data.train.rows()) if (position[0] === 3) break;
    await data.validRows(4);
    const told: string[] = [];
    const say = (text: string) => void told.push(text);
    reportAside(data.aside, say);
    reportAside(data.aside, say);
    expect(data.aside.count).toBe(2);
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`2 records could not be read and were set aside:\n  ${train}:4: "text" is a number`);
    expect(told[0]).toContain(`${valid}:1: not JSON`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
