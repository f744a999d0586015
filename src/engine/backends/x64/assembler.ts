/**
 * Writes x86-64 machine code: the few integer instructions a loop needs, and VEX-encoded AVX2 and FMA arithmetic on
 * 256-bit registers. Encodings follow the Intel 64 Software Developer's Manual, volume 2 (sections 2.1 and 2.3).
 *
 * Operands come in Intel's order, destination first. Labels are numbers; places that use them are patched by `finish`.
 */
import { CongError } from "../../../support/errors.ts";

/** General registers by their number. */
export const gpr = {
  rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7,
  r8: 8, r9: 9, r10: 10, r11: 11, r12: 12, r13: 13, r14: 14, r15: 15,
} as const; // biome-ignore format: a table reads better in rows
export type Gpr = number;
/** Vector registers ymm0 … ymm15 by their number. */
export type Ymm = number;
export type Label = number;

/** [base + index + offset], or the place of a label. */
export type Memory = { readonly base: Gpr; readonly index?: Gpr; readonly offset?: number } | { readonly label: Label };
export type YmmOrMemory = Ymm | Memory;

/** Conditions of `jump`: the low half of the opcode. */
const conditions = { below: 2, aboveOrEqual: 3, equal: 4, notEqual: 5 } as const;
export type Condition = keyof typeof conditions;

/** Prefix and opcode map of a VEX instruction, in the manual's notation. */
const prefixes = { NP: 0, "66": 1 } as const;
const maps = { "0F": 1, "0F38": 2, "0F3A": 3 } as const;

interface VexInstruction {
  readonly prefix: keyof typeof prefixes;
  readonly map: keyof typeof maps;
  readonly opcode: number;
}

const arithmetic = (opcode: number): VexInstruction => ({ prefix: "NP", map: "0F", opcode });
const integer = (opcode: number): VexInstruction => ({ prefix: "66", map: "0F", opcode });
const multiplyAdd = (opcode: number): VexInstruction => ({ prefix: "66", map: "0F38", opcode });

/** Instructions `destination = first OP second` on eight float32 (or int32) each. */
export const threeOperand = {
  vaddps: arithmetic(0x58),
  vmulps: arithmetic(0x59),
  vsubps: arithmetic(0x5c),
  /** The second operand where either is NaN. */
  vminps: arithmetic(0x5d),
  vdivps: arithmetic(0x5e),
  /** The second operand where either is NaN. */
  vmaxps: arithmetic(0x5f),
  vandps: arithmetic(0x54),
  vorps: arithmetic(0x56),
  vxorps: arithmetic(0x57),
  vpsubd: integer(0xfa),
  vpaddd: integer(0xfe),
  /** destination · first + second */
  vfmadd213ps: multiplyAdd(0xa8),
  /** destination − first · second */
  vfnmadd231ps: multiplyAdd(0xbc),
} as const;

/** Instructions `destination = OP source`. */
export const twoOperand = {
  vmovups: arithmetic(0x10),
  vsqrtps: arithmetic(0x51),
  vcvtps2dq: integer(0x5b),
  vbroadcastss: multiplyAdd(0x18),
} as const;

export interface Assembler {
  /** A label not yet placed. */
  label(): Label;
  /** Puts the label here. */
  place(label: Label): void;
  /** Fills up to a multiple of `boundary` bytes. */
  align(boundary: number): void;
  /** Raw bytes, as tables beside the code. */
  data(bytes: Uint8Array): void;
  /** The code with all labels resolved, and where they are. */
  finish(): { readonly code: Uint8Array; readonly offsetOf: (label: Label) => number };

  push(register: Gpr): void;
  pop(register: Gpr): void;
  ret(): void;
  move(to: Gpr, from: Gpr): void;
  /** Any 64-bit number. */
  moveConstant(to: Gpr, value: number | bigint): void;
  load(to: Gpr, from: Memory): void;
  store(to: Memory, from: Gpr): void;
  /** The address, not what is there. */
  address(to: Gpr, of: Memory): void;
  add(to: Gpr, value: number): void;
  subtract(to: Gpr, value: number): void;
  subtractRegister(to: Gpr, from: Gpr): void;
  and(to: Gpr, value: number): void;
  /** to = from · value */
  multiply(to: Gpr, from: Gpr, value: number): void;
  compare(a: Gpr, b: Gpr): void;
  compareConstant(a: Gpr, value: number): void;
  /** to = from, if the condition (unsigned) of the last comparison holds. */
  moveIf(condition: Condition, to: Gpr, from: Gpr): void;
  jump(to: Label, condition?: Condition): void;
  callRegister(register: Gpr): void;
  call(label: Label): void;

