/**
 * Files as a stream of batches of records, whatever their extension: `.jsonl`/`.ndjson`, `.json` (one array), `.csv`/`.tsv`, `.txt` and
 * everything else as text, each also with `.gz`.
 *
 * A batch is a few thousand lines of bytes, cut where the content says and not where the disk does: the same files always give the same
 * batches, which is what lets a step resume. Lines are decoded and parsed by whoever gets the batch, so that this happens in threads.
 */
import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { CongError } from "../../support/index.ts";
import { csvRows } from "./csv.ts";
import { jsonArrayItems } from "./json-array.ts";
import { invalidMark, notUtf8, unreadableLine } from "./unreadable.ts";

/** Records of one file. */
export interface Batch {
  readonly file: string;
  /** "json": a JSON record a line. "text": a text a line. */
  readonly kind: "json" | "text";
  /** Whole lines, each ended by a line feed. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each line of `bytes` stood in the file, from 1. */
  readonly lines: Uint32Array<ArrayBuffer>;
  /** Bytes of the (uncompressed) file that this batch covers. */
  readonly sourceBytes: number;
}

/** What one record of a text file is. A paragraph ends at an empty line. */
export type TextUnit = "line" | "paragraph" | "document";

export interface ReadOptions {
  /** Default "line". */
  readonly textUnit?: TextUnit;
  /** Kind of file where the extension does not say it. */
  readonly fileType?: FileType;
  /** Bytes after which a batch ends with its line; default 1 MiB. */
  readonly batchBytes?: number;
  /** Bytes beyond which a line is set aside unread; default 256 MiB. */
  readonly lineBytes?: number;
}

export type FileType = "jsonl" | "json" | "csv" | "tsv" | "text";

/** Longest line or record, in bytes: a longer one would fill the memory. */
export const longestLine = 1 << 28;

/** Bytes of a line that is too long which are kept beside the reason. */
const longLineStart = 1 << 10;

const lineFeed = 10;

/** The type of a file by its name. */
export function fileTypeOf(path: string): FileType {
  const name = path.toLowerCase().replace(/\.gz$/, "");
  if (/\.(?:jsonl|ndjson)$/.test(name)) return "jsonl";
  if (name.endsWith(".json")) return "json";
  if (name.endsWith(".csv")) return "csv";
  return name.endsWith(".tsv") ? "tsv" : "text";
}

/**
 * Batches of one file. A line that is too long is set aside; a JSON array's item, a CSV row or a paragraph of that length ends the reading.
 * @throws CongError `PATH_NOT_FOUND`, `BAD_GZIP`, `BAD_JSON`, `LINE_TOO_LONG`
 */
export async function* readBatches(path: string, options: ReadOptions = {}): AsyncGenerator<Batch, void> {
  const { textUnit = "line", batchBytes = 1 << 20, lineBytes = longestLine } = options;
  const type = options.fileType ?? fileTypeOf(path);
  const chunks = bytesOf(path);
  if (type === "jsonl" || (type === "text" && textUnit === "line")) {
    yield* lineBatches(path, type === "jsonl" ? "json" : "text", chunks, batchBytes, lineBytes);
  } else {
    yield* recordBatches(path, records(path, type, textUnit, chunks), batchBytes);
  }
}

/** The uncompressed bytes of a file. A byte order mark at the start is dropped. */
export async function* bytesOf(path: string): AsyncGenerator<Uint8Array, void> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  const source = path.toLowerCase().endsWith(".gz") ? file.pipe(createGunzip({ chunkSize: 1 << 18 })) : file;
  file.on("error", (error) => source.destroy(error));
  let isFirst = true;
  try {
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      const hasMark = isFirst && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf;
      isFirst = false;
      yield hasMark ? chunk.subarray(3) : chunk;
    }
  } catch (error) {
    throw readError(path, error);
  } finally {
    file.destroy();
  }
}

