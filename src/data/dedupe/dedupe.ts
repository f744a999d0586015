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
  recordBytes,
  removeRecords,
  type SignedRecords,
} from "../steps/batch-result.ts";
import { runStep, type Sink, type StepOptions } from "../steps/run-step.ts";
import { signatureRows } from "./minhash.ts";
import { NearIndex } from "./near-index.ts";
import { HashSet } from "./text-hash.ts";
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
  const sink = new DedupeSink(near, threshold);
  return runStep({
    ...rest,
    step: "dedupe",
    task: "sign",
    settings: { near, nearMinimum, byLine, lineMinimum },
    identity: threshold,
    sink,
  });
}

/** A class because it owns the index and its file while the step runs. */
export class DedupeSink implements Sink {
  readonly #exact = new HashSet();
  readonly #lines = new HashSet();
  readonly #near: NearIndex | undefined;
  readonly #spool: TextSpool | undefined;

  constructor(near: boolean, threshold: number) {
    if (!near) return;
    this.#spool = new TextSpool();
    this.#near = new NearIndex(threshold, this.#spool);
  }

  dispose(): void {
    this.#spool?.dispose();
  }

  restore({ signed }: BatchResult): void {
    forEachSigned(signed!, (index, units) => {
      this.#exact.add(signed!.hashes[2 * index]!, signed!.hashes[2 * index + 1]!);
      if (units.length > 0) this.#near?.add(units, signed!.signatures, index * signatureRows);
      this.#repeatedLines(signed!, index);
    });
  }

  accept(result: BatchResult): BatchResult {
    const signed = result.signed!;
    return removeRecords(result, (index, units, report) => {
      if (!this.#exact.add(signed.hashes[2 * index]!, signed.hashes[2 * index + 1]!))
        return { reason: "exact duplicate" };
      const note = this.#nearDuplicate(signed, index, units);
      if (note !== undefined) return { reason: "near duplicate", note };
      const repeated = this.#repeatedLines(signed, index);
      if (repeated.size === 0) return undefined;
      const json = new TextDecoder().decode(recordBytes(result, index));
      const shorter = withoutLines(json, repeated);
      if (shorter === undefined) return { reason: "nothing but repeated lines" };
      tally(report.changed, "repeated lines removed", {
        file: result.file,
        line: signed.lines[index]!,
        text: mainText(json),
      });
      report.figures["repeated lines"] = (report.figures["repeated lines"] ?? 0) + repeated.size;
      return shorter;
    });
  }

  /** What a text is a near duplicate of; when of none, it goes into the index. */
  #nearDuplicate(signed: SignedRecords, index: number, units: Uint16Array): string | undefined {
    if (this.#near === undefined || units.length === 0) return undefined;
    const match = this.#near.find(units, signed.signatures, index * signatureRows);
    if (match === undefined) {
      this.#near.add(units, signed.signatures, index * signatureRows);
      return undefined;
    }
    const start = this.#spool!.read(match.id).subarray(0, 60);
    return `${Math.round(100 * match.similarity)} % like ${excerpt(String.fromCharCode(...start), 40)}`;
  }

  /** Numbers of the lines of a record that stood before; the others are remembered. */
  #repeatedLines({ lineHashes, lineNumbers, lineEnds }: SignedRecords, index: number): Set<number> {
    const repeated = new Set<number>();
    for (let i = index === 0 ? 0 : lineEnds[index - 1]!; i < lineEnds[index]!; i++) {
      if (!this.#lines.add(lineHashes[2 * i]!, lineHashes[2 * i + 1]!)) repeated.add(lineNumbers[i]!);
    }
    return repeated;
  }
}

/** The record without these lines of its text, or undefined when nothing is left. */
function withoutLines(json: string, repeated: ReadonlySet<number>): Uint8Array | undefined {
  const record = JSON.parse(json) as { text: string };
  const lines = record.text.split("\n").filter((_, number) => !repeated.has(number));
  const text = lines.join("\n").trim();
  return text === "" ? undefined : encodeLines([JSON.stringify({ ...record, text })]);
}
