/**
 * Each fusable op as AVX2 code on a vector of eight float32.
 *
 * e^x and tanh follow the Cephes library (S. L. Moshier, `expf.c` and `tanhf.c`, netlib.org/cephes): range reduction by
 * multiples of ln 2 and a polynomial, within 2 units in the last place.
 */
import type { FusableOp } from "../../ops/fused.ts";
import type { Assembler, Memory, Ymm, YmmOrMemory } from "./assembler.ts";

/** How operations get at values and registers. */
export interface Operands {
  inRegister(value: number): Ymm;
  anywhere(value: number): YmmOrMemory;
  isInRegister(value: number): boolean;
  /** A register for the duration of one operation. */
  scratch(): Ymm;
  /** Eight times a float32, or 32 bits. */
  constant(value: number): Memory;
  bits(value: number): Memory;
}

const signBit = 0x8000_0000;
const allButSign = 0x7fff_ffff;

const exponential = {
  highest: 89, // e^89 overflows
  lowest: -104, // e^−104 is 0
  log2OfE: Math.LOG2E,
  // ln 2 in two parts: multiples of the first are exact
  ln2High: 0.693_359_375,
  ln2Low: -2.121_944_4e-4,
  polynomial: [
    1.987_569_15e-4, 1.398_199_950_7e-3, 8.333_451_907_3e-3, 4.166_579_589_4e-2, 1.666_666_545_9e-1, 5.000_000_120_1e-1,
  ],
  exponentBias: 127,
  mantissaBits: 23,
};

const hyperbolic = {
  /** Below, 1 − 2/(e^2x + 1) would lose digits. */
  small: 0.625,
  polynomial: [
    -5.704_988_727_45e-3, 2.063_908_879_54e-2, -5.373_971_555_31e-2, 1.333_144_220_36e-1, -3.333_328_194_22e-1,
  ],
};

/** What the code of one op is made with. */
interface Operation extends Operands {
  readonly assembler: Assembler;
  readonly inputs: readonly number[];
  /** Claims the register of the result; to be called once all operands are in place. */
  result(): Ymm;
}

/** Emits one op. @param result claims the register of the result. */
export function emitOperation(
  assembler: Assembler,
  op: FusableOp,
  inputs: readonly number[],
  operands: Operands,
  result: () => Ymm,
): void {
  emitters[op]({ ...operands, assembler, inputs, result });
}

const emitters: { readonly [K in FusableOp]: (operation: Operation) => void } = {
  add: commutative("vaddps"),
  mul: commutative("vmulps"),
  sub: ordered("vsubps"),
  div: ordered("vdivps"),
  maximum: extreme("vmaxps"),
  minimum: extreme("vminps"),
  neg: (operation) => {
    const [to, x] = unary(operation);
    operation.assembler.vex3("vxorps", to, x, operation.bits(signBit));
  },
  abs: (operation) => {
    const [to, x] = unary(operation);
    operation.assembler.vex3("vandps", to, x, operation.bits(allButSign));
  },
  sqrt: ({ assembler, inputs, anywhere, result }) => {
    const x = anywhere(inputs[0]!);
    assembler.vex2("vsqrtps", result(), x);
  },
  reciprocal: ({ assembler, inputs, anywhere, result, scratch, constant }) => {
    const x = anywhere(inputs[0]!);
    const [to, one] = [result(), scratch()];
    assembler.vex2("vmovups", one, constant(1));
    assembler.vex3("vdivps", to, one, x);
  },
  relu: ({ assembler, inputs, anywhere, result, scratch }) => {
    const x = anywhere(inputs[0]!);
    const [to, zero] = [result(), scratch()];
    assembler.vex3("vxorps", zero, zero, zero);
    assembler.vex3("vmaxps", to, zero, x); // x where it is NaN
  },
  exp: (operation) => {
    const [to, x] = unary(operation);
    emitExp(operation, to, x, operation.scratch(), operation.scratch());
  },
  sigmoid: (operation) => {
    const [to, x] = unary(operation);
    const [s, t] = [operation.scratch(), operation.scratch()];
    emitOnePlusExpOfMinus(operation, to, x, s, t);
    operation.assembler.vex2("vmovups", s, operation.constant(1));
    operation.assembler.vex3("vdivps", to, s, to);
  },
  silu: (operation) => {
    const [to, x] = unary(operation);
    emitOnePlusExpOfMinus(operation, to, x, operation.scratch(), operation.scratch());
    operation.assembler.vex3("vdivps", to, x, to);
  },
  tanh: (operation) => {
    const [to, x] = unary(operation);
    emitTanh(operation, to, x, operation.scratch(), operation.scratch());
  },
};

function commutative(name: "vaddps" | "vmulps") {
  return ({ assembler, inputs: [a, b], inRegister, anywhere, isInRegister, result }: Operation): void => {
    const swap = !isInRegister(a!) && isInRegister(b!);
    const first = inRegister(swap ? b! : a!);
    const second = anywhere(swap ? a! : b!);
    assembler.vex3(name, result(), first, second);
  };
}

