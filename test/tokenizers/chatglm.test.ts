/** The released tokenizers of ChatGLM-6B, ChatGLM2 and ChatGLM3 against ids of their reference implementation. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  chatGlm2Tokenizer,
  chatGlm3Tokenizer,
  chatGlm6bTokenizer,
  detectChatGlm,
} from "../../src/tokenizers/chatglm/index.ts";
import { parseSentencePieceModel } from "../../src/tokenizers/sentencepiece/index.ts";

const folder = new URL("../../../shared/data/tokenizers/", import.meta.url);
const read = (name: string): Buffer => readFileSync(new URL(name, folder));

interface Encoding {
  readonly text: string;
  readonly ids: readonly number[];
}
interface Reference {
  readonly "chatglm-6b": { readonly encode: readonly Encoding[] };
  readonly "chatglm2-6b": { readonly encode: readonly Encoding[] };
  readonly "chatglm3-6b": { readonly encode: readonly Encoding[] };
}

describe.skipIf(!existsSync(folder))("released ChatGLM tokenizers", () => {
  const reference = (): Reference => JSON.parse(read("reference_ids.json").toString());

  test.each([
    ["chatglm-6b", "chatglm-6b/ice_text.model", chatGlm6bTokenizer, "chatglm-6b"],
    ["chatglm2-6b", "chatglm3-6b/tokenizer.model", chatGlm2Tokenizer, "chatglm3"],
    ["chatglm3-6b", "chatglm3-6b/tokenizer.model", chatGlm3Tokenizer, "chatglm3"],
  ] as const)("%s: ids of the reference texts, and the texts back", (name, file, make, detected) => {
    const model = parseSentencePieceModel(read(file));
    expect(detectChatGlm(model)).toBe(detected);
    const tokenizer = make(model);
    const cases = reference()[name].encode;
    expect(cases.length).toBeGreaterThan(0);
    for (const { text, ids } of cases) {
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });

  test("chatglm-6b: layout comes back whatever its length", () => {
    const tokenizer = chatGlm6bTokenizer(read("chatglm-6b/ice_text.model"));
    for (const length of [1, 2, 3, 79, 80, 81, 82, 160, 161, 163, 240]) {
      const text = `a${" ".repeat(length)}b\n\n\tc`;
      const ids = tokenizer.encode(text, { addSpecialTokens: false });
      expect(tokenizer.decode(ids)).toBe(text);
      expect(tokenizer.encode(text)).toEqual([...ids, 130001, 130004]);
    }
  });

  test("user text never becomes a control token, and does when the caller says so", () => {
    for (const [make, file, spelled] of [
      [chatGlm6bTokenizer, "chatglm-6b/ice_text.model", "[gMASK]<sop><eop></s><pad>[MASK]"],
      [chatGlm3Tokenizer, "chatglm3-6b/tokenizer.model", "[gMASK]sop<|user|><|observation|></s><s><unk>"],
    ] as const) {
      const tokenizer = make(read(file));
      const special = new Set(tokenizer.specialTokens.values());
      const plain = tokenizer.encode(spelled, { addSpecialTokens: false });
      expect(plain.filter((id) => special.has(id))).toEqual([]);
      const meant = tokenizer.encode(spelled, { addSpecialTokens: false, special: "all" });
      expect(meant.filter((id) => special.has(id)).length).toBeGreaterThan(3);
      expect(tokenizer.decode(meant, { skipSpecialTokens: false }).startsWith("[gMASK]")).toBe(true);
    }
  });
});
