/**
 * A small x86-64 assembler: the integer instructions and the AVX-512 instructions that matrix products need.
 *
 * Encodings follow the Intel Software Developer's Manual, volume 2. Registers are numbers: rax 0, rcx 1, rdx 2, rbx 3,
 * rsp 4, rbp 5, rsi 6, rdi 7, r8 … r15; zmm0 … zmm31; k0 … k7.
 */

export const rax = 0;
export const rcx = 1;
export const rdx = 2;
export const rbx = 3;
export const rsp = 4;
export const rbp = 5;
export const rsi = 6;
export const rdi = 7;
export const r8 = 8;
export const r9 = 9;
export const r10 = 10;
export const r11 = 11;
export const r12 = 12;
export const r13 = 13;
export const r14 = 14;
export const r15 = 15;

/** [base + index·scale + displacement]; the index may be a zmm register for gathers. */
export interface Memory {
  readonly base: number;
  readonly displacement?: number;
  readonly index?: number;
  readonly scale?: 1 | 2 | 4 | 8;
}

/** A place in the code, to be jumped back to. */
export type Label = number;

export interface MaskOptions {
  /** Mask register 1 … 7; lanes without a bit are not touched (or read as zero with `zero`). */
  readonly mask?: number;
  readonly zero?: boolean;
}

export class Assembler {
  private readonly code: number[] = [];

  /** The machine code so far. */
  bytes(): Uint8Array {
    return Uint8Array.from(this.code);
  }

  here(): Label {
    return this.code.length;
  }

  push(register: number): void {
    this.raw(...(register > 7 ? [0x41] : []), 0x50 + (register & 7));
  }

  pop(register: number): void {
    this.raw(...(register > 7 ? [0x41] : []), 0x58 + (register & 7));
  }

  ret(): void {
    this.raw(0xc3);
  }

  /** Leaves the upper halves of the vector registers clean for SSE code of the caller. */
  vzeroupper(): void {
    this.raw(0xc5, 0xf8, 0x77);
  }

  move(to: number, from: number): void {
    this.integer([0x89], from, to);
  }

  moveImmediate(to: number, value: number): void {
    this.raw(0x48 | (to > 7 ? 1 : 0), 0xc7, 0xc0 + (to & 7), ...int32(value));
  }

  load(to: number, from: Memory): void {
    this.integer([0x8b], to, from);
  }

  add(to: number, from: number): void {
    this.integer([0x01], from, to);
  }

  addFrom(to: number, from: Memory): void {
    this.integer([0x03], to, from);
  }

  addImmediate(to: number, value: number): void {
    this.raw(0x48 | (to > 7 ? 1 : 0), 0x81, 0xc0 + (to & 7), ...int32(value));
  }

  /** Zero-extends the low byte of a register (rax … rbx only). */
  lowByte(to: number, from: number): void {
    this.raw(0x0f, 0xb6, 0xc0 | (to << 3) | from);
  }

  shiftRight(register: number, bits: number): void {
    this.raw(0x48 | (register > 7 ? 1 : 0), 0xc1, 0xe8 + (register & 7), bits);
  }

  decrement(register: number): void {
    this.raw(0x48 | (register > 7 ? 1 : 0), 0xff, 0xc8 + (register & 7));
  }

  compare(a: number, b: number): void {
    this.integer([0x39], b, a);
  }

  jumpIfNotZero(target: Label): void {
    this.jump([0x0f, 0x85], target);
  }

  /** Jumps ahead to where `land` is called with the result. */
  jumpIfZeroAhead(): Label {
    this.raw(0x0f, 0x84, 0, 0, 0, 0);
    return this.here();
  }

  land(jump: Label): void {
    int32(this.here() - jump).forEach((byte, i) => {
      this.code[jump - 4 + i] = byte;
    });
  }

  /** Sets the zero flag if the register is 0. */
  test(register: number): void {
    this.integer([0x85], register, register);
  }

  andImmediate(to: number, value: number): void {
    this.raw(0x48 | (to > 7 ? 1 : 0), 0x81, 0xe0 + (to & 7), ...int32(value));
  }

  /** Loads 32 bits and clears the upper half. */
  load32(to: number, from: Memory): void {
    this.legacy(0, [0x8b], to, from);
  }

  jumpIfBelow(target: Label): void {
    this.jump([0x0f, 0x82], target);
  }

  callMemory(target: Memory): void {
    this.legacy(0, [0xff], 2, target);
  }

  /** Fetches a cache line ahead of its use, to the first or the second level. */
  prefetch(address: Memory, level: 1 | 2 = 1): void {
    this.legacy(0, [0x0f, 0x18], level, address);
  }

  /** Fetches a cache line that will be written. */
  prefetchToWrite(address: Memory): void {
    this.legacy(0, [0x0f, 0x0d], 1, address);
  }

  /** k ← low 16 bits of a 32-bit register. */
  maskFrom(mask: number, from: number): void {
    this.raw(0xc5, 0xf8, 0x92, 0xc0 | (mask << 3) | from);
  }

  copyMask(to: number, from: number): void {
    this.raw(0xc5, 0xf8, 0x90, 0xc0 | (to << 3) | from);
  }

  loadVector(to: number, from: Memory, options: MaskOptions = {}): void {
    this.evex(0, 1, 0x10, to, 0, from, 64, options);
  }