function ordered(name: "vsubps" | "vdivps") {
  return ({ assembler, inputs: [a, b], inRegister, anywhere, result }: Operation): void => {
    const first = inRegister(a!);
    const second = anywhere(b!);
    assembler.vex3(name, result(), first, second);
  };
}

/** The instruction returns its second operand where either is NaN; a NaN in the first must win, too. */
function extreme(name: "vmaxps" | "vminps") {
  return ({ assembler, inputs: [a, b], inRegister, anywhere, result, scratch }: Operation): void => {
    const first = inRegister(a!);
    const second = anywhere(b!);
    const [to, unordered] = [result(), scratch()];
    assembler.vex3(name, to, first, second);
    assembler.vcompare("unordered", unordered, first, first);
    assembler.vblend(to, to, first, unordered);
  };
}

/** Registers of the result and of the only operand; they differ. */
function unary({ inputs, inRegister, result }: Operation): [Ymm, Ymm] {
  const x = inRegister(inputs[0]!);
  return [result(), x];
}

/** to = 1 + e^−x; to and x differ. */
function emitOnePlusExpOfMinus(operation: Operation, to: Ymm, x: Ymm, s: Ymm, t: Ymm): void {
  const { assembler, constant, bits } = operation;
  assembler.vex3("vxorps", to, x, bits(signBit));
  emitExp(operation, to, to, s, t);
  assembler.vex3("vaddps", to, to, constant(1));
}

/** to = e^x; x may be `to`. */
function emitExp({ assembler, constant, bits }: Operation, to: Ymm, x: Ymm, s: Ymm, t: Ymm): void {
  const { highest, lowest, log2OfE, ln2High, ln2Low, polynomial, exponentBias, mantissaBits } = exponential;
  // Operands in this order let a NaN through.
  assembler.vex2("vmovups", s, constant(highest));
  assembler.vex3("vminps", to, s, x);
  assembler.vex2("vmovups", s, constant(lowest));
  assembler.vex3("vmaxps", to, s, to);
  // s = n, to = r with x = n·ln 2 + r
  assembler.vex3("vmulps", s, to, constant(log2OfE));
  assembler.vround(s, s);
  assembler.vex3("vfnmadd231ps", to, s, constant(ln2High));
  assembler.vex3("vfnmadd231ps", to, s, constant(ln2Low));
  // t = 1 + r + r²·P(r)
  emitPolynomial(assembler, constant, t, to, polynomial);
  assembler.vex3("vmulps", t, t, to);
  assembler.vex3("vfmadd213ps", t, to, to);
  assembler.vex3("vaddps", t, t, constant(1));
  // times 2^n as two powers of two, because n may be 128
  assembler.vex2("vcvtps2dq", s, s);
  assembler.vshiftRight(to, s, 1);
  assembler.vex3("vpsubd", s, s, to);
  for (const half of [to, s]) {
    assembler.vex3("vpaddd", half, half, bits(exponentBias));
    assembler.vshiftLeft(half, half, mantissaBits);
  }
  assembler.vex3("vmulps", t, t, to);
  assembler.vex3("vmulps", to, t, s);
}

/** to = tanh(x); the four registers differ. */
function emitTanh(operation: Operation, to: Ymm, x: Ymm, s: Ymm, t: Ymm): void {
  const { assembler, constant, bits } = operation;
  assembler.vex3("vandps", to, x, bits(allButSign));
  assembler.vex3("vaddps", to, to, to);
  emitExp(operation, to, to, s, t);
  assembler.vex3("vaddps", to, to, constant(1));
  assembler.vex2("vmovups", s, constant(2));
  assembler.vex3("vdivps", to, s, to);
  assembler.vex2("vmovups", s, constant(1));
  assembler.vex3("vsubps", to, s, to);
  assembler.vex3("vandps", s, x, bits(signBit));
  assembler.vex3("vorps", to, to, s);
  // near 0: x + x³·P(x²)
  assembler.vex3("vmulps", s, x, x);
  emitPolynomial(assembler, constant, t, s, hyperbolic.polynomial);
  assembler.vex3("vmulps", t, t, s);
  assembler.vex3("vfmadd213ps", t, x, x);
  assembler.vex3("vandps", s, x, bits(allButSign));
  assembler.vcompare("less", s, s, constant(hyperbolic.small));
  assembler.vblend(to, to, t, s);
}

/** to = Σ coefficients·xⁱ, the highest power first. */
function emitPolynomial(
  assembler: Assembler,
  constant: (value: number) => Memory,
  to: Ymm,
  x: Ymm,
  [first, ...rest]: readonly number[],
): void {
  assembler.vex2("vmovups", to, constant(first!));
  for (const coefficient of rest) assembler.vex3("vfmadd213ps", to, x, constant(coefficient));
}
