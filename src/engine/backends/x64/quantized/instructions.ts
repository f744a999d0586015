/**
 * AVX-512 instructions (and a few of the integer kind) for the assembler of `../assembler.ts`, as a layer on top of it:
 * labels, jumps and calls stay there. Encodings follow the Intel manual, volume 2, section 2.7 (EVEX).
 *
 * Vector registers are 0 … 31, mask registers 1 … 7. Operands come in Intel's order, destination first.
 */
import type { Assembler, Gpr } from "../assembler.ts";

/** [base + index·scale + offset] */
export interface Place {
  readonly base: Gpr;
  readonly index?: Gpr;
  readonly scale?: 1 | 2 | 4 | 8;
  readonly offset?: number;
}

/** A vector register, a place, or one 32-bit element for all lanes. */
export type Operand = number | Place | { readonly each: Place };

interface Encoding {
  readonly prefix: 0 | 1 | 2; // none, 66, F3
  readonly map: 1 | 2 | 3; // 0F, 0F38, 0F3A
  readonly opcode: number;
  readonly wide?: true;
  /** Bytes of a memory operand without broadcast, which scales short offsets. Default 64. */
  readonly bytes?: number;
  /** Works on 128 bits. */
  readonly narrow?: true;
}

/** destination = first OP second, or destination += … for the last two. */
const binary = {
  addFloats: { prefix: 0, map: 1, opcode: 0x58 },
  multiplyFloats: { prefix: 0, map: 1, opcode: 0x59 },
  subtractFloats: { prefix: 0, map: 1, opcode: 0x5c },
  divideFloats: { prefix: 0, map: 1, opcode: 0x5e },
  /** The second operand where either is NaN. */
  minFloats: { prefix: 0, map: 1, opcode: 0x5d },
  maxFloats: { prefix: 0, map: 1, opcode: 0x5f },
  addInts: { prefix: 1, map: 1, opcode: 0xfe },
  subtractInts: { prefix: 1, map: 1, opcode: 0xfa },
  /** Signed. */
  minInts: { prefix: 1, map: 2, opcode: 0x39 },
  or: { prefix: 1, map: 1, opcode: 0xeb },
  multiplyInts: { prefix: 1, map: 2, opcode: 0x40 },
  and: { prefix: 1, map: 1, opcode: 0xdb },
  xor: { prefix: 1, map: 1, opcode: 0xef },
  /** destination += first · second */
  multiplyAdd: { prefix: 1, map: 2, opcode: 0xb8 },
  /** destination −= first · second */
  multiplySubtract: { prefix: 1, map: 2, opcode: 0xbc },
  /** destination = destination · first + second */
  multiplyThenAdd: { prefix: 1, map: 2, opcode: 0xa8 },
  /** destination · 2^first, from floats that are whole */
  scaleByPower: { prefix: 1, map: 2, opcode: 0x2c },
  /** Each int32 of the destination += Σ of four products of unsigned bytes (first) and signed bytes (second). */
  dotBytes: { prefix: 1, map: 2, opcode: 0x50 },
} as const satisfies Record<string, Encoding>;

/** destination = OP source */
const unary = {
  load: { prefix: 0, map: 1, opcode: 0x10 },
  intsToFloats: { prefix: 0, map: 1, opcode: 0x5b },
  /** To the nearest, ties to even. */
  floatsToInts: { prefix: 1, map: 1, opcode: 0x5b },
  /** Towards zero. */
  floatsToIntsDown: { prefix: 2, map: 1, opcode: 0x5b },
  /** Sixteen unsigned 16-bit numbers. */
  wordsToInts: { prefix: 1, map: 2, opcode: 0x33, bytes: 32 },
  halvesToFloats: { prefix: 1, map: 2, opcode: 0x13, bytes: 32 },
  broadcast: { prefix: 1, map: 2, opcode: 0x18, bytes: 4 },
} as const satisfies Record<string, Encoding>;

