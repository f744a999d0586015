/** Traditional to simplified characters with opencc-js, loaded only when it is asked for (about 1 MB of tables). */
import { CongError } from "../../support/index.ts";

export type Simplifier = (text: string) => string;

/** Lossy: 於 and 于, 隻 and 只 become one character each. Text that is simplified already stays, but for words such as 著. */
export async function loadSimplifier(): Promise<Simplifier> {
  try {
    const { Converter } = await import("opencc-js/t2cn");
    return Converter({ from: "t", to: "cn" });
  } catch (error) {
    throw new CongError(
      "MISSING_PACKAGE",
      `cannot load opencc-js: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
      "npm install opencc-js",
    );
  }
}
