/** What deduplication needs to know about each record: hashes, signatures and folded texts. Removes nothing itself. */
import { foldInto } from "../dedupe/fold.ts";
import { signatureInto, signatureRows } from "../dedupe/minhash.ts";
import { shinglesInto } from "../dedupe/shingles.ts";
import { textHash } from "../dedupe/text-hash.ts";
import { createReport } from "../report.ts";
import { type Batch, createBatchParser, type ParseSettings } from "../sources/index.ts";
import { type BatchResult, createCollector } from "./batch-result.ts";

export interface SignSettings {
  /** Prepare for near duplicates. */
  readonly near: boolean;
  /** Fewest characters, folded, from which texts are compared for likeness. */
  readonly nearMinimum: number;
  /** Prepare for repeated lines. */
  readonly byLine: boolean;
  /** Fewest characters of a line that counts. */
  readonly lineMinimum: number;
}

export async function createSignTask(
  settings: SignSettings,
  parse: ParseSettings,
): Promise<(batch: Batch) => BatchResult> {
  const parseBatch = createBatchParser(parse);
  let folded = new Uint16Array(1 << 12);
  let shingles = new Uint32Array(1 << 12);
  return (batch) => {
    const collector = createCollector(batch, createReport("dedupe"));
    const { near, nearMinimum, byLine, lineMinimum } = settings;
    const most = batch.lines.length;
    const lines = new Uint32Array(most);
    const hashes = new Uint32Array(2 * most);
    const signatures = new Uint8Array(near ? signatureRows * most : 0);
    const unitEnds = new Uint32Array(most);
    // Characters are never more than the bytes they came in, but for records that were renamed.
    let units = new Uint16Array(near ? batch.bytes.length : 0);
    let unitCount = 0;
    const lineHashes: number[] = [];
    const lineNumbers: number[] = [];
    const lineEnds = new Uint32Array(most);
    let count = 0;
    parseBatch(
      batch,
      (record) => {
        const text = record.slots.map(({ holder, key }) => holder[key] as string).join("\n");
        if (folded.length < text.length) {
          folded = new Uint16Array(2 * text.length);
          shingles = new Uint32Array(2 * text.length);
        }
        const length = foldInto(text, "spacing", folded);
        hashes.set(textHash(folded, 0, length), 2 * count);
        if (near) {
          const looseLength = foldInto(text, "loose", folded);
          if (looseLength >= nearMinimum) {
            const shingleCount = shinglesInto(folded, 0, looseLength, shingles);
            if (shingleCount > 0) {
              signatureInto(shingles, shingleCount, signatures, signatureRows * count);
              if (unitCount + looseLength > units.length) units = grown(units, unitCount + looseLength);
              units.set(folded.subarray(0, looseLength), unitCount);
              unitCount += looseLength;
            }
          }
        }
        unitEnds[count] = unitCount;
        if (byLine && record.format.name === "text") {
          text.split("\n").forEach((line, number) => {
            const lineLength = foldInto(line, "spacing", folded);
            if (lineLength < lineMinimum) return;
            lineHashes.push(...textHash(folded, 0, lineLength));
            lineNumbers.push(number);
          });
        }
        lineEnds[count] = lineNumbers.length;
        lines[count++] = record.line;
        collector.keep(record.value);
      },
      collector.reject,
    );
    const result = collector.finish();
    return {
      ...result,
      signed: {
        ends: lineEndings(result.output, count),
        lines: lines.slice(0, count),
        hashes: hashes.slice(0, 2 * count),
        signatures: near ? signatures.slice(0, signatureRows * count) : signatures,
        units: units.slice(0, unitCount),
        unitEnds: unitEnds.slice(0, count),
        lineHashes: Uint32Array.from(lineHashes),
        lineNumbers: Uint32Array.from(lineNumbers),
        lineEnds: lineEnds.slice(0, count),
      },
    };
  };
}

function grown(units: Uint16Array<ArrayBuffer>, needed: number): Uint16Array<ArrayBuffer> {
  const larger = new Uint16Array(2 * needed);
  larger.set(units);
  return larger;
}

/** Where each of `count` lines ends in the bytes, its line feed included. */
export function lineEndings(bytes: Uint8Array, count: number): Uint32Array<ArrayBuffer> {
  const ends = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    at = bytes.indexOf(10, at) + 1;
    ends[i] = at;
  }
  return ends;
}