export interface Instructions {
  binary(name: keyof typeof binary, to: number, first: number, second: Operand, mask?: number): void;
  unary(name: keyof typeof unary, to: number, from: Operand, mask?: number): void;
  /** Lanes without a bit in the mask are not written. */
  store(to: Place, from: number, mask?: number): void;
  /** Sixteen int32 as sixteen int8, saturated. */
  storeBytes(to: Place, from: number): void;
  /** The low bytes of sixteen int32, into the low 128 bits of a register. */
  lowBytes(to: number, from: number): void;
  /** Sixteen floats as sixteen halves, rounded to nearest even, into the low 256 bits of a register. */
  floatsToHalves(to: number, from: number): void;
  /** Stores one 32-bit (of 0 … 3) or 16-bit (of 0 … 7) element of the low 128 bits. */
  storeElement(to: Place, from: number, index: number, bits: 16 | 32): void;
  /** mask = lanes where first RELATION second. */
  compareFloats(relation: "equal" | "less", mask: number, first: number, second: Operand): void;
  /** The 16 bits of a mask register. */
  registerFrom(to: Gpr, mask: number): void;
  /** mask = lanes where first RELATION second, as unsigned 32-bit numbers. */
  compareUnsigned(relation: "less" | "greater", mask: number, first: number, second: Operand): void;
  /** `second` in the lanes of the mask, `first` in the others. */
  select(to: number, first: number, second: Operand, mask: number): void;
  /** All lanes from a 32-bit general register. */
  broadcastRegister(to: number, from: Gpr): void;
  shiftLeftInts(to: number, from: number, bits: number): void;
  shiftRightInts(to: number, from: number, bits: number): void;
  rotateLeftInts(to: number, from: number, bits: number): void;
  /** Exchanges 128-bit lanes: two bits of `order` for each. */
  shuffleLanes(to: number, from: number, order: number): void;
  /** Exchanges the four elements of every 128-bit lane: two bits of `order` for each. */
  shuffleElements(to: number, from: number, order: number): void;
  /** Interleaves the low or high halves of each 128-bit lane, by floats or by pairs of floats. */
  unpack(to: number, first: number, second: number, half: "low" | "high", unit: "float" | "pair"): void;
  /** Two 128-bit lanes of the first, then two of the second, chosen by two bits each. */
  joinLanes(to: number, first: number, second: number, order: number): void;
  /** To the nearest whole number, ties to even. */
  round(to: number, from: number): void;
  /** To the whole number towards zero. */
  truncate(to: number, from: number): void;
  /** mask = low 16 bits of a general register. */
  maskFrom(mask: number, from: Gpr): void;
  /** Combines all sixteen lanes into every lane. */
  reduce(name: "addFloats" | "maxFloats" | "addInts", register: number, scratch: number): void;

  addRegister(to: Gpr, from: Gpr): void;
  orRegister(to: Gpr, from: Gpr): void;
  /** The condition "equal" holds when nothing is left. */
  andRegister(to: Gpr, from: Gpr): void;
  negate(register: Gpr): void;
  /** to = to · from */
  multiplyRegister(to: Gpr, from: Gpr): void;
  shiftLeft(register: Gpr, bits: number): void;
  shiftRight(register: Gpr, bits: number): void;
  /** rax = rdx:rax / by, rdx = the rest; rdx must be 0 for an unsigned quotient. */
  divide(by: Gpr): void;
  /** to = from << count in rcx */
  shiftLeftByRcx(register: Gpr): void;
  store32(to: Place, from: Gpr): void;
}

