/**
 * CSV by RFC 4180, streamed: fields in double quotes may hold separators, line breaks and doubled quotes; the first row names the
 * columns. A row with another number of fields becomes a line that says so instead of JSON, which the step then sets aside.
 */
import { CongError } from "../../support/index.ts";
import { longestLine, type TextRecord, tooLong } from "./batches.ts";

/** Rows as JSON records by the names of the first row. Throws CongError `BAD_CSV` without a header or with an open quote. */
export async function* csvRows(
  file: string,
  text: AsyncIterable<string>,
  separator: "," | "\t",
): AsyncGenerator<TextRecord> {
  let header: string[] | undefined;
  for await (const { fields, line, raw } of splitRows(file, text, separator)) {
    if (header === undefined) {
      header = fields.map((name) => name.trim());
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
      const isWhole = fields.length === names.length;
      // Not JSON on purpose: it comes out of the step's own check with file, line and this text as the reason.
      const json = isWhole
        ? JSON.stringify(Object.fromEntries(fields.map((field, i) => [names[i]!, field])))
        : `a row of ${fields.length} fields where the header has ${names.length}: ${excerptOf(raw)}`;
      yield { json, line, sourceBytes: Buffer.byteLength(raw) + 1 };
    }
  }
}

const excerptOf = (raw: string): string => raw.slice(0, 200).replace(/[\r\n]+/g, " ");

interface Row {
  readonly fields: string[];
  readonly line: number;
  readonly raw: string;
}

async function* splitRows(file: string, text: AsyncIterable<string>, separator: string): AsyncGenerator<Row> {
  let pending = "";
  let line = 1;
  let scanned = 0;
  let isQuoted = false;
  for await (const part of text) {
    pending += part;
    if (pending.length > longestLine) throw tooLong(file, line);
    let start = 0;
    // A row ends at a line break outside quotes; a doubled quote closes and opens again, which comes to the same.
    for (let at = scanned; at < pending.length; at++) {
      const code = pending.charCodeAt(at);
      if (code === 34) isQuoted = !isQuoted;
      else if (code === 10 && !isQuoted) {
        const raw = pending.slice(start, pending.charCodeAt(at - 1) === 13 ? at - 1 : at);
        yield { fields: splitFields(raw, separator), line, raw };
        line += pending.slice(start, at + 1).split("\n").length - 1;
        start = at + 1;
      }
    }
    pending = pending.slice(start);
    scanned = pending.length;
  }
  if (isQuoted) {
    throw new CongError(
      "BAD_CSV",
      `${file}:${line}: a quote is opened and never closed`,
      { file, line },
      "close it or double it",
    );
  }
  if (pending !== "") yield { fields: splitFields(pending, separator), line, raw: pending };
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
