/**
 * Removes duplicates from files: exact ones, near ones and, on request, lines that stood in an earlier text. Of several alike the first
 * stays; a text is compared with those that stayed.
 */
import { checkInteger, checkRange } from "../../support/index.ts";
import { excerpt, type StepReport, tally } from "../report.ts";
import {
  type BatchResult,
  encodeLines,
  forEachSigned,
  mainText,
  type Removal,
  recordBytes,
  removeRecords,
  type SignedRecords,
} from "../steps/batch-result.ts";
import { runStep, type Sink, type StepOptions } from "../steps/run-step.ts";
import { fold } from "./fold.ts";
import { signatureInto, signatureRows } from "./minhash.ts";
import { NearIndex } from "./near-index.ts";
import { shinglesInto } from "./shingles.ts";
import { HashSet, type TextHash, textHash } from "./text-hash.ts";
import { TextSpool } from "./text-spool.ts";

export interface DedupeSettings {
  /** Remove near duplicates; default true. */
  readonly near?: boolean;
  /**
   * Least Jaccard similarity of the shingles (bigrams of Han characters, 4-grams of others) of near duplicates; default 0.35, which a
   * text reaches when about a quarter of its Han characters are edited.
   */
  readonly threshold?: number;
  /** Fewest characters from which texts are compared for likeness: short texts of one pattern are alike and yet say different things. Default 100. */
  readonly nearMinimum?: number;
  /** Remove lines that stood before; default false. */
  readonly byLine?: boolean;
  /** Fewest characters of such a line; default 12. */
  readonly lineMinimum?: number;
}

export type DedupeOptions = Pick<StepOptions<"sign">, "inputs" | "output" | "threads" | "partBytes" | "progress"> &
  DedupeSettings;

/** Deduplicates files into one. Memory: 16 bytes a kept text, and about 430 more where it is long enough for `near`. */
export async function dedupe(options: DedupeOptions): Promise<StepReport> {
  const { near = true, threshold = 0.35, nearMinimum = 100, byLine = false, lineMinimum = 12, ...rest } = options;
  checkRange("dedupe", { threshold }, { min: 0.1, max: 1 });
  checkInteger("dedupe", { nearMinimum, lineMinimum }, { min: 1 });
  const sink = new DedupeSink(near, threshold, nearMinimum);
  return runStep({
    ...rest,
    step: "dedupe",
    task: "sign",
    settings: { near, nearMinimum, byLine, lineMinimum },
    identity: threshold,
    sink,
  });
}

/** What a text is compared by. */
interface Fingerprint {
  readonly hash: TextHash;
  /** Folded text; empty where it is too short to be like another. */
  readonly units: Uint16Array;
  readonly signatures: Uint8Array;
  /** Where its signature begins. */
  readonly at: number;
}

/**
 * A class because it owns the index and its file while the step runs.
 *
 * Everything it remembers comes from texts that were kept, as they were kept: so a resumed run, which has only those to read again,
 * judges as an uninterrupted one does.
 */
export class DedupeSink implements Sink {
  readonly #exact = new HashSet();
  readonly #lines = new HashSet();
  readonly #near: NearIndex | undefined;
  readonly #spool: TextSpool | undefined;
  readonly #nearMinimum: number;

  constructor(near: boolean, threshold: number, nearMinimum: number) {
    this.#nearMinimum = nearMinimum;
    if (!near) return;
    this.#spool = new TextSpool();
    this.#near = new NearIndex(threshold, this.#spool);
  }

  dispose(): void {
    this.#spool?.dispose();
  }

  restore({ signed }: BatchResult): void {
    forEachSigned(signed!, (index, units) => {
      this.#remember(fingerprintOf(signed!, index, units), signed!, index);
    });
  }

