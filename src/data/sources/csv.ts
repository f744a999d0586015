/**
 * CSV by RFC 4180, streamed: fields in double quotes may hold separators, line breaks and doubled quotes; the first row names the
 * columns. A quote counts only where a field begins, as in Python's and Excel's readers: `5" disk` is text. A row with another number
 * of fields becomes a line that says so instead of JSON, which the step then sets aside; so does a line whose quote is never closed,
 * and what comes after it is read as if it had none.
 */
import { CongError } from "../../support/index.ts";
import { longestLine, type TextRecord, tooLong } from "./batches.ts";
import { invalidMark, notUtf8, unreadableLine } from "./unreadable.ts";

/** Rows as JSON records by the names of the first row. Throws CongError `BAD_CSV` where that names a column twice. */
export async function* csvRows(
  file: string,
  text: AsyncIterable<string>,
  separator: "," | "\t",
): AsyncGenerator<TextRecord> {
  let header: string[] | undefined;
  for await (const { fields, line, raw, fault } of splitRows(file, text, separator)) {
    if (header === undefined) {
      header = fields.map((name) => name.trim());
      if (raw.includes(invalidMark)) {
        throw new CongError(
          "BAD_CSV",
          `${file}: the first row is not valid UTF-8: ${excerptOf(raw).replaceAll(invalidMark, "\ufffd")}`,
          { file },
          "convert the file, for example: iconv -f GB18030 -t UTF-8",
        );
      }
      if (new Set(header).size !== header.length) {
        throw new CongError(
          "BAD_CSV",
          `${file}: the first row does not name the columns: ${excerptOf(raw)}`,
          { file, header },
          "give every column a name of its own in the first row",
        );
      }
    } else if (fields.length === 1 && fields[0] === "") {
      // An empty line between rows.
    } else {
      const names = header;
      const isWhole = fields.length === names.length && fault === undefined;
      const json = raw.includes(invalidMark)
        ? notUtf8(raw)
        : isWhole
          ? JSON.stringify(Object.fromEntries(fields.map((field, i) => [names[i]!, field])))
          : unreadableLine(fault ?? `a row of ${fields.length} fields where the header has ${names.length}`, raw);
      yield { json, line, sourceBytes: Buffer.byteLength(raw) + 1 };
    }
  }
}

const excerptOf = (raw: string): string => raw.slice(0, 200).replace(/[\r\n]+/g, " ");

interface Row {
  readonly fields: string[];
  readonly line: number;
  readonly raw: string;
  /** Why the row cannot be read. */
  readonly fault?: string;
}

const quote = 34;

/**
 * Rows of a stream. An open quote holds everything after it back until the end of the file shows whether it closes; past `longestRow`
 * it is taken for one that does not.
 */
async function* splitRows(file: string, text: AsyncIterable<string>, separator: string): AsyncGenerator<Row> {
  let pending = "";
  let line = 1;
  const take = function* (isEnd: boolean): Generator<Row> {
    let start = 0;
    for (;;) {
      const end = endOfRow(pending, start, separator);
      // An unclosed row is its first line.
      const lineEnd = pending.indexOf("\n", start);
      const isLong = pending.length - start > longestRow && lineEnd >= 0;
      if (end === goesOn && (start >= pending.length || !(isEnd || isLong))) break;
      const stop = end >= 0 ? end : lineEnd < 0 ? pending.length : lineEnd;
      const raw = pending.slice(start, pending.charCodeAt(stop - 1) === 13 && stop > start ? stop - 1 : stop);
      const isQuoteOpen = end < 0 && (lineEnd >= 0 || endOfRow(`${raw}\n`, 0, separator) < 0);
      yield isQuoteOpen
        ? { fields: [], line, raw, fault: "a quote is opened and never closed" }
        : { fields: splitFields(raw, separator), line, raw };
      line += countBreaks(pending, start, stop) + 1;
      start = stop + 1;
    }
    pending = pending.slice(start);
  };
  for await (const part of text) {
    const hadBreak = part.includes("\n");
    pending += part;
    // Without a line break nothing new can be complete; a row is scanned again only then.
    if (hadBreak) yield* take(false);
    if (pending.length > longestLine) throw tooLong(file, line);
  }
  yield* take(true);
}

/** Characters after which a quoted field is taken for one that was never closed. */
const longestRow = 1 << 22;

const goesOn = -1;
const isMismatched = -2;

/**
 * Index of the line feed that ends the row. `goesOn`: behind the text. `isMismatched`: a quoted field runs over lines and is followed by
 * more text, so its first quote was never closed and the one found opens another field.
 */
function endOfRow(text: string, start: number, separator: string): number {
  const cut = separator.charCodeAt(0);
  let isFieldStart = true;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 10) return at;
    if (code === quote && isFieldStart) {
      const opened = at;
      // To the closing quote; a doubled one is text.
      for (at = text.indexOf('"', at + 1); at >= 0 && text.charCodeAt(at + 1) === quote; )
        at = text.indexOf('"', at + 2);
      if (at < 0) return goesOn;
      const next = text.charCodeAt(at + 1); // NaN at the end
      const isClosed = next === cut || next === 10 || next === 13 || Number.isNaN(next);
      if (!isClosed && countBreaks(text, opened, at) > 0) return isMismatched;
    }
    isFieldStart = code === cut;
  }
  return goesOn;
}

function countBreaks(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", start); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

function splitFields(row: string, separator: string): string[] {
  if (!row.includes('"')) return row.split(separator);
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    let field = "";
    if (row[at] === '"') {
      for (at++; ; at++) {
        const end = row.indexOf('"', at);
        field += row.slice(at, end < 0 ? row.length : end);
        at = end < 0 ? row.length : end + 1;
        if (row[at] !== '"') break;
        field += '"';
      }
    }
    const end = row.indexOf(separator, at);
    field += row.slice(at, end < 0 ? row.length : end);
    fields.push(field);
    if (end < 0) return fields;
    at = end + 1;
  }
}
