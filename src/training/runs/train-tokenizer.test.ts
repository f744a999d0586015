import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { trainTokenizer } from "./train-tokenizer.ts";

it("writes no tokenizer of nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "congling-empty-"));
  try {
    const [empty, out] = [join(folder, "empty.txt"), join(folder, "tokenizer")];
    await writeFile(empty, "");
    await expect(trainTokenizer({ files: [empty], out, vocabularySize: 300, threads: 1 })).rejects.toThrow(
      "there is nothing to learn: the files are empty",
    );
    expect(await readdir(folder)).toEqual(["empty.txt"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
