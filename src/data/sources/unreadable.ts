/** Rows that a reader of files could not make a record of: they travel among the records, and the parser sets them aside. */

export interface UnreadableRow {
  readonly reason: string;
  readonly raw: string;
}

/** No JSON begins with it. */
const mark = "\u0001";

/** Stands for bytes that are not UTF-8 until their record is set aside: half a surrogate pair, which no file in UTF-8 can hold. */
export const invalidMark = "\udfff";

/** A row with such bytes. */
export const notUtf8 = (raw: string): string =>
  unreadableLine("not valid UTF-8", raw.replaceAll(invalidMark, "\ufffd"));

/** One line that stands for the row. */
export const unreadableLine = (reason: string, raw: string): string => mark + JSON.stringify([reason, raw]);

/** The row that a line stands for, or undefined for any other line. */
export function readUnreadable(line: string): UnreadableRow | undefined {
  if (!line.startsWith(mark)) return undefined;
  try {
    const [reason, raw] = JSON.parse(line.slice(mark.length)) as [string, string];
    return { reason, raw };
  } catch {
    return undefined;
  }
}
