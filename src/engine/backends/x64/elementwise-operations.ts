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
  log2OfE: 1.442_695_040_888_963_4,
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

/**
 * Emits one op.
 * @param result claims the register of the result; to be called once all operands are in registers.
 */
export function emitOperation(
  assembler: Assembler,
  op: FusableOp,
  inputs: readonly number[],
  operands: Operands,
  result: () => Ymm,
): void {
  const { constant, bits } = operands;
  const [a, b] = inputs as [number, number];
  switch (op) {
    case "add":
    case "mul": {
      const swap = !operands.isInRegister(a) && operands.isInRegister(b);
      const first = operands.inRegister(swap ? b : a);
      const second = operands.anywhere(swap ? a : b);
      return assembler.vex3(op === "add" ? "vaddps" : "vmulps", result(), first, second);
    }
    case "sub":
    case "div": {
      const first = operands.inRegister(a);
      const second = operands.anywhere(b);
      return assembler.vex3(op === "sub" ? "vsubps" : "vdivps", result(), first, second);
    }
    case "maximum":
    case "minimum": {
      // The instruction returns its second operand where either is NaN; a NaN in the first must win, too.
      const first = operands.inRegister(a);
      const second = operands.anywhere(b);
      const [to, unordered] = [result(), operands.scratch()];
      assembler.vex3(op === "maximum" ? "vmaxps" : "vminps", to, first, second);
      assembler.vcompare("unordered", unordered, first, first);
      return assembler.vblend(to, to, first, unordered);
    }
    case "neg":
      return assembler.vex3("vxorps", ...unary(operands, a, result), bits(signBit));
    case "abs":
      return assembler.vex3("vandps", ...unary(operands, a, result), bits(allButSign));
    case "sqrt": {
      const source = operands.anywhere(a);
      return assembler.vex2("vsqrtps", result(), source);
    }
    case "reciprocal": {
      const source = operands.anywhere(a);
      const [to, one] = [result(), operands.scratch()];
      assembler.vex2("vmovups", one, constant(1));
      return assembler.vex3("vdivps", to, one, source);
    }
    case "relu": {
      const source = operands.anywhere(a);
      const [to, zero] = [result(), operands.scratch()];
      assembler.vex3("vxorps", zero, zero, zero);
      return assembler.vex3("vmaxps", to, zero, source); // x where x is NaN
    }
    case "exp": {
      const [to, x] = unary(operands, a, result);
      return emitExp(assembler, operands, to, x, operands.scratch(), operands.scratch());
    }
    case "sigmoid":
    case "silu": {
      const [to, x] = unary(operands, a, result);
      const [s, t] = [operands.scratch(), operands.scratch()];
      assembler.vex3("vxorps", to, x, bits(signBit));
      emitExp(assembler, operands, to, to, s, t);
      assembler.vex3("vaddps", to, to, constant(1));
      if (op === "silu") return assembler.vex3("vdivps", to, x, to);
      assembler.vex2("vmovups", s, constant(1));
      return assembler.vex3("vdivps", to, s, to);
    }
    case "tanh": {
      const [to, x] = unary(operands, a, result);
      return emitTanh(assembler, operands, to, x, operands.scratch(), operands.scratch());
    }
    default:
      op satisfies never;
  }
}

/** Registers of the result and of the only operand; they differ. */
function unary(operands: Operands, input: number, result: () => Ymm): [Ymm, Ymm] {
  const x = operands.inRegister(input);
  return [result(), x];
}

/** to = e^x; x may be `to`. */
function emitExp(assembler: Assembler, { constant, bits }: Operands, to: Ymm, x: Ymm, s: Ymm, t: Ymm): void {
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
function emitTanh(assembler: Assembler, operands: Operands, to: Ymm, x: Ymm, s: Ymm, t: Ymm): void {
  const { constant, bits } = operands;
  assembler.vex3("vandps", to, x, bits(allButSign));
  assembler.vex3("vaddps", to, to, to);
  emitExp(assembler, operands, to, to, s, t);
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
