/** Text files as a stream of lines, each with its end, as trainers read them. A file of any size takes the memory of its longest line. */
import { createReadStream } from "node:fs";
import { CongError } from "../../support/index.ts";

/** Longest line kept whole: a file without line ends must not fill the memory. */
const longestLine = 1 << 24;

/** Lines of one or more UTF-8 files. Invalid bytes become U+FFFD. */
export async function* linesOf(...paths: readonly string[]): AsyncGenerator<string> {
  for (const path of paths) {
    let rest = "";
    try {
      for await (const chunk of createReadStream(path, { encoding: "utf8", highWaterMark: 1 << 18 })) {
        const text = rest + (chunk as string);
        let start = 0;
        for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
          yield text.slice(start, end + 1);
          start = end + 1;
        }
        rest = text.slice(start);
        if (rest.length < longestLine) continue;
        yield rest;
        rest = "";
      }
    } catch (error) {
      if (CongError.is(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new CongError(
        "FILE_READ_FAILED",
        `cannot read ${path}: ${reason}`,
        { path },
        "check the path and its permissions",
      );
    }
    if (rest !== "") yield rest;
  }
}
