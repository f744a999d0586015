/** Records of files, one pass after another. What cannot be read is counted, with the first few by place and reason. */
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

/** Records that were set aside. */
export interface SetAside {
  count: number;
  /** The first few as "file:line: reason". */
  readonly examples: string[];
}

export const nothingSetAside = (): SetAside => ({ count: 0, examples: [] });

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
    const bad = (line: number, reason: string) => {
      aside.count++;
      if (aside.examples.length < 5) aside.examples.push(`${file}:${line}: ${reason}`);
    };
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