  storeVector(to: Memory, from: number, options: MaskOptions = {}): void {
    this.evex(0, 1, 0x11, from, 0, to, 64, options);
  }

  /** All sixteen lanes from one float. */
  broadcast(to: number, from: Memory): void {
    this.evex(1, 2, 0x18, to, 0, from, 4);
  }

  /** All sixteen lanes from the low half of a general register. */
  broadcastRegister(to: number, from: number): void {
    this.evex(1, 2, 0x7c, to, 0, from, 64);
  }

  multiplyVector(to: number, a: number, b: number): void {
    this.evex(0, 1, 0x59, to, a, b, 64);
  }

  /** sum += a · b */
  multiplyAdd(sum: number, a: number, b: number): void {
    this.evex(1, 2, 0xb8, sum, a, b, 64);
  }

  addVector(to: number, a: number, b: number | Memory): void {
    this.evex(0, 1, 0x58, to, a, b, 64);
  }

  /** Interleaves the low or high halves of each 128-bit lane, by floats or by pairs of floats. */
  unpack(to: number, a: number, b: number, half: "low" | "high", unit: "float" | "pair"): void {
    this.evex(unit === "pair" ? 1 : 0, 1, half === "low" ? 0x14 : 0x15, to, a, b, 64, {}, unit === "pair");
  }

  /** Two 128-bit lanes of a, then two of b, chosen by two bits each. */
  shuffleLanes(to: number, a: number, b: number, choice: number): void {
    this.evex(1, 3, 0x23, to, a, b, 64);
    this.raw(choice);
  }

  zeroVector(to: number): void {
    this.evex(1, 1, 0xef, to, to, to, 64);
  }

  /** Sixteen floats from base + index lane; consumes the mask. */
  gather(to: number, from: Memory, mask: number): void {
    this.evex(1, 2, 0x92, to, 0, from, 4, { mask });
  }

  private raw(...bytes: readonly number[]): void {
    for (const byte of bytes) this.code.push(byte & 0xff);
  }

  private jump(opcode: readonly number[], target: Label): void {
    this.raw(...opcode, ...int32(target - (this.code.length + opcode.length + 4)));
  }

  /** A 64-bit instruction; `operand` is a register or memory. */
  private integer(opcode: readonly number[], register: number, operand: number | Memory): void {
    this.legacy(0x48, opcode, register, operand);
  }

  private legacy(rexBase: number, opcode: readonly number[], register: number, operand: number | Memory): void {
    const memory = typeof operand === "number" ? undefined : operand;
    const base = memory?.base ?? (operand as number);
    const rex = rexBase | (register > 7 ? 4 : 0) | ((memory?.index ?? 0) > 7 ? 2 : 0) | (base > 7 ? 1 : 0);
    if (rex !== 0) this.raw(0x40 | rex);
    this.raw(...opcode);
    if (memory === undefined) this.raw(0xc0 | ((register & 7) << 3) | (base & 7));
    else this.address(register, memory, 1);
  }

  /** ModRM, SIB and displacement. `unit` is the factor of an 8-bit displacement (EVEX compresses it). */
  private address(register: number, { base, index, scale = 1, displacement = 0 }: Memory, unit: number): void {
    const compressed = displacement / unit;
    const short = Number.isInteger(compressed) && compressed >= -128 && compressed <= 127;
    const mode = short ? 0x40 : 0x80;
    const field = (register & 7) << 3;
    if (index === undefined && (base & 7) !== rsp) this.raw(mode | field | (base & 7));
    else this.raw(mode | field | 4, (Math.log2(scale) << 6) | (((index ?? rsp) & 7) << 3) | (base & 7));
    if (short) this.raw(compressed);
    else this.raw(...int32(displacement));
  }

  /**
   * An EVEX instruction on 512-bit registers.
   * @param prefix 0 none, 1 for 66
   * @param map 1 for 0F, 2 for 0F38, 3 for 0F3A
   */
  private evex(
    prefix: number,
    map: number,
    opcode: number,
    register: number,
    second: number,
    operand: number | Memory,
    unit: number,
    { mask = 0, zero = false }: MaskOptions = {},
    wide = false,
  ): void {
    const memory = typeof operand === "number" ? undefined : operand;
    const base = memory?.base ?? (operand as number);
    const index = memory?.index ?? 0;
    const isGather = memory?.index !== undefined && opcode === 0x92;
    const bit = (value: number, position: number) => (value >> position) & 1;
    // All of these are stored inverted.
    const R = 1 - bit(register, 3);
    const highR = 1 - bit(register, 4);
    const X = 1 - (memory === undefined ? bit(base, 4) : bit(index, 3));
    const B = 1 - bit(base, 3);
    const highV = 1 - (isGather ? bit(index, 4) : bit(second, 4));
    const v = ~second & 15;
    this.raw(
      0x62,
      (R << 7) | (X << 6) | (B << 5) | (highR << 4) | map,
      (wide ? 0x80 : 0) | (v << 3) | 4 | prefix,
      (zero ? 0x80 : 0) | 0x40 | (highV << 3) | mask,
      opcode,
    );
    if (memory === undefined) this.raw(0xc0 | ((register & 7) << 3) | (base & 7));
    else this.address(register, memory, unit);
  }
}

const int32 = (value: number): number[] => [
  value & 0xff,
  (value >> 8) & 0xff,
  (value >> 16) & 0xff,
  (value >> 24) & 0xff,
];
