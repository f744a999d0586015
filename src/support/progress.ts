/**
 * A progress line on standard error, so that standard output stays clean for results.
 *
 * - On a terminal: one line, redrawn at most ten times a second: label, bar, count, rate, time left, free fields.
 * - Elsewhere (a log file, CI): a plain line every `plainSeconds`, and a last one.
 * - No colours and no library: this is all of it.
 *
 * A class because it owns a line of the terminal until `finish`.
 */

/** What to show after the numbers, for example `{ loss: 2.31, lr: 3e-4 }`. Numbers get four significant digits. */
export type ProgressFields = Readonly<Record<string, string | number>>;

/** The part of a writable stream this file needs; `process.stderr` is one. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface ProgressOptions {
  /** First word of the line; default "progress". */
  readonly label?: string;
  /** How many units there are; without it there is no bar and no time left. */
  readonly total?: number;
  /** Name of a unit, used in the rate; default "it". */
  readonly unit?: string;
  /** Print nothing; default false. */
  readonly silent?: boolean;
  /** Seconds between lines when the stream is not a terminal; default 10. */
  readonly plainSeconds?: number;
  /** Default `process.stderr`. */
  readonly stream?: ProgressStream;
  /** Milliseconds since any fixed moment; default `performance.now`. */
  readonly now?: () => number;
}

const redrawMilliseconds = 100;
const barWidth = 24;
// Weight of the past in the smoothed rate after one second: a guess that settles within some ten seconds.
const memoryPerSecond = 0.85;

export class Progress {
  private readonly options: Required<Omit<ProgressOptions, "total">> & { total: number | undefined };
  private readonly startedAt: number;
  private done = 0;
  private fields: ProgressFields = {};
  private shownAt: number;
  private rate = 0; // units a second, smoothed
  private ratedAt: number;
  private ratedDone = 0;
  private isLineOpen = false;
  private isFinished = false;

  constructor(options: ProgressOptions = {}) {
    const { label = "progress", total, unit = "it", silent = false, plainSeconds = 10 } = options;
    const { stream = process.stderr, now = () => performance.now() } = options;
    this.options = { label, total, unit, silent, plainSeconds, stream, now };
    this.startedAt = now();
    this.ratedAt = this.startedAt;
    // A terminal shows the first update at once; a log waits for its first interval.
    this.shownAt = stream.isTTY ? -Infinity : this.startedAt;
  }

  /** Says how many units are done by now. Cheap: draws only when it is time to. */
  update(done: number, fields: ProgressFields = this.fields): void {
    if (this.isFinished) return;
    this.done = done;
    this.fields = fields;
    if (this.options.silent) return;
    const { stream, now, plainSeconds } = this.options;
    const time = now();
    if (time - this.shownAt < (stream.isTTY ? redrawMilliseconds : plainSeconds * 1000)) return;
    this.shownAt = time;
    this.show(time);
  }

  /** Says that `by` more units are done. */
  advance(by = 1, fields: ProgressFields = this.fields): void {
    this.update(this.done + by, fields);
  }

  /** Prints a line of its own above the bar. */
  log(text: string): void {
    const { silent, stream, now } = this.options;
    if (silent) return;
    stream.write(this.isLineOpen ? `\r\x1b[2K${text}\n` : `${text}\n`);
    if (this.isLineOpen) this.show(now());
  }

  /** Prints the last state with the overall rate and gives the line back. Later calls do nothing. */
  finish(fields: ProgressFields = this.fields): void {
    if (this.isFinished) return;
    this.fields = fields;
    this.isFinished = true;
    const { silent, stream, now } = this.options;
    if (silent) return;
    this.show(now());
    if (this.isLineOpen) stream.write("\n");
    this.isLineOpen = false;
  }

  private show(time: number): void {
    const { stream } = this.options;
    const line = this.describe(time);
    if (!stream.isTTY) {
      stream.write(`${line}\n`);
      return;
    }
    // One column stays free: a full line would wrap on some terminals and the next redraw would miss it.
    stream.write(`\r\x1b[2K${cutToWidth(line, (stream.columns ?? 80) - 1)}`);
    this.isLineOpen = true;
  }

  private describe(time: number): string {
    const { label, total, unit } = this.options;
    const elapsed = (time - this.startedAt) / 1000;
    const rate = this.isFinished ? this.done / elapsed : this.smoothedRate(time);
    const parts = [label];
    if (total !== undefined && total > 0) {
      const share = Math.min(1, Math.max(0, this.done / total));
      const filled = Math.round(share * barWidth);
      parts.push(`[${"#".repeat(filled)}${".".repeat(barWidth - filled)}]`, `${Math.floor(share * 100)}%`);
      parts.push(`${this.done}/${total}`);
    } else {
      parts.push(`${this.done} ${unit}`);
    }
    if (rate > 0 && Number.isFinite(rate)) parts.push(`${significant(rate)} ${unit}/s`);
    if (this.isFinished) parts.push(`in ${duration(elapsed)}`);
    else if (total !== undefined && rate > 0) parts.push(`ETA ${duration(Math.max(0, total - this.done) / rate)}`);
    for (const [name, value] of Object.entries(this.fields)) {
      parts.push(`${name} ${typeof value === "number" ? significant(value) : value}`);
    }
    return parts.join(" ");
  }

  /** Exponential average over time rather than over updates, so that bursts and pauses weigh what they last. */
  private smoothedRate(time: number): number {
    const seconds = (time - this.ratedAt) / 1000;
    if (seconds <= 0) return this.rate;
    const recent = (this.done - this.ratedDone) / seconds;
    const memory = this.ratedAt === this.startedAt ? 0 : memoryPerSecond ** seconds;
    this.rate = memory * this.rate + (1 - memory) * recent;
    this.ratedAt = time;
    this.ratedDone = this.done;
    return this.rate;
  }
}

/** "7 s", "3:05" or "1:02:03". */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (x: number) => String(x).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

function significant(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;

/** Cuts a line to `columns`; Chinese, Japanese, Korean, full-width characters and emoji take two. */
function cutToWidth(line: string, columns: number): string {
  let used = 0;
  let kept = "";
  for (const character of line) {
    used += wide.test(character) || character.codePointAt(0)! > 0xffff ? 2 : 1;
    if (used > columns) break;
    kept += character;
  }
  return kept;
}