async function* lineBatches(
  file: string,
  kind: Batch["kind"],
  chunks: AsyncIterable<Uint8Array>,
  batchBytes: number,
  lineBytes: number,
): AsyncGenerator<Batch, void> {
  let parts: Uint8Array[] = [];
  let size = 0;
  let line = 1;
  /** The beginning and the size of a line that is too long, while it is passed over. */
  let long: { readonly start: string; size: number } | undefined;
  const close = (): Batch => {
    // One byte more than there may be, for the line feed that the last line of a file may lack.
    const bytes = new Uint8Array(size + 1);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    if (bytes[at - 1] !== lineFeed) bytes[at++] = lineFeed;
    const count = countLines(bytes.subarray(0, at));
    const lines = Uint32Array.from({ length: count }, (_, i) => line + i);
    line += count;
    parts = [];
    const sourceBytes = size;
    size = 0;
    return { file, kind, bytes: at === bytes.length ? bytes : bytes.slice(0, at), lines, sourceBytes };
  };
  const closeLong = ({ start, size: sourceBytes }: { readonly start: string; readonly size: number }): Batch => {
    long = undefined;
    const reason = `a line of more than ${lineBytes / 2 ** 20} MiB, of which this is the beginning`;
    const bytes = new Uint8Array(new TextEncoder().encode(`${unreadableLine(reason, start)}\n`));
    // JSON also in a text file: the mark of what could not be read is known there.
    return { file, kind: "json", bytes, lines: Uint32Array.of(line++), sourceBytes };
  };
  for await (const chunk of chunks) {
    let start = 0;
    if (long !== undefined) {
      const end = chunk.indexOf(lineFeed);
      start = end < 0 ? chunk.length : end + 1;
      long.size += start;
      if (end >= 0) yield closeLong(long);
    }
    while (start < chunk.length) {
      const missing = Math.max(0, batchBytes - size - 1);
      const end = chunk.indexOf(lineFeed, Math.min(chunk.length, start + missing));
      const part = chunk.subarray(start, end < 0 ? chunk.length : end + 1);
      parts.push(part);
      size += part.length;
      start += part.length;
      if (end >= 0) yield close();
      else if (size > lineBytes + batchBytes) {
        const cut = cutUnfinished(parts);
        const length = cut.unfinished.reduce((sum, part) => sum + part.length, 0);
        long = { start: Buffer.concat(cut.unfinished, Math.min(length, longLineStart)).toString("utf8"), size: length };
        parts = cut.whole;
        size -= length;
        if (size > 0) yield close();
        parts = [];
      }
    }
  }
  if (long !== undefined) yield closeLong(long);
  if (size > 0) yield close();
}

/** Parts up to their last line feed, and those of the line that begins behind it. */
function cutUnfinished(parts: readonly Uint8Array[]): { whole: Uint8Array[]; unfinished: Uint8Array[] } {
  const last = parts.findLastIndex((part) => part.includes(lineFeed));
  if (last < 0) return { whole: [], unfinished: [...parts] };
  const end = parts[last]!.lastIndexOf(lineFeed) + 1;
  return {
    whole: [...parts.slice(0, last), parts[last]!.subarray(0, end)],
    unfinished: [parts[last]!.subarray(end), ...parts.slice(last + 1)],
  };
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) count++;
  return count;
}

/** A record as JSON text with the line it began on. */
export interface TextRecord {
  readonly json: string;
  readonly line: number;
  /** How many bytes of the file it covers, about. */
  readonly sourceBytes: number;
}

async function* recordBatches(
  file: string,
  source: AsyncIterable<TextRecord>,
  batchBytes: number,
): AsyncGenerator<Batch, void> {
  let texts: string[] = [];
  let lines: number[] = [];
  let units = 0;
  let sourceBytes = 0;
  const close = (): Batch => {
    texts.push("");
    const batch: Batch = {
      file,
      kind: "json",
      bytes: new Uint8Array(new TextEncoder().encode(texts.join("\n"))),
      lines: Uint32Array.from(lines),
      sourceBytes,
    };
    texts = [];
    lines = [];
    units = 0;
    sourceBytes = 0;
    return batch;
  };
  for await (const record of source) {
    texts.push(record.json);
    lines.push(record.line);
    units += record.json.length;
    sourceBytes += record.sourceBytes;
    if (units >= batchBytes / 2) yield close();
  }
  if (texts.length > 0) yield close();
}

