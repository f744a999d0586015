/** Word segmentation by jieba, loaded when it is first asked for (dictionary of 349,046 words, about 0.4 s). */
import { CongError } from "../../support/index.ts";
import type { Segmenter } from "./augment-text.ts";

/** Throws `MISSING_PACKAGE` where the package has no build for this machine. */
export async function loadSegmenter(): Promise<Segmenter> {
  try {
    const { Jieba } = await import("@node-rs/jieba");
    const { dict } = await import("@node-rs/jieba/dict.js");
    const jieba = Jieba.withDict(dict);
    return (text) => jieba.cut(text, true);
  } catch (error) {
    throw new CongError(
      "MISSING_PACKAGE",
      `cannot load @node-rs/jieba: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
      "npm install @node-rs/jieba",
    );
  }
}
