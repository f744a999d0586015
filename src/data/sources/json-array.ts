/** The items of one big JSON array, or of JSON lines under the name .json, streamed: only the item being read is in memory. */
import { CongError } from "../../support/index.ts";
import { longestLine, type TextRecord, tooLong } from "./batches.ts";
import { invalidMark, notUtf8 } from "./unreadable.ts";

/**
 * Items are found by counting brackets outside strings and are not parsed here: a broken one is set aside later. A file without an
 * array is a record, or one after the other; when the first stands on one line, as in ADGEN's train.json, every line is taken for one.
 * Throws CongError `BAD_JSON` when brackets or quotes stay open at the end.
 */
export async function* jsonArrayItems(file: string, text: AsyncIterable<string>): AsyncGenerator<TextRecord> {
  let pending = "";
  let scanned = 0;
  let line = 1;
  let itemLine = 1;
  let start = -1; // where the present item begins in `pending`
  let depth = 0;
  let isString = false;
  let isEscaped = false;
  let isArray: boolean | undefined;
  let isLines = false;

  const item = (end: number): TextRecord => {
    const raw = pending.slice(start, end);
    start = -1;
    // Line breaks between the tokens of an item mean nothing; inside strings JSON has none.
    const json = raw.includes(invalidMark) ? notUtf8(raw) : raw.replace(/[\r\n]+/g, " ").trim();
    return { json, line: itemLine, sourceBytes: Buffer.byteLength(raw) + 1 };
  };

  for await (const part of text) {
    pending += part;
    if (pending.length > longestLine) throw tooLong(file, itemLine);
    for (let at = scanned; at < pending.length; at++) {
      const code = pending.charCodeAt(at);
      if (code === 10) {
        line++;
        if (isLines && start >= 0) {
          yield item(at);
          depth = 0;
          isString = false;
          isEscaped = false;
          continue;
        }
      }
      if (isString) {
        if (isEscaped) isEscaped = false;
        else if (code === 92) isEscaped = true;
        else if (code === 34) isString = false;
        continue;
      }
      if (code === 32 || code === 10 || code === 13 || code === 9) continue;
      if (isArray === undefined) {
        isArray = code === 91;
        if (isArray) continue;
      }
      const isEnd = depth === 0 && isArray && (code === 44 || code === 93);
      if (isEnd) {
        if (start >= 0) yield item(at);
        continue;
      }
      if (start < 0) {
        start = at;
        itemLine = line;
      }
      if (code === 34) isString = true;
      else if (code === 91 || code === 123) depth++;
      else if (code === 93 || code === 125) {
        depth--;
        if (depth > 0 || isArray || isLines) continue;
        isLines = itemLine === line;
        yield item(at + 1);
      }
    }
    const from = start < 0 ? pending.length : start;
    pending = pending.slice(from);
    if (start >= 0) start = 0;
    scanned = pending.length;
  }
  if ((isString || depth > 0) && !isLines) {
    throw new CongError(
      "BAD_JSON",
      `${file}:${itemLine}: the file ends inside a record`,
      { file, line: itemLine },
      "the file is cut off: fetch it again",
    );
  }
  if (start >= 0) yield item(pending.length);
}