function records(
  path: string,
  type: FileType,
  unit: TextUnit,
  chunks: AsyncIterable<Uint8Array>,
): AsyncIterable<TextRecord> {
  const text = decoded(chunks);
  if (type === "json") return jsonArrayItems(path, text);
  if (type === "csv" || type === "tsv") return csvRows(path, text, type === "csv" ? "," : "\t");
  return textRecords(path, text, unit);
}

/**
 * Text of a stream. What is not UTF-8 becomes `invalidMark`, so that the record it is in can be set aside; a replacement character that
 * the file itself holds stays one.
 */
async function* decoded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    // The last character may go on in the next chunk: it begins in the last four bytes with one that is no continuation.
    let end = bytes.length;
    for (let at = end - 1; at >= Math.max(0, end - 4) && end === bytes.length; at--)
      if ((bytes[at]! & 0xc0) === 0xc0) end = at;
      else if (bytes[at]! < 0x80) break;
    rest = bytes.subarray(end);
    yield textOf(bytes.subarray(0, end));
  }
  if (rest.length > 0) yield textOf(rest);
}

function textOf(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  if (!text.includes("\ufffd") || isUtf8(bytes)) return text;
  const parts = bytes.toString("latin1").split("\xef\xbf\xbd");
  return parts
    .map((part) => Buffer.from(part, "latin1").toString("utf8").replaceAll("\ufffd", invalidMark))
    .join("\ufffd");
}

async function* textRecords(path: string, text: AsyncIterable<string>, unit: TextUnit): AsyncGenerator<TextRecord> {
  let pending = "";
  let line = 1;
  const record = (value: string): TextRecord => {
    const lead = /^\s*/.exec(value)![0];
    return {
      json: value.includes(invalidMark) ? notUtf8(value.trim()) : JSON.stringify({ text: value.trim() }),
      line: line + countBreaks(lead),
      sourceBytes: Buffer.byteLength(value),
    };
  };
  for await (const part of text) {
    pending += part;
    if (pending.length > longestLine) throw tooLong(path, line);
    if (unit === "document") continue;
    const pieces = pending.split(/(?<=\n[ \t\r]*\n)/);
    // The last piece may go on in the next part, and a break cut in two is put together again.
    pending = pieces.pop() ?? "";
    for (const piece of pieces) {
      if (piece.trim() !== "") yield record(piece);
      line += countBreaks(piece);
    }
  }
  if (pending.trim() !== "") yield record(pending);
}

const countBreaks = (text: string): number => text.split("\n").length - 1;

/** The error for a line that no memory should hold. */
export function tooLong(file: string, line: number): CongError {
  return new CongError(
    "LINE_TOO_LONG",
    `${file}:${line}: a line or record of more than ${longestLine >> 20} MiB`,
    { file, line },
    "one record a line is expected: check the file's type, or name it with --type",
  );
}

function readError(path: string, error: unknown): unknown {
  if (CongError.is(error)) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") {
    return new CongError("PATH_NOT_FOUND", `there is no file ${path}`, { path }, "check the path");
  }
  if (code === "EISDIR")
    return new CongError("PATH_NOT_FOUND", `${path} is a folder`, { path }, "name the files in it");
  if (code?.startsWith("Z_")) {
    return new CongError(
      "BAD_GZIP",
      `${path} is not a whole gzip file: ${message}`,
      { path },
      "fetch or pack it again",
    );
  }
  return new CongError(
    "FILE_READ_FAILED",
    `cannot read ${path}: ${message}`,
    { path, cause: error },
    "see the reason above",
  );
}