  vex3(name: keyof typeof threeOperand, to: Ymm, first: Ymm, second: YmmOrMemory): void;
  vex2(name: keyof typeof twoOperand, to: Ymm, from: YmmOrMemory): void;
  vstore(to: Memory, from: Ymm): void;
  /** Elements whose mask is negative; zero elsewhere. Masked-out memory is not touched. */
  vmaskload(to: Ymm, mask: Ymm, from: Memory): void;
  vmaskstore(to: Memory, mask: Ymm, from: Ymm): void;
  /** To the nearest whole number, ties to even. */
  vround(to: Ymm, from: YmmOrMemory): void;
  /** All ones where the relation holds. */
  vcompare(relation: "less" | "unordered", to: Ymm, first: Ymm, second: YmmOrMemory): void;
  /** `second` where the mask is negative, else `first`. */
  vblend(to: Ymm, first: Ymm, second: YmmOrMemory, mask: Ymm): void;
  vshiftLeft(to: Ymm, from: Ymm, bits: number): void;
  /** Keeps the sign. */
  vshiftRight(to: Ymm, from: Ymm, bits: number): void;
  vzeroupper(): void;
}

export function createAssembler(): Assembler {
  const bytes: number[] = [];
  const places: (number | undefined)[] = [];
  /** Four-byte distances from the end of an instruction to a label; `behind` bytes follow the distance. */
  const patches: { at: number; label: Label; behind: number }[] = [];

  const emit = (...values: number[]) => void bytes.push(...values.map((value) => value & 0xff));
  const emit32 = (value: number) => emit(value, value >> 8, value >> 16, value >> 24);
  const isMemory = (operand: YmmOrMemory | Gpr): operand is Memory => typeof operand !== "number";
  const high = (register: number) => (register >> 3) & 1;
  const isByte = (value: number) => value >= -128 && value <= 127;

  const distance = (label: Label, behind: number) => {
    patches.push({ at: bytes.length, label, behind });
    emit32(0);
  };

  /** The ModRM byte with everything behind it; `behind` immediate bytes will follow. */
  const operand = (reg: number, rm: number | Memory, behind = 0) => {
    const middle = (reg & 7) << 3;
    if (!isMemory(rm)) return emit(0xc0 | middle | (rm & 7));
    if ("label" in rm) {
      emit(middle | 5);
      return distance(rm.label, behind);
    }
    const { base, index, offset = 0 } = rm;
    // rbp and r13 as base need an offset; rsp and r12 as base need the long form.
    const size = offset === 0 && (base & 7) !== 5 ? 0 : isByte(offset) ? 1 : 2;
    const long = index !== undefined || (base & 7) === 4;
    emit((size << 6) | middle | (long ? 4 : base & 7));
    if (long) emit((((index ?? 4) & 7) << 3) | (base & 7));
    if (size === 1) emit(offset);
    if (size === 2) emit32(offset);
  };

  /** Bits for the upper half of the registers in a memory operand or register. */
  const extension = (rm: number | Memory): { x: number; b: number } => {
    if (!isMemory(rm)) return { x: 0, b: high(rm) };
    if ("label" in rm) return { x: 0, b: 0 };
    return { x: rm.index === undefined ? 0 : high(rm.index), b: high(rm.base) };
  };

  /** A 64-bit integer instruction with a ModRM byte. */
  const wide = (opcode: readonly number[], reg: number, rm: Gpr | Memory, behind = 0) => {
    const { x, b } = extension(rm);
    emit(0x48 | (high(reg) << 2) | (x << 1) | b, ...opcode);
    operand(reg, rm, behind);
  };

  /** `digit` of opcode 81/83: an instruction with an immediate. */
  const withImmediate = (digit: number, to: Gpr, value: number) => {
    if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31) throw tooLarge(value);
    if (isByte(value)) {
      wide([0x83], digit, to, 1);
      emit(value);
    } else {
      wide([0x81], digit, to, 4);
      emit32(value);
    }
  };

  const vex = (
    { prefix, map, opcode }: VexInstruction,
    reg: number,
    second: number,
    rm: number | Memory,
    { bits = 256, behind = 0 } = {},
  ) => {
    const { x, b } = extension(rm);
    emit(
      0xc4,
      ((1 - high(reg)) << 7) | ((1 - x) << 6) | ((1 - b) << 5) | maps[map],
      ((~second & 15) << 3) | ((bits === 256 ? 1 : 0) << 2) | prefixes[prefix],
      opcode,
    );
    operand(reg, rm, behind);
  };

  return {
    label: () => places.push(undefined) - 1,
    place: (label) => {
      places[label] = bytes.length;
    },
    align: (boundary) => {
      while (bytes.length % boundary !== 0) emit(0x90);
    },
    data: (table) => emit(...table),
    finish() {
      const offsetOf = (label: Label): number => {
        const place = places[label];
        if (place === undefined) throw new CongError("BROKEN_GRAPH", `x64: label ${label} was never placed`, { label });
        return place;
      };
      const code = Uint8Array.from(bytes);
      const view = new DataView(code.buffer);
      for (const { at, label, behind } of patches) view.setInt32(at, offsetOf(label) - (at + 4 + behind), true);
      return { code, offsetOf };
    },

    push: (register) => emit(...(high(register) ? [0x41] : []), 0x50 | (register & 7)),
    pop: (register) => emit(...(high(register) ? [0x41] : []), 0x58 | (register & 7)),
    ret: () => emit(0xc3),
    move: (to, from) => wide([0x8b], to, from),
    moveConstant(to, value) {
      const wanted = BigInt.asUintN(64, BigInt(value));
      emit(0x48 | high(to), 0xb8 | (to & 7));
      for (let shift = 0n; shift < 64n; shift += 8n) emit(Number((wanted >> shift) & 0xffn));
    },
    load: (to, from) => wide([0x8b], to, from),
    store: (to, from) => wide([0x89], from, to),
    address: (to, of) => wide([0x8d], to, of),
    add: (to, value) => withImmediate(0, to, value),
    and: (to, value) => withImmediate(4, to, value),
    subtract: (to, value) => withImmediate(5, to, value),
    subtractRegister: (to, from) => wide([0x2b], to, from),
    multiply(to, from, value) {
      if (value < 0 || value >= 2 ** 31) throw tooLarge(value);
      wide([0x69], to, from, 4);
      emit32(value);
    },
    compare: (a, b) => wide([0x3b], a, b),
    compareConstant: (a, value) => withImmediate(7, a, value),
    moveIf: (condition, to, from) => wide([0x0f, 0x40 | conditions[condition]], to, from),
    jump(to, condition) {
      if (condition === undefined) emit(0xe9);
      else emit(0x0f, 0x80 | conditions[condition]);
      distance(to, 0);
    },
    callRegister: (register) => emit(...(high(register) ? [0x41] : []), 0xff, 0xd0 | (register & 7)),
    call(label) {
      emit(0xe8);
      distance(label, 0);
    },

    vex3: (name, to, first, second) => vex(threeOperand[name], to, first, second),
    vex2: (name, to, from) => vex(twoOperand[name], to, 0, from),
    vstore: (to, from) => vex(arithmetic(0x11), from, 0, to),
    vmaskload: (to, mask, from) => vex(multiplyAdd(0x2c), to, mask, from),
    vmaskstore: (to, mask, from) => vex(multiplyAdd(0x2e), from, mask, to),
    vround(to, from) {
      vex({ prefix: "66", map: "0F3A", opcode: 0x08 }, to, 0, from, { behind: 1 });
      emit(8); // nearest even, no precision exception
    },
    vcompare(relation, to, first, second) {
      vex(arithmetic(0xc2), to, first, second, { behind: 1 });
      emit(relation === "less" ? 1 : 3);
    },
    vblend(to, first, second, mask) {
      vex({ prefix: "66", map: "0F3A", opcode: 0x4a }, to, first, second, { behind: 1 });
      emit(mask << 4);
    },
    vshiftLeft(to, from, bits) {
      vex(integer(0x72), 6, to, from, { behind: 1 });
      emit(bits);
    },
    vshiftRight(to, from, bits) {
      vex(integer(0x72), 4, to, from, { behind: 1 });
      emit(bits);
    },
    vzeroupper: () => vex0(emit),
  };
}

const vex0 = (emit: (...values: number[]) => void) => emit(0xc5, 0xf8, 0x77);

const tooLarge = (value: number): CongError =>
  new CongError(
    "BAD_OPTION",
    `x64: ${value} does not fit the 32 bits of an instruction`,
    { value },
    "split the tensor",
  );
