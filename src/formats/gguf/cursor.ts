/**
 * Reading the numbers of a GGUF header from a buffer that may hold only its beginning. Every read checks its bounds:
 * beyond the file is an error of the file, beyond the buffer asks the caller for more (`NeedMoreBytes`).
 */
import { CongError } from "../../support/errors.ts";

/** Thrown when the buffer, not the file, ends too early. Never leaves this folder. */
export class NeedMoreBytes extends Error {}

/** The error of every malformed file: code `GGUF_INVALID`. */
export function invalid(file: string, what: string): CongError {
  return new CongError(
    "GGUF_INVALID",
    `${file}: ${what}`,
    { file },
    "the file is damaged, cut short or not GGUF: download or export it again",
  );
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Cursor {
  readonly file: string;
  /** Bytes read so far. */
  position = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly fileBytes: number;

  constructor(bytes: Uint8Array, fileBytes: number, file: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fileBytes = fileBytes;
    this.file = file;
  }

  /** Moves past `count` bytes and returns where they start. `what` names them in an error. */
  take(count: number, what: string): number {
    const start = this.position;
    if (count > this.fileBytes - start) {
      throw invalid(
        this.file,
        `${what} needs ${count} bytes at byte ${start}, the file has ${this.fileBytes - start} left`,
      );
    }
    if (count > this.bytes.length - start) throw new NeedMoreBytes();
    this.position += count;
    return start;
  }

  uint32(what: string): number {
    return this.view.getUint32(this.take(4, what), true);
  }

  /** A 64-bit count or size that must be exact as a number. */
  count(what: string): number {
    const value = this.view.getBigUint64(this.take(8, what), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw invalid(this.file, `${what} is ${value}, which no file can hold`);
    return Number(value);
  }

  /**
   * The number of items that follow, each at least `itemBytes` long: more than fit in the rest of the file is an error
   * before anything is allocated.
   */
  items(itemBytes: number, what: string): number {
    const value = this.count(what);
    const left = this.fileBytes - this.position;
    if (value > Math.floor(left / itemBytes)) {
      throw invalid(this.file, `${what} is ${value}, more than the ${left} bytes after it can hold`);
    }
    return value;
  }

  text(what: string): string {
    const length = this.items(1, `the length of ${what}`);
    const start = this.take(length, what);
    try {
      return decoder.decode(this.bytes.subarray(start, start + length));
    } catch {
      throw invalid(this.file, `${what} is not UTF-8 text`);
    }
  }

  /** A view for numbers that were taken. */
  get numbers(): DataView {
    return this.view;
  }

  /** A copy of bytes that were taken, in a buffer of its own. */
  copy(start: number, count: number): ArrayBuffer {
    const copied = new Uint8Array(count);
    copied.set(this.bytes.subarray(start, start + count));
    return copied.buffer;
  }
}
