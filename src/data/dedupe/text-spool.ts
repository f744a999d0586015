/** Folded texts in a temporary file, written in order and read back one by one. A class because it owns an open file. */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Units kept in memory before they are written: one write for many texts. */
const bufferUnits = 1 << 18;

export class TextSpool {
  readonly #folder: string;
  readonly #file: number;
  #buffer = new Uint16Array(bufferUnits);
  #buffered = 0;
  /** Units already in the file. */
  #written = 0;
  /** End of each text in units. Float64 is exact to 2^53. */
  #ends = new Float64Array(1 << 10);
  #count = 0;

  /** `folder`: where the temporary folder is made; default the system's. */
  constructor(folder: string = tmpdir()) {
    this.#folder = mkdtempSync(join(folder, "congling-dedupe-"));
    this.#file = openSync(join(this.#folder, "texts"), "w+");
  }

  /** Appends a text; its number is how many were there before. */
  add(units: Uint16Array): void {
    if (this.#count === this.#ends.length) {
      const grown = new Float64Array(2 * this.#ends.length);
      grown.set(this.#ends);
      this.#ends = grown;
    }
    if (this.#buffered + units.length > this.#buffer.length) this.#flush();
    if (units.length > this.#buffer.length) this.#write(units);
    else {
      this.#buffer.set(units, this.#buffered);
      this.#buffered += units.length;
    }
    this.#ends[this.#count++] = this.#written + this.#buffered;
  }

  /** The text with this number. */
  read(id: number): Uint16Array {
    const start = id === 0 ? 0 : this.#ends[id - 1]!;
    const end = this.#ends[id]!;
    if (start >= this.#written) return this.#buffer.subarray(start - this.#written, end - this.#written);
    const units = new Uint16Array(end - start);
    const bytes = new Uint8Array(units.buffer);
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(this.#file, bytes, at, bytes.length - at, 2 * start + at);
      if (count === 0) throw new Error("the temporary file of texts has been cut");
      at += count;
    }
    return units;
  }

  /** Closes and removes the file. */
  dispose(): void {
    closeSync(this.#file);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  #write(units: Uint16Array): void {
    const bytes = new Uint8Array(units.buffer, units.byteOffset, units.byteLength);
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(this.#file, bytes, at, bytes.length - at, 2 * this.#written + at);
    }
    this.#written += units.length;
  }
}
