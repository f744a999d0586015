/** Vectors of constants that lie behind the code and are read relative to it. Equal ones are stored once. */
import type { Assembler, Label, Memory } from "./assembler.ts";

export interface ConstantPool {
  /** Eight times the same float32. */
  floats(value: number): Memory;
  /** Eight times the same 32 bits. */
  bits(value: number): Memory;
  /** Eight different 32-bit words. */
  words(values: readonly number[]): Memory;
  /** Writes the table; once, after all code that reads it. */
  emit(): void;
}

export function createPool(assembler: Assembler): ConstantPool {
  const entries = new Map<string, { label: Label; words: Int32Array }>();
  const words = (values: readonly number[]): Memory => {
    const key = values.join();
    let entry = entries.get(key);
    if (entry === undefined) {
      entry = { label: assembler.label(), words: Int32Array.from(values) };
      entries.set(key, entry);
    }
    return { label: entry.label };
  };
  const bits = (value: number) => words(new Array<number>(8).fill(value | 0));
  return {
    words,
    bits,
    floats: (value) => bits(new Int32Array(Float32Array.of(value).buffer)[0]!),
    emit() {
      assembler.align(32);
      for (const { label, words: table } of entries.values()) {
        assembler.place(label);
        assembler.data(new Uint8Array(table.buffer));
      }
    },
  };
}
