/** BPE training against the tokenizer that Hugging Face tokenizers 0.23.2 trained on the same corpus with the same settings. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import {
  linesOf,
  loadTokenizer,
  tokenizerJson,
  trainByteLevelBpe,
  writeTokenizer,
} from "../../src/tokenizers/index.ts";

const folder = fileURLToPath(new URL("../../../shared/golden/tokenizers/", import.meta.url));
const corpus = join(folder, "corpus.txt");
const root = fileURLToPath(new URL("../../", import.meta.url));

const specialTokens = [
  "<|endoftext|>",
  "[MASK]",
  "[gMASK]",
  "[sMASK]",
  "<sop>",
  "<eop>",
  "<|system|>",
  "<|user|>",
  "<|assistant|>",
  "<|observation|>",
];

describe.skipIf(!existsSync(corpus))("training on the golden corpus", () => {
  const golden = existsSync(corpus) ? readFileSync(join(folder, "bytelevel-bpe.tokenizer.json"), "utf8") : "";

  it("writes Hugging Face's tokenizer.json, byte for byte, and a folder that loads", async () => {
    const trained = await trainByteLevelBpe(linesOf(corpus), { vocabularySize: 6000, specialTokens });
    expect(tokenizerJson(trained)).toBe(golden);
    const target = mkdtempSync(join(tmpdir(), "congling-tokenizer-"));
    try {
      await writeTokenizer(target, trained, { names: { end: "<|endoftext|>", pad: "<|endoftext|>" } });
      const loaded = await loadTokenizer(target);
      expect(loaded.ids).toEqual({ end: 0, pad: 0 });
      expect(loaded.decode(loaded.encode("你好，世界！\n"))).toBe("你好，世界！\n");
    } finally {
      rmSync(target, { recursive: true });
    }
  });

  it("gives the same with counting threads, which only compiled code has on Node 20", () => {
    const compiled = join(root, "dist/src/tokenizers/index.js");
    const build = spawnSync(process.execPath, [join(root, "tools/build.mjs")], { encoding: "utf8" });
    expect(build.stderr).toBe("");
    const program = `
      const { linesOf, tokenizerJson, trainByteLevelBpe } = await import(${JSON.stringify(pathToFileURL(compiled).href)});
      async function* four() { for (let i = 0; i < 4; i++) yield* linesOf(${JSON.stringify(corpus)}); }
      const options = { vocabularySize: 2000, specialTokens: ["<pad>"] };
      const texts = await Promise.all([1, 3].map((threads) => trainByteLevelBpe(four(), { ...options, threads })));
      const [one, three] = texts.map(tokenizerJson);
      console.log(one === three, texts[0].tokens.length, process.getActiveResourcesInfo().filter((name) => /Message|Worker/.test(name)).length);
    `;
    const run = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
    expect(run.stderr).toBe("");
    expect(run.stdout.trim()).toBe("true 2000 0");
  });
});
