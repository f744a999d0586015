/** Records of files, one pass after another. What cannot be read is counted once, with the first few by place and reason. */
import type { Conversation } from "../../data/index.ts";
import {
  BadRecord,
  createBatchParser,
  type ParsedRecord,
  readBatches,
  type TextUnit,
  textOfRecord,
} from "../../data/index.ts";
import { CongError } from "../../support/errors.ts";

export interface RecordFiles {
  readonly files: readonly string[];
  /** Default: found by each record's fields. */
  readonly format?: string | null;
  readonly textUnit?: TextUnit;
}

/** Records that were set aside, each counted once however often it was read. */
export interface SetAside {
  count: number;
  /** Of these, how many `reportAside` has told. */
  told: number;
  /** The first few that it has not told as "file:line: reason". */
  readonly examples: string[];
  /** Lines of each file: data are read pass after pass, and one file may be learned from and held out. */
  readonly lines: Map<string, Set<number>>;
}

export const nothingSetAside = (): SetAside => ({ count: 0, told: 0, examples: [], lines: new Map() });

const mostExamples = 5;

function setAside(aside: SetAside, file: string, line: number, reason: string): void {
  const lines = aside.lines.get(file) ?? new Set();
  if (lines.has(line)) return;
  aside.lines.set(file, lines.add(line));
  aside.count++;
  if (aside.examples.length < mostExamples) aside.examples.push(`${file}:${line}: ${reason}`);
}

/** Says what was set aside since it was last told, so that nothing is lost silently and nothing told twice. */
export function reportAside(aside: SetAside, say: (text: string) => void): void {
  const fresh = aside.count - aside.told;
  if (fresh === 0) return;
  const examples = aside.examples.splice(0);
  const rest = fresh - examples.length;
  const shown = rest === 0 ? examples : [...examples, `… and ${rest} more`];
  say(
    `${fresh} ${aside.told > 0 ? "more " : ""}records could not be read and were set aside:\n  ${shown.join("\n  ")}`,
  );
  aside.told = aside.count;
}

/** What a record gives, or a BadRecord. */
type Reader<T> = (record: ParsedRecord) => T;

/** One pass over the records of all files, in order. */
export async function* readRecords<T>(
  { files, format, textUnit = "line" }: RecordFiles,
  read: Reader<T>,
  aside: SetAside,
): AsyncGenerator<T, void> {
  const parse = createBatchParser(format === null || format === undefined ? {} : { format });
  for (const file of files) {
    const bad = (line: number, reason: string) => setAside(aside, file, line, reason);
    for await (const batch of readBatches(file, { textUnit })) {
      const found: T[] = [];
      parse(
        batch,
        (record) => {
          try {
            found.push(read(record));
          } catch (error) {
            if (!(error instanceof BadRecord)) throw error;
            bad(record.line, error.message);
          }
        },
        ({ line, reason }) => bad(line, reason),
      );
      yield* found;
    }
  }
}

/** One pass over the texts of all files. */
export const textsOfFiles = (files: RecordFiles, aside: SetAside): AsyncGenerator<string, void> =>
  readRecords(files, textOfRecord, aside);

/** The conversation of a record. */
export const conversationOfRecord: Reader<Conversation> = ({ format, value }) => {
  const conversation = format.conversation(value);
  if (conversation === undefined) throw new BadRecord("plain text, wanted a prompt with an answer");
  return conversation;
};

/** Whether a text belongs to the held-out share: by a hash (FNV-1a) of its content, so that it stays where it is. */
export function isHeldOut(text: string, share: number): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // The low bits of a product are the better mixed ones; a last round spreads them.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash >>> 0) / 2 ** 32 < share;
}

/** @throws CongError `NO_DATA` when there are no files */
export function checkFiles(files: readonly string[], key: string): void {
  if (files.length > 0) return;
  throw new CongError("NO_DATA", `${key} names no files`, { key }, `give files: --${key} poems.jsonl.gz,more.txt`);
}
