/** Reads the arguments of opcodes; every read is checked against the end. */
import { invalid, unsupported } from "./errors.ts";

// Python writes any integer; checkpoints hold sizes and seeds. The limit keeps BigInt from eating the processor.
const longestInteger = 1024;

// Module and function names end with a line feed and have no length.
const longestLine = 1000;

export class ByteCursor {
  position = 0;
  private readonly content: Uint8Array;
  private readonly numbers: DataView;
  private readonly file: string;

  constructor(content: Uint8Array, file: string) {
    this.content = content;
    this.numbers = new DataView(content.buffer, content.byteOffset, content.byteLength);
    this.file = file;
  }

  uint8(): number {
    return this.numbers.getUint8(this.take(1));
  }

  uint16(): number {
    return this.numbers.getUint16(this.take(2), true);
  }

  uint32(): number {
    return this.numbers.getUint32(this.take(4), true);
  }

  int32(): number {
    return this.numbers.getInt32(this.take(4), true);
  }

  /** A length; anything above 2^53 is beyond the end anyway. */
  uint64(): number {
    return Number(this.numbers.getBigUint64(this.take(8), true));
  }

  /** Big-endian, as pickle has it. */
  float64(): number {
    return this.numbers.getFloat64(this.take(8), false);
  }

  /** Two's complement, little-endian; a number where it is exact. */
  long(length: number): number | bigint {
    if (length > longestInteger) {
      throw unsupported(this.file, `an integer of ${length} bytes`, `at most ${longestInteger} bytes are read`);
    }
    const bytes = this.bytes(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    if (length > 0 && bytes[length - 1]! >= 128) value -= 1n << BigInt(8 * length);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** A view. */
  bytes(length: number): Uint8Array {
    const start = this.take(length);
    return this.content.subarray(start, start + length);
  }

  text(length: number): string {
    const bytes = this.bytes(length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw invalid(this.file, "the pickle holds text that is not UTF-8");
    }
  }

  line(): string {
    const end = this.content.indexOf(10, this.position);
    if (end < 0 || end - this.position > longestLine) throw invalid(this.file, "the pickle holds an endless name");
    const text = this.text(end - this.position);
    this.position++;
    return text;
  }

  private take(length: number): number {
    const start = this.position;
    if (!(start + length <= this.content.length)) throw invalid(this.file, "the pickle is cut short");
    this.position = start + length;
    return start;
  }
}
