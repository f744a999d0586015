/** Elementwise ops: nearly all of them have an ONNX op of the same meaning. */
import type { Lowering, LoweringTable } from "../lowering.ts";

const direct =
  (op: string): Lowering =>
  (lower, _node, inputs) => [lower.emit(op, inputs)];

export const elementwise = {
  neg: direct("Neg"),
  abs: direct("Abs"),
  sign: direct("Sign"),
  floor: direct("Floor"),
  exp: direct("Exp"),
  log: direct("Log"),
  sqrt: direct("Sqrt"),
  reciprocal: direct("Reciprocal"),
  sin: direct("Sin"),
  cos: direct("Cos"),
  tanh: direct("Tanh"),
  sigmoid: direct("Sigmoid"),
  erf: direct("Erf"),
  softplus: direct("Softplus"),
  relu: direct("Relu"),
  // x·sigmoid(alpha·x) in one pass
  silu: (lower, _node, inputs) => [
    lower.emit("QuickGelu", inputs, { domain: "com.microsoft", attributes: { alpha: { float: 1 } } }),
  ],
  not: direct("Not"),
  add: direct("Add"),
  sub: direct("Sub"),
  mul: direct("Mul"),
  div: direct("Div"),
  pow: direct("Pow"),
  maximum: direct("Max"),
  minimum: direct("Min"),
  equal: direct("Equal"),
  less: direct("Less"),
  lessOrEqual: direct("LessOrEqual"),
  and: direct("And"),
  or: direct("Or"),
  where: direct("Where"),
} as const satisfies LoweringTable;
