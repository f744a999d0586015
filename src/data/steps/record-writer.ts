/** JSON lines into a file that appears whole or not at all; for steps that write several files at once. */
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { finished } from "node:stream/promises";
import { createGzip, type Gzip } from "node:zlib";
import { writeError } from "../../support/index.ts";

/** A class because it owns an open file until `finish` or `discard`. */
export class RecordWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: WriteStream;
  readonly #head: Gzip | WriteStream;
  #failure: Error | undefined;
  #lines: string[] = [];
  #units = 0;
  #isClosed = false;
  records = 0;
  bytes = 0;

  private constructor(path: string) {
    this.#path = path;
    // Always the same name, so that the next run replaces what a killed one left.
    this.#temporary = `${path}.tmp`;
    this.#file = createWriteStream(this.#temporary);
    this.#head = this.#file;
    if (path.toLowerCase().endsWith(".gz")) {
      const gzip = createGzip();
      gzip.pipe(this.#file);
      this.#head = gzip;
    }
    this.#file.on("error", (error) => {
      this.#failure = error;
    });
  }

  static async open(path: string): Promise<RecordWriter> {
    await mkdir(dirname(resolve(path)), { recursive: true }).catch((error: unknown) => {
      throw writeError(path, error);
    });
    return new RecordWriter(path);
  }

  /** Adds a record, given as JSON without line breaks. */
  async write(json: string): Promise<void> {
    this.records++;
    this.#lines.push(json);
    this.#units += json.length;
    if (this.#units > 1 << 18) await this.#flush();
  }

  /** Writes what is left; the file keeps its temporary name. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#flush();
    this.#isClosed = true;
    this.#head.end();
    await finished(this.#file).catch((error: unknown) => this.#fail(error));
  }

  /** Takes away the file that this one will replace. */
  async removeOld(): Promise<void> {
    await rm(this.#path, { force: true }).catch((error: unknown) => this.#fail(error));
  }

  /** Closes the file and gives it its name. */
  async finish(): Promise<void> {
    await this.close();
    await rename(this.#temporary, this.#path).catch((error: unknown) => this.#fail(error));
  }

  async discard(): Promise<void> {
    this.#head.destroy();
    this.#file.destroy();
    await rm(this.#temporary, { force: true });
  }

  async #flush(): Promise<void> {
    if (this.#failure !== undefined) this.#fail(this.#failure);
    if (this.#lines.length === 0) return;
    const bytes = Buffer.from(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
    this.#units = 0;
    this.bytes += bytes.length;
    await new Promise<void>((done, failed) => {
      this.#head.write(bytes, (error) => (error ? failed(error) : done()));
    }).catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): never {
    throw writeError(this.#path, error);
  }
}
