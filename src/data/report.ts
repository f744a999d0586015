/**
 * The one report of all data steps: how many records came in and went out, and for every reason how many were removed or changed, with
 * a few examples. Reports of parts add up, so a step may run in many threads or resume and still tell the whole story.
 */

/** A place in the input with the text found there. */
export interface ReportExample {
  readonly file: string;
  /** First line of the record, from 1. */
  readonly line: number;
  /** The beginning of the text, at most `exampleCharacters`. */
  readonly text: string;
  /** What to know beside it, for example the similar text that was kept. */
  readonly note?: string;
}

export interface ReasonCount {
  count: number;
  /** The first few, in input order. */
  examples: ReportExample[];
}

/** What happened for which reason. */
export type Tally = Record<string, ReasonCount>;

export interface StepReport {
  step: string;
  recordsIn: number;
  recordsOut: number;
  /** Uncompressed bytes. */
  bytesIn: number;
  bytesOut: number;
  seconds: number;
  /** Records that did not come out. recordsIn is recordsOut plus these. */
  removed: Tally;
  /** Records that came out other than they came in; one record may count under several reasons. */
  changed: Tally;
  /** Whatever else the step counted: they add up, too. */
  figures: Record<string, number>;
}

/** Examples kept for each reason. */
export const exampleCount = 3;
/** Longest text of an example, in characters. */
export const exampleCharacters = 120;

export function createReport(step: string): StepReport {
  return {
    step,
    recordsIn: 0,
    recordsOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    seconds: 0,
    removed: {},
    changed: {},
    figures: {},
  };
}

/** Counts one record under a reason, and keeps it as an example while there are few. */
export function tally(into: Tally, reason: string, example: ReportExample): void {
  const entry = entryOf(into, reason);
  entry.count++;
  if (entry.examples.length < exampleCount) entry.examples.push({ ...example, text: excerpt(example.text) });
}

/** Adds a later part's numbers to a report. */
export function addReport(into: StepReport, part: Omit<StepReport, "step">): void {
  into.recordsIn += part.recordsIn;
  into.recordsOut += part.recordsOut;
  into.bytesIn += part.bytesIn;
  into.bytesOut += part.bytesOut;
  into.seconds += part.seconds;
  addTally(into.removed, part.removed);
  addTally(into.changed, part.changed);
  for (const [name, value] of Object.entries(part.figures)) into.figures[name] = (into.figures[name] ?? 0) + value;
}

function addTally(into: Tally, part: Tally): void {
  for (const [reason, { count, examples }] of Object.entries(part)) {
    const entry = entryOf(into, reason);
    entry.count += count;
    entry.examples.push(...examples.slice(0, exampleCount - entry.examples.length));
  }
}

function entryOf(into: Tally, reason: string): ReasonCount {
  let entry = Object.hasOwn(into, reason) ? into[reason] : undefined;
  if (entry === undefined) {
    entry = { count: 0, examples: [] };
    into[reason] = entry;
  }
  return entry;
}

/** The beginning of a text on one line. */
export function excerpt(text: string, characters = exampleCharacters): string {
  const start = text
    .slice(0, 2 * characters)
    .replace(/\s+/g, " ")
    .trim();
  const letters = [...start];
  return letters.length <= characters && text.length <= 2 * characters
    ? start
    : `${letters.slice(0, characters).join("")}…`;
}

/** The report as lines for people. */
export function reportTable(report: StepReport): string {
  const { step, recordsIn, recordsOut, bytesIn, bytesOut, seconds } = report;
  const rate = seconds > 0 ? `, ${megabytes(bytesIn / seconds)}/s` : "";
  const lines = [
    `${step}: ${count(recordsIn)} records in, ${count(recordsOut)} out (${share(recordsOut, recordsIn)})`,
    `  ${megabytes(bytesIn)} in, ${megabytes(bytesOut)} out, ${seconds.toFixed(1)} s${rate}`,
    ...tallyLines("removed", report.removed, recordsIn),
    ...tallyLines("changed", report.changed, recordsIn),
  ];
  for (const [name, value] of Object.entries(report.figures)) {
    lines.push(`  ${name}: ${Number.isInteger(value) ? count(value) : Number(value.toPrecision(4))}`);
  }
  return lines.join("\n");
}

function tallyLines(title: string, entries: Tally, total: number): string[] {
  const sorted = Object.entries(entries).sort(([, a], [, b]) => b.count - a.count);
  if (sorted.length === 0) return [];
  const width = Math.max(...sorted.map(([, entry]) => count(entry.count).length));
  return [
    `  ${title}`,
    ...sorted.flatMap(([reason, entry]) => [
      `    ${count(entry.count).padStart(width)}  ${share(entry.count, total).padStart(6)}  ${reason}`,
      ...entry.examples
        .slice(0, 1)
        .map(
          ({ file, line, text, note }) =>
            `    ${" ".repeat(width)}          ${file}:${line}  ${excerpt(text, 48)}${note === undefined ? "" : `  [${excerpt(note, 48)}]`}`,
        ),
    ]),
  ];
}

const count = (value: number): string => value.toLocaleString("en-US");
const share = (part: number, whole: number): string => (whole === 0 ? "–" : `${((100 * part) / whole).toFixed(1)} %`);
const megabytes = (bytes: number): string =>
  bytes < 1e4
    ? `${Math.round(bytes)} B`
    : bytes < 1e6
      ? `${(bytes / 1e3).toFixed(1)} kB`
      : `${(bytes / 1e6).toFixed(1)} MB`;
