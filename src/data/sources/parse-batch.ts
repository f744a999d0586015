/** A batch of lines as parsed records, each with its format; what cannot be read comes out with the reason. */
import { isJsonObject, type JsonObject, kindOf } from "../json.ts";
import type { Batch } from "./batches.ts";
import { BadRecord, detectFormat, type RecordFormat, recordFormat, type TextSlot } from "./formats.ts";
import { type ColumnMapping, columnMapper } from "./registry.ts";
import { readUnreadable } from "./unreadable.ts";

/** How to read records; plain data, so that it travels to threads. */
export interface ParseSettings {
  /** Name of the record format; default: found by each record's fields. */
  readonly format?: string;
  readonly mapping?: ColumnMapping;
}

export interface ParsedRecord {
  readonly line: number;
  readonly value: JsonObject;
  readonly format: RecordFormat;
  readonly slots: readonly TextSlot[];
}

export interface BadLine {
  readonly line: number;
  readonly reason: string;
  readonly raw: string;
}

/** Calls `onRecord` or `onBad` for every line in order; empty lines are skipped and not counted. */
export function createBatchParser(settings: ParseSettings) {
  const named = settings.format === undefined ? undefined : recordFormat(settings.format);
  const map = settings.mapping === undefined ? undefined : columnMapper(settings.mapping);
  return (batch: Batch, onRecord: (record: ParsedRecord) => void, onBad: (bad: BadLine) => void): void => {
    forEachLine(batch, (raw, line, isValid) => {
      if (raw.trim() === "") return;
      const told = batch.kind === "json" ? readUnreadable(raw) : undefined;
      if (told !== undefined) {
        onBad({ line, ...told });
        return;
      }
      try {
        if (!isValid) throw new BadRecord("not valid UTF-8");
        const parsed = batch.kind === "text" ? { text: raw } : parseLine(raw);
        const value = map === undefined ? parsed : map(parsed);
        const format = named ?? detectFormat(value);
        if (format === undefined) throw unknownFields(value);
        onRecord({ line, value, format, slots: format.slots(value) });
      } catch (error) {
        if (!(error instanceof BadRecord)) throw error;
        onBad({ line, reason: error.message, raw });
      }
    });
  };
}

function parseLine(raw: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch (error) {
    // V8 quotes the text; the reason alone groups equal faults in the report.
    const reason = (error as Error).message.replace(/,? ?(?:\.\.\.)?".*$/s, "").replace(/ at position \d+.*$/s, "");
    throw new BadRecord(`not JSON: ${reason}`);
  }
  if (!isJsonObject(value)) throw new BadRecord(`${kindOf(value)}, wanted a record`);
  return value;
}

function unknownFields(value: JsonObject): BadRecord {
  const fields = Object.keys(value).slice(0, 8).join(", ");
  return new BadRecord(`no known format has the fields ${fields || "(none)"}`);
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8");

function forEachLine(batch: Batch, visit: (raw: string, line: number, isValid: boolean) => void): void {
  const whole = tryDecode(batch.bytes);
  let start = 0;
  for (const line of batch.lines) {
    if (whole !== undefined) {
      const end = whole.indexOf("\n", start);
      visit(withoutReturn(whole.slice(start, end)), line, true);
      start = end + 1;
    } else {
      const end = batch.bytes.indexOf(10, start);
      const bytes = batch.bytes.subarray(start, end);
      const text = tryDecode(bytes);
      visit(withoutReturn(text ?? lenient.decode(bytes)), line, text !== undefined);
      start = end + 1;
    }
  }
}

const withoutReturn = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);

function tryDecode(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
