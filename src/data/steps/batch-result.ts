/** What a task makes of one batch; buffers are handed over between threads, not copied. */
import { type StepReport, tally } from "../report.ts";
import type { BadLine, Batch, ParsedRecord } from "../sources/index.ts";

export interface BatchResult {
  readonly file: string;
  /** JSON lines that go on. */
  readonly output: Uint8Array<ArrayBuffer>;
  /** JSON lines set aside: `{file, line, reason, record}` or, for what could not be read, `{file, line, reason, raw}`. */
  readonly rejected: Uint8Array<ArrayBuffer>;
  readonly report: StepReport;
  /** For steps that decide with all records in view: what they need to know about each of `output`. */
  readonly signed?: SignedRecords;
  /** For each record of the output the evaluation record it shares a run with, numbered from 1; 0 for none. */
  readonly owners?: Uint32Array<ArrayBuffer>;
}

/** Typed columns, one entry a record of the output. */
export interface SignedRecords {
  /** Where each record's line ends in `output`. */
  readonly ends: Uint32Array<ArrayBuffer>;
  /** Line in the input file. */
  readonly lines: Uint32Array<ArrayBuffer>;
  /** Two halves of the hash of each text, "spacing" folding. */
  readonly hashes: Uint32Array<ArrayBuffer>;
  /** `signatureRows` bytes each; all zero where the text is too short for near-duplicate search. */
  readonly signatures: Uint8Array<ArrayBuffer>;
  /** Texts in "loose" folding, one after the other; empty where too short. */
  readonly units: Uint16Array<ArrayBuffer>;
  readonly unitEnds: Uint32Array<ArrayBuffer>;
  /** Two halves for every line of the text that is long enough to count; only with `byLine`. */
  readonly lineHashes: Uint32Array<ArrayBuffer>;
  /** Number of the line within the text, beside each of `lineHashes`. */
  readonly lineNumbers: Uint32Array<ArrayBuffer>;
  readonly lineEnds: Uint32Array<ArrayBuffer>;
}

/** All buffers of a result, to hand over. */
export function transferables(result: BatchResult): ArrayBuffer[] {
  const columns =
    result.signed === undefined
      ? []
      : Object.values(result.signed as unknown as Record<string, Uint8Array<ArrayBuffer>>);
  const owners = result.owners === undefined ? [] : [result.owners];
  return [result.output, result.rejected, ...owners, ...columns].map(({ buffer }) => buffer);
}

const encoder = new TextEncoder();
/** Lines as bytes, in a buffer of their own (Node keeps small ones in a shared pool, which cannot be handed over). */
export function encodeLines(lines: readonly string[]): Uint8Array<ArrayBuffer> {
  if (lines.length === 0) return new Uint8Array(0);
  return new Uint8Array(encoder.encode(`${lines.join("\n")}\n`));
}

/** Collects the results of one batch. */
export function createCollector(batch: Batch, report: StepReport) {
  const output: string[] = [];
  const rejected: string[] = [];
  report.bytesIn += batch.sourceBytes;
  return {
    report,
    /** A record that goes on. */
    keep(value: unknown): void {
      report.recordsIn++;
      report.recordsOut++;
      output.push(JSON.stringify(value));
    },
    /** A record taken out. `text` is what the example shows. */
    remove({ line, value }: ParsedRecord, reason: string, text: string): void {
      report.recordsIn++;
      tally(report.removed, reason, { file: batch.file, line, text });
      rejected.push(JSON.stringify({ file: batch.file, line, reason, record: value }));
    },
    /** A line that could not be read. */
    reject({ line, reason, raw }: BadLine): void {
      report.recordsIn++;
      const stated = `unreadable: ${reason}`;
      tally(report.removed, stated, { file: batch.file, line, text: raw });
      rejected.push(JSON.stringify({ file: batch.file, line, reason: stated, raw }));
    },
    /** Lines of the output so far. */
    output,
    finish(): BatchResult {
      const bytes = encodeLines(output);
      report.bytesOut += bytes.length;
      return { file: batch.file, output: bytes, rejected: encodeLines(rejected), report };
    },
  };
}

/** Why a record goes; `note` says what it is like. */
export interface Removal {
  readonly reason: string;
  readonly note?: string;
}

/**
 * Takes records out of a result, or changes them: `judge` says for each why it goes, or gives the bytes of the line to write instead,
 * or undefined to keep it. `units` is the record's folded text.
 */
export function removeRecords(
  result: BatchResult,
  judge: (index: number, units: Uint16Array, report: StepReport) => Removal | Uint8Array | undefined,
): BatchResult {
  const signed = result.signed!;
  const report = { ...result.report, recordsOut: 0, bytesOut: 0 };
  const kept: Uint8Array[] = [];
  const rejected: string[] = [];
  forEachSigned(signed, (index, units) => {
    const bytes = recordBytes(result, index);
    const verdict = judge(index, units, report);
    if (verdict === undefined || verdict instanceof Uint8Array) {
      kept.push(verdict ?? bytes);
      report.recordsOut++;
      return;
    }
    const { reason, note } = verdict;
    const json = new TextDecoder().decode(bytes).trimEnd();
    const place = { file: result.file, line: signed.lines[index]! };
    tally(report.removed, reason, { ...place, text: mainText(json), ...(note === undefined ? {} : { note }) });
    const stated = JSON.stringify({ ...place, reason: note === undefined ? reason : `${reason}: ${note}` });
    rejected.push(`${stated.slice(0, -1)},"record":${json}}`);
  });
  const output = concatenate(kept);
  report.bytesOut = output.length;
  return { file: result.file, output, rejected: concatenate([result.rejected, encodeLines(rejected)]), report };
}

/** Calls back with every record's number and folded text. */
export function forEachSigned(signed: SignedRecords, visit: (index: number, units: Uint16Array) => void): void {
  let start = 0;
  for (let index = 0; index < signed.ends.length; index++) {
    const end = signed.unitEnds[index]!;
    visit(index, signed.units.subarray(start, end));
    start = end;
  }
}

/** The line of one record, its line feed included. */
export function recordBytes({ output, signed }: BatchResult, index: number): Uint8Array {
  return output.subarray(index === 0 ? 0 : signed!.ends[index - 1]!, signed!.ends[index]!);
}

/** The text of a record that people want to see: `text`, else its longest one. */
export function mainText(json: string): string {
  const record = JSON.parse(json) as Record<string, unknown>;
  if (typeof record.text === "string") return record.text;
  const texts = Object.values(record).filter((value) => typeof value === "string");
  return texts.sort((a, b) => b.length - a.length)[0] ?? json;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