  accept(result: BatchResult): BatchResult {
    const signed = result.signed!;
    return removeRecords(result, (index, units, report) => {
      const own = fingerprintOf(signed, index, units);
      if (this.#exact.has(...own.hash)) return { reason: "exact duplicate" };
      const repeated = this.#repeatedLines(signed, index);
      if (repeated.size === 0) {
        const removal = this.#nearDuplicate(own);
        if (removal === undefined) this.#remember(own, signed, index);
        return removal;
      }
      const json = new TextDecoder().decode(recordBytes(result, index));
      const shorter = withoutLines(json, repeated);
      if (shorter === undefined) return { reason: "little but repeated lines" };
      const print = this.#fingerprint(shorter.text);
      if (this.#exact.has(...print.hash)) return { reason: "exact duplicate" };
      const removal = this.#nearDuplicate(print);
      if (removal !== undefined) return removal;
      this.#remember(print, signed, index);
      const place = { file: result.file, line: signed.lines[index]! };
      tally(report.changed, "repeated lines removed", { ...place, text: mainText(json) });
      report.figures["repeated lines"] = (report.figures["repeated lines"] ?? 0) + repeated.size;
      return shorter.bytes;
    });
  }

  #remember(print: Fingerprint, signed: SignedRecords, index: number): void {
    this.#exact.add(...print.hash);
    if (print.units.length > 0) this.#near?.add(print.units, print.signatures, print.at);
    forEachLine(signed, index, (low, high) => void this.#lines.add(low, high));
  }

  #nearDuplicate({ units, signatures, at }: Fingerprint): Removal | undefined {
    const match = units.length === 0 ? undefined : this.#near?.find(units, signatures, at);
    if (match === undefined) return undefined;
    const start = excerpt(String.fromCharCode(...this.#spool!.read(match.id).subarray(0, 60)), 40);
    return { reason: "near duplicate", note: `${Math.round(100 * match.similarity)} % like ${start}` };
  }

  /** Numbers of the lines of a record that stood before, in a kept text or further up in this one. */
  #repeatedLines(signed: SignedRecords, index: number): Set<number> {
    const repeated = new Set<number>();
    const own = new Set<string>();
    forEachLine(signed, index, (low, high, number) => {
      const key = `${low}/${high}`;
      if (own.has(key) || this.#lines.has(low, high)) repeated.add(number);
      own.add(key);
    });
    return repeated;
  }

  /** The same as the threads make, for a text that was changed here. */
  #fingerprint(text: string): Fingerprint {
    const spaced = fold(text, "spacing");
    const loose = fold(text, "loose");
    const signatures = new Uint8Array(signatureRows);
    const shingles = new Uint32Array(loose.length);
    const count = shinglesInto(loose, 0, loose.length, shingles);
    const isLong = this.#near !== undefined && loose.length >= this.#nearMinimum && count > 0;
    if (isLong) signatureInto(shingles, count, signatures, 0);
    return { hash: textHash(spaced, 0, spaced.length), units: isLong ? loose : new Uint16Array(0), signatures, at: 0 };
  }
}

function fingerprintOf({ hashes, signatures }: SignedRecords, index: number, units: Uint16Array): Fingerprint {
  return { hash: [hashes[2 * index]!, hashes[2 * index + 1]!], units, signatures, at: index * signatureRows };
}

function forEachLine(
  { lineHashes, lineNumbers, lineEnds }: SignedRecords,
  index: number,
  visit: (low: number, high: number, number: number) => void,
): void {
  for (let i = index === 0 ? 0 : lineEnds[index - 1]!; i < lineEnds[index]!; i++) {
    visit(lineHashes[2 * i]!, lineHashes[2 * i + 1]!, lineNumbers[i]!);
  }
}

/** Least share of a text that must be left beside its repeated lines; less is a page's frame without its content. A guess. */
const leastLeft = 0.2;

/** The record without these lines of its text, or undefined when hardly anything is left. */
function withoutLines(json: string, repeated: ReadonlySet<number>): { text: string; bytes: Uint8Array } | undefined {
  const record = JSON.parse(json) as { text: string };
  const lines = record.text.split("\n").filter((_, number) => !repeated.has(number));
  const text = lines.join("\n").trim();
  if (text.length < leastLeft * record.text.length) return undefined;
  return { text, bytes: encodeLines([JSON.stringify({ ...record, text })]) };
}
