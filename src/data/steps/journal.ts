/**
 * The record of a step under way: which parts of its output are finished. Each part is written under a temporary name, synced, renamed,
 * and only then entered here; so whatever the journal names is whole, and an interrupted step goes on after its last finished part.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { syncFolder, writeFileAtomic } from "../../support/index.ts";
import { addReport, createReport, type StepReport } from "../report.ts";

export interface FinishedPart {
  readonly name: string;
  /** Batches of input used up to its end. */
  readonly batches: number;
  readonly report: StepReport;
  /** What a sink noted while it was made; see Sink. */
  readonly notes?: readonly number[];
}

interface JournalFile {
  readonly version: 1;
  /** Hash of the settings and of the inputs' sizes and times. */
  readonly fingerprint: string;
  readonly parts: FinishedPart[];
}

/** A part is two files: what goes on and what was set aside. */
const partExtensions = ["jsonl", "rejected.jsonl"] as const;

export class Journal {
  readonly folder: string;
  readonly #fingerprint: string;
  readonly #parts: FinishedPart[];

  /** Whether an interrupted run left parts that could not be used, so that the step starts over. */
  readonly wasDamaged: boolean;

  private constructor(folder: string, fingerprint: string, parts: FinishedPart[], wasDamaged: boolean) {
    this.wasDamaged = wasDamaged;
    this.folder = folder;
    this.#fingerprint = fingerprint;
    this.#parts = parts;
  }

  /** Opens the folder of parts. Parts made by other settings or from other inputs are removed. */
  static async open(folder: string, fingerprint: string): Promise<Journal> {
    const known = await readJournal(folder);
    if (known !== "damaged" && known?.fingerprint === fingerprint) {
      return new Journal(folder, fingerprint, known.parts, false);
    }
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    return new Journal(folder, fingerprint, [], known === "damaged");
  }

  get parts(): readonly FinishedPart[] {
    return this.#parts;
  }

  /** Batches of input that finished parts cover. */
  get batchesDone(): number {
    return this.#parts.at(-1)?.batches ?? 0;
  }

  /** The sum of the parts' reports. */
  total(step: string): StepReport {
    const report = createReport(step);
    for (const part of this.#parts) addReport(report, part.report);
    return report;
  }

  /** Begins a part. */
  async startPart(): Promise<OpenPart> {
    const name = String(this.#parts.length).padStart(5, "0");
    const files = await Promise.all(
      partExtensions.map(async (extension) => {
        const path = join(this.folder, `${name}.${extension}`);
        return { path, handle: await open(`${path}.tmp`, "w") };
      }),
    );
    return {
      write: async (output, rejected) => {
        await files[0]!.handle.writeFile(output);
        await files[1]!.handle.writeFile(rejected);
      },
      finish: async (batches, report, notes) => {
        for (const { path, handle } of files) {
          await handle.sync();
          await handle.close();
          await rename(`${path}.tmp`, path);
        }
        this.#parts.push({ name, batches, report, ...(notes === undefined ? {} : { notes }) });
        const journal: JournalFile = { version: 1, fingerprint: this.#fingerprint, parts: this.#parts };
        await writeFileAtomic(join(this.folder, "journal.json"), [new TextEncoder().encode(JSON.stringify(journal))]);
      },
      abandon: async () => {
        for (const { handle } of files) await handle.close().catch(() => {});
      },
    };
  }

  /**
   * Puts the parts together as the final file, packed when its name ends in .gz. It grows inside the folder of parts, so that a kill leaves
   * nothing behind that the next run does not use or remove.
   */
  async assemble(output: string, extension: (typeof partExtensions)[number]): Promise<void> {
    const paths = this.#parts.map(({ name }) => join(this.folder, `${name}.${extension}`));
    async function* all(): AsyncGenerator<Uint8Array> {
      for (const path of paths) yield* createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
    }
    const whole = join(this.folder, "whole");
    const isPacked = output.toLowerCase().endsWith(".gz");
    const file = createWriteStream(whole, { flush: true });
    await (isPacked ? pipeline(all(), createGzip(), file) : pipeline(all(), file));
    const target = resolve(output);
    const isLink =
      (await realpath(target).catch(() => target)) !== join(await realpath(dirname(target)), basename(target));
    // What a link points to may lie on another disk, where a rename cannot reach.
    if (isLink) return writeFileAtomic(output, createReadStream(whole) as AsyncIterable<Uint8Array>);
    await rename(whole, target);
    await syncFolder(dirname(target));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The journal in a folder of parts; undefined where there is none, "damaged" where it or a part it names is not as it was written. */
async function readJournal(folder: string): Promise<JournalFile | "damaged" | undefined> {
  const text = await readFile(join(folder, "journal.json"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { version, fingerprint, parts } = JSON.parse(text) as JournalFile;
    // Another version of the program: not damaged, only of no use.
    if (version !== 1) return undefined;
    const total = createReport("");
    for (const { name, batches, report } of parts) {
      addReport(total, report);
      if (!Number.isSafeInteger(batches) || !Number.isSafeInteger(total.recordsIn)) return "damaged";
      for (const extension of partExtensions) await stat(join(folder, `${name}.${extension}`));
    }
    return { version, fingerprint, parts };
  } catch {
    return "damaged";
  }
}

/** A part being written. */
export interface OpenPart {
  write(output: Uint8Array, rejected: Uint8Array): Promise<void>;
  finish(batches: number, report: StepReport, notes?: readonly number[]): Promise<void>;
  abandon(): Promise<void>;
}

/** A hash of what decides a step's output: its settings (but for tables, which other settings decide), and every input's path, size and time. */
export async function fingerprintOf(settings: unknown, inputs: readonly string[]): Promise<string> {
  const files = await Promise.all(
    inputs.map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return [path, size, mtimeMs];
    }),
  );
  return createHash("sha256")
    .update(JSON.stringify([settings, files], (_, value) => (ArrayBuffer.isView(value) ? undefined : value)))
    .digest("hex");
}
