/** Elementwise functions of one tensor. Shapes and dtypes stay as they are. */
import type { Tensor } from "../graph/builder.ts";
import type { DType } from "../graph/dtype.ts";
import {
  type GradientRule,
  type NotDifferentiable,
  notDifferentiable,
  type OpDefinition,
  requireDType,
} from "../graph/op.ts";
import { add, div, mul, sub } from "./binary.ts";
import { emit } from "./emit.ts";
import { erf as erfOf } from "./special-functions.ts";

type NoParams = Readonly<Record<string, never>>;
/** d loss / d input from input x, output y and the output's gradient g. */
type Derivative = (x: Tensor, y: Tensor, g: Tensor) => Tensor;

function unary(
  name: string,
  of: (x: number) => number,
  derivative: Derivative | NotDifferentiable,
  dtypes: readonly DType[] = ["float32"],
): OpDefinition<NoParams> {
  const gradient: GradientRule<NoParams> | NotDifferentiable =
    typeof derivative === "function"
      ? ({ inputs: [x], outputs: [y], gradients: [g] }) => [derivative(x!, y!, g!)]
      : derivative;
  return {
    name,
    elementwise: true,
    infer: ([x]) => {
      requireDType(name, x!, dtypes);
      return [x!];
    },
    gradient,
    evaluate: ({ inputs: [x], outputs: [y] }) => {
      for (let i = 0; i < y!.data.length; i++) y!.data[i] = of(x!.data[i]!);
    },
  };
}

const sigmoidOf = (x: number): number => 1 / (1 + Math.exp(-x));
const step = "is constant almost everywhere";

export const unaryOps = {
  neg: unary(
    "neg",
    (x) => -x,
    (_x, _y, g) => neg(g),
    ["float32", "int32", "int64"],
  ),
  abs: unary("abs", Math.abs, (x, _y, g) => mul(g, sign(x)), ["float32", "int32", "int64"]),
  sign: unary("sign", Math.sign, notDifferentiable(step), ["float32", "int32", "int64"]),
  floor: unary("floor", Math.floor, notDifferentiable(step)),
  exp: unary("exp", Math.exp, (_x, y, g) => mul(g, y)),
  log: unary("log", Math.log, (x, _y, g) => div(g, x)),
  sqrt: unary("sqrt", Math.sqrt, (_x, y, g) => div(mul(g, 0.5), y)),
  reciprocal: unary(
    "reciprocal",
    (x) => 1 / x,
    (_x, y, g) => neg(mul(g, mul(y, y))),
  ),
  sin: unary("sin", Math.sin, (x, _y, g) => mul(g, cos(x))),
  cos: unary("cos", Math.cos, (x, _y, g) => neg(mul(g, sin(x)))),
  tanh: unary("tanh", Math.tanh, (_x, y, g) => mul(g, sub(1, mul(y, y)))),
  sigmoid: unary("sigmoid", sigmoidOf, (_x, y, g) => mul(g, sub(y, mul(y, y)))),
  erf: unary("erf", erfOf, (x, _y, g) => mul(g, mul(2 / Math.sqrt(Math.PI), exp(neg(mul(x, x)))))),
  softplus: unary(
    "softplus",
    (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    (x, _y, g) => mul(g, sigmoid(x)),
  ),
  relu: unary(
    "relu",
    (x) => Math.max(x, 0),
    (_x, y, g) => mul(g, sign(y)),
  ),
  silu: unary("silu", (x) => x * sigmoidOf(x), siluDerivative),
  not: unary("not", (x) => (x === 0 ? 1 : 0), notDifferentiable("works on truth values"), ["bool"]),
};

/** silu'(x) = s + y − y·s with s = sigmoid(x), y = x·s. */
function siluDerivative(x: Tensor, y: Tensor, g: Tensor): Tensor {
  const s = sigmoid(x);
  return mul(g, add(s, sub(y, mul(y, s))));
}

/** −x */
export const neg = (x: Tensor): Tensor => emit(unaryOps.neg, [x], {});
/** |x|; the gradient at 0 is 0. */
export const abs = (x: Tensor): Tensor => emit(unaryOps.abs, [x], {});
/** −1, 0 or 1. */
export const sign = (x: Tensor): Tensor => emit(unaryOps.sign, [x], {});
/** Largest integer not above x. */
export const floor = (x: Tensor): Tensor => emit(unaryOps.floor, [x], {});
/** e^x */
export const exp = (x: Tensor): Tensor => emit(unaryOps.exp, [x], {});
/** Natural logarithm. */
export const log = (x: Tensor): Tensor => emit(unaryOps.log, [x], {});
/** Square root. */
export const sqrt = (x: Tensor): Tensor => emit(unaryOps.sqrt, [x], {});
/** 1/x */
export const reciprocal = (x: Tensor): Tensor => emit(unaryOps.reciprocal, [x], {});
/** Sine, in radians. */
export const sin = (x: Tensor): Tensor => emit(unaryOps.sin, [x], {});
/** Cosine, in radians. */
export const cos = (x: Tensor): Tensor => emit(unaryOps.cos, [x], {});
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => emit(unaryOps.tanh, [x], {});
/** 1 / (1 + e^−x) */
export const sigmoid = (x: Tensor): Tensor => emit(unaryOps.sigmoid, [x], {});
/** Gauss error function. */
export const erf = (x: Tensor): Tensor => emit(unaryOps.erf, [x], {});
/** log(1 + e^x), without overflow. */
export const softplus = (x: Tensor): Tensor => emit(unaryOps.softplus, [x], {});
/** max(x, 0); the gradient at 0 is 0, as in PyTorch. */
export const relu = (x: Tensor): Tensor => emit(unaryOps.relu, [x], {});
/** x · sigmoid(x) (Elfwing et al. 2017). */
export const silu = (x: Tensor): Tensor => emit(unaryOps.silu, [x], {});
/** Logical negation of a bool tensor. */
export const not = (x: Tensor): Tensor => emit(unaryOps.not, [x], {});

/** GELU (Hendrycks & Gimpel 2016): exact x·Φ(x), or its tanh approximation as in GPT-2 and GLM. */
export function gelu(x: Tensor, approximate: "none" | "tanh" = "none"): Tensor {
  if (approximate === "none") return mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));
  const inner = mul(mul(x, add(mul(mul(x, x), 0.044715), 1)), Math.sqrt(2 / Math.PI));
  return mul(mul(x, 0.5), add(tanh(inner), 1));
}
