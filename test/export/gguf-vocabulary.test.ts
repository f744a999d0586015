/** Exported tokenizers cut text in llama.cpp into the ids that the reference tokenizers gave. */
import { existsSync, readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tokenizeWithLlamaCpp } from "../../src/export/gguf/judge.ts";
import { exportGguf, readGgufVocabulary, sourceOfParameters } from "../../src/export/index.ts";
import { initParameters, readModelConfig } from "../../src/models/index.ts";
import { createRandom } from "../../src/support/random.ts";
import { nodeLlamaCpp, prepareLlamaCpp } from "./llama-cpp.fixture.ts";

const tokenizers = "../shared/golden/tokenizers";
const released = "../shared/data/tokenizers";
const canJudge = existsSync(tokenizers) && prepareLlamaCpp();

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "congling-vocabulary-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Case {
  readonly text: string;
  readonly ids: readonly number[];
}

/** A tiny random model around the vocabulary of a golden tokenizer, as a file. */
async function exportWith(name: string, file: string, as: string): Promise<string> {
  const from = join(folder, name);
  await mkdir(from);
  await copyFile(file, join(from, as));
  const vocabulary = await readGgufVocabulary(from);
  const sizes = { vocab_size: vocabulary.tokens.length + 8, hidden_size: 32, intermediate_size: 32 };
  const heads = { num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1 };
  const { family, config } = readModelConfig({ model_type: "llama", ...sizes, ...heads, max_position_embeddings: 64 });
  const parameters = initParameters(family.parameters(config), createRandom(1));
  const to = join(folder, `${name}.gguf`);
  await exportGguf(sourceOfParameters({ family, config, parameters }), to, { type: "f16", vocabulary, verify: false });
  return to;
}

/** Ids of llama.cpp beside the wanted ones, of the texts where they differ. */
async function differences(file: string, cases: readonly Case[]): Promise<unknown[]> {
  const texts = cases.map(({ text }) => text);
  const got = await tokenizeWithLlamaCpp(file, texts, { nodeLlamaCpp });
  expect(got).toHaveLength(cases.length);
  return cases.flatMap(({ text, ids }, i) => (ids.join() === got[i]!.join() ? [] : [{ text, ids, got: got[i] }]));
}

describe.skipIf(!canJudge)("vocabularies in llama.cpp", () => {
  it("byte-level BPE of a tokenizer.json cuts every golden text as Hugging Face does", async () => {
    const file = await exportWith("bytelevel-bpe", `${tokenizers}/bytelevel-bpe.tokenizer.json`, "tokenizer.json");
    const { cases } = JSON.parse(readFileSync(`${tokenizers}/bytelevel-bpe.golden.json`, "utf8")) as { cases: Case[] };
    expect(await differences(file, cases)).toEqual([]);
  });

  it("ChatGLM3's SentencePiece BPE cuts the reference texts as released", async () => {
    const file = await exportWith("chatglm3", `${released}/chatglm3-6b/tokenizer.model`, "tokenizer.model");
    const reference = JSON.parse(readFileSync(`${released}/reference_ids.json`, "utf8"));
    const cases = (reference["chatglm2-6b"].encode as Case[]).map(({ text, ids }) => ({ text, ids: ids.slice(2) })); // [gMASK] sop
    expect(await differences(file, cases)).toEqual([]);
  });

  it.each(["spm-unigram", "spm-bpe"])("refuses %s with the reason: llama.cpp would cut otherwise", async (name) => {
    await mkdir(join(folder, name));
    await copyFile(`${tokenizers}/${name}.model`, join(folder, name, "tokenizer.model"));
    await expect(readGgufVocabulary(join(folder, name))).rejects.toThrow(/is unigram|rewrites text/);
  });
});