export function createInstructions(assembler: Assembler): Instructions {
  const int32 = (value: number) => [value, value >> 8, value >> 16, value >> 24];
  const emit = (...bytes: readonly number[]) => assembler.data(Uint8Array.from(bytes, (byte) => byte & 0xff));
  const bit = (value: number, position: number) => (value >> position) & 1;

  const memoryBytes = (register: number, place: Place, unit: number): number[] => {
    const { base, index, scale = 1, offset = 0 } = place;
    const short = offset / unit;
    const isShort = Number.isInteger(short) && short >= -128 && short <= 127;
    const mode = isShort ? 0x40 : 0x80;
    const field = (register & 7) << 3;
    const long = index !== undefined || (base & 7) === 4;
    return [
      mode | field | (long ? 4 : base & 7),
      ...(long ? [(Math.log2(scale) << 6) | (((index ?? 4) & 7) << 3) | (base & 7)] : []),
      ...(isShort ? [short] : int32(offset)),
    ];
  };

  const evex = (encoding: Encoding, register: number, second: number, operand: Operand, mask = 0, tail?: number) => {
    const { prefix, map, opcode, wide, bytes = 64, narrow } = encoding;
    const each = typeof operand === "object" && "each" in operand;
    const place = typeof operand === "number" ? undefined : each ? operand.each : (operand as Place);
    const base = place === undefined ? (operand as number) : place.base;
    const x = place === undefined ? bit(base, 4) : bit(place.index ?? 0, 3);
    emit(
      0x62,
      // Upper bits of the registers are stored inverted.
      ((1 - bit(register, 3)) << 7) | ((1 - x) << 6) | ((1 - bit(base, 3)) << 5) | ((1 - bit(register, 4)) << 4) | map,
      (wide ? 0x80 : 0) | ((~second & 15) << 3) | 4 | prefix,
      (narrow ? 0 : 0x40) | (each ? 0x10 : 0) | ((1 - bit(second, 4)) << 3) | mask,
      opcode,
      ...(place === undefined
        ? [0xc0 | ((register & 7) << 3) | (base & 7)]
        : memoryBytes(register, place, each ? 4 : bytes)),
      ...(tail === undefined ? [] : [tail]),
    );
  };

  /** A 64-bit integer instruction on two registers. */
  const integer = (opcode: readonly number[], register: Gpr, rm: Gpr) =>
    emit(0x48 | (bit(register, 3) << 2) | bit(rm, 3), ...opcode, 0xc0 | ((register & 7) << 3) | (rm & 7));

  const self: Instructions = {
    binary: (name, to, first, second, mask) => evex(binary[name], to, first, second, mask),
    unary: (name, to, from, mask) => evex(unary[name], to, 0, from, mask),
    store: (to, from, mask) => evex({ prefix: 0, map: 1, opcode: 0x11 }, from, 0, to, mask),
    storeBytes: (to, from) => evex({ prefix: 2, map: 2, opcode: 0x21, bytes: 16 }, from, 0, to),
    lowBytes: (to, from) => evex({ prefix: 2, map: 2, opcode: 0x31 }, from, 0, to),
    floatsToHalves: (to, from) => evex({ prefix: 1, map: 3, opcode: 0x1d }, from, 0, to, 0, 0),
    storeElement: (to, from, index, bits) =>
      evex(
        { prefix: 1, map: 3, opcode: bits === 16 ? 0x15 : 0x16, bytes: bits / 8, narrow: true },
        from,
        0,
        to,
        0,
        index,
      ),
    compareFloats: (relation, mask, first, second) =>
      evex({ prefix: 0, map: 1, opcode: 0xc2 }, mask, first, second, 0, relation === "equal" ? 0 : 1),
    registerFrom: (to, mask) => emit(0xc5, bit(to, 3) ? 0x78 : 0xf8, 0x93, 0xc0 | ((to & 7) << 3) | mask),
    broadcastRegister: (to, from) => evex({ prefix: 1, map: 2, opcode: 0x7c }, to, 0, from),
    shiftLeftInts: (to, from, bits) => evex({ prefix: 1, map: 1, opcode: 0x72 }, 6, to, from, 0, bits),
    compareUnsigned: (relation, mask, first, second) =>
      evex({ prefix: 1, map: 3, opcode: 0x1e }, mask, first, second, 0, relation === "less" ? 1 : 6),
    select: (to, first, second, mask) => evex({ prefix: 1, map: 2, opcode: 0x65 }, to, first, second, mask),
    rotateLeftInts: (to, from, bits) => evex({ prefix: 1, map: 1, opcode: 0x72 }, 1, to, from, 0, bits),
    shiftRightInts: (to, from, bits) => evex({ prefix: 1, map: 1, opcode: 0x72 }, 2, to, from, 0, bits),
    shuffleLanes: (to, from, order) => evex({ prefix: 1, map: 3, opcode: 0x23 }, to, from, from, 0, order),
    shuffleElements: (to, from, order) => evex({ prefix: 1, map: 3, opcode: 0x04 }, to, 0, from, 0, order),
    unpack: (to, first, second, half, unit) =>
      evex(
        {
          prefix: unit === "pair" ? 1 : 0,
          map: 1,
          opcode: half === "low" ? 0x14 : 0x15,
          ...(unit === "pair" ? { wide: true } : {}),
        },
        to,
        first,
        second,
      ),
    joinLanes: (to, first, second, order) => evex({ prefix: 1, map: 3, opcode: 0x23 }, to, first, second, 0, order),
    round: (to, from) => evex({ prefix: 1, map: 3, opcode: 0x08 }, to, 0, from, 0, 8),
    truncate: (to, from) => evex({ prefix: 1, map: 3, opcode: 0x08 }, to, 0, from, 0, 11),
    maskFrom: (mask, from) =>
      emit(...(bit(from, 3) ? [0xc4, 0xc1, 0x78] : [0xc5, 0xf8]), 0x92, 0xc0 | (mask << 3) | (from & 7)),
    reduce(name, register, scratch) {
      for (const order of [0x4e, 0xb1]) {
        self.shuffleLanes(scratch, register, order);
        self.binary(name, register, register, scratch);
      }
      for (const order of [0x4e, 0xb1]) {
        self.shuffleElements(scratch, register, order);
        self.binary(name, register, register, scratch);
      }
    },
    addRegister: (to, from) => integer([0x01], from, to),
    orRegister: (to, from) => integer([0x09], from, to),
    andRegister: (to, from) => integer([0x21], from, to),
    negate: (register) => integer([0xf7], 3, register),
    multiplyRegister: (to, from) => integer([0x0f, 0xaf], to, from),
    shiftLeft: (register, bits) => {
      integer([0xc1], 4, register);
      emit(bits);
    },
    shiftRight: (register, bits) => {
      integer([0xc1], 5, register);
      emit(bits);
    },
    shiftLeftByRcx: (register) => integer([0xd3], 4, register),
    divide: (by) => integer([0xf7], 6, by),
    store32: (to, from) => {
      const index = to.index ?? 0;
      const rex = 0x40 | (bit(from, 3) << 2) | (bit(index, 3) << 1) | bit(to.base, 3);
      emit(rex, 0x89, ...memoryBytes(from, to, 1));
    },
  };
  return self;
}
