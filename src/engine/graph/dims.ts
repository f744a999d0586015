/**
 * Sizes of dimensions: numbers, or expressions over names such as "batch" or "past+length".
 *
 * An expression is a polynomial with integer coefficients, kept as a string in one canonical form, so that two sizes
 * are known to be equal exactly when they are `===`. Names are bound to numbers when a program runs.
 */
import { CongError } from "../../support/errors.ts";

export type Dim = number | string;
export type Bindings = Readonly<Record<string, number>>;

/** Monomial (names joined by "*", "" for the constant) → coefficient. */
type Polynomial = Map<string, number>;

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;
const parsed = new Map<string, Polynomial>();

/** True for a plain name, false for an expression such as "batch*length". */
export const isName = (dim: Dim): dim is string => typeof dim === "string" && namePattern.test(dim);

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  const sum = new Map(polynomial(a));
  for (const [monomial, factor] of polynomial(b)) sum.set(monomial, (sum.get(monomial) ?? 0) + factor);
  return canonical(sum);
}

export const subtractDims = (a: Dim, b: Dim): Dim => addDims(a, multiplyDims(b, -1));

export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  const product: Polynomial = new Map();
  for (const [left, leftFactor] of polynomial(a)) {
    for (const [right, rightFactor] of polynomial(b)) {
      const names = [...left.split("*"), ...right.split("*")].filter((name) => name !== "").sort();
      const monomial = names.join("*");
      product.set(monomial, (product.get(monomial) ?? 0) + leftFactor * rightFactor);
    }
  }
  return canonical(product);
}

export const productOfDims = (dims: readonly Dim[]): Dim => dims.reduce(multiplyDims, 1);

/** a / b when the division is exact as polynomials, else undefined. Only a single-term divisor is supported. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  if (typeof a === "number" && typeof b === "number") return b !== 0 && a % b === 0 ? a / b : undefined;
  if (a === b) return 1;
  const divisor = [...polynomial(b)];
  if (divisor.length !== 1) return undefined;
  const [monomial, factor] = divisor[0]!;
  const quotient: Polynomial = new Map();
  for (const [term, coefficient] of polynomial(a)) {
    if (coefficient % factor !== 0) return undefined;
    const names = term.split("*");
    for (const name of monomial === "" ? [] : monomial.split("*")) {
      const at = names.indexOf(name);
      if (at < 0) return undefined;
      names.splice(at, 1);
    }
    quotient.set(names.join("*"), coefficient / factor);
  }
  return canonical(quotient);
}

/** Names that a size depends on. */
export function dimNames(dim: Dim): string[] {
  if (typeof dim === "number") return [];
  const names = [...polynomial(dim).keys()].flatMap((monomial) => monomial.split("*"));
  return [...new Set(names)].filter((name) => name !== "");
}

/** Terms of a size as (coefficient, names), for backends that compute sizes at run time. */
export function dimTerms(dim: Dim): { readonly factor: number; readonly names: readonly string[] }[] {
  return [...polynomial(dim)].map(([monomial, factor]) => ({
    factor,
    names: monomial === "" ? [] : monomial.split("*"),
  }));
}

/** Replaces the bound names; the result is a number when all names are bound. */
export function bindDim(dim: Dim, bindings: Bindings): Dim {
  if (typeof dim === "number") return dim;
  return dimTerms(dim).reduce<Dim>((sum, { factor, names }) => {
    return addDims(
      sum,
      names.reduce<Dim>((product, name) => multiplyDims(product, bindings[name] ?? name), factor),
    );
  }, 0);
}

/**
 * The number a size stands for.
 * @throws CongError `UNBOUND_DIMENSION` when a name has no value.
 */
export function evaluateDim(dim: Dim, bindings: Bindings): number {
  const value = bindDim(dim, bindings);
  if (typeof value === "number") return value;
  const missing = dimNames(value);
  throw new CongError(
    "UNBOUND_DIMENSION",
    `dimension "${dim}" has no size: ${missing.map((name) => `"${name}"`).join(", ")} not bound`,
    { dim, missing, bindings },
    "bind it at compile time, or feed an input whose shape has this name",
  );
}

export const evaluateShape = (shape: readonly Dim[], bindings: Bindings): number[] =>
  shape.map((dim) => evaluateDim(dim, bindings));

function polynomial(dim: Dim): Polynomial {
  if (typeof dim === "number") return new Map([["", dim]]);
  const known = parsed.get(dim);
  if (known) return known;
  if (!namePattern.test(dim)) {
    throw new CongError(
      "BAD_DIMENSION",
      `"${dim}" is not a dimension name`,
      { dim },
      "use letters, digits and _, as in 'batch'; combine sizes with addDims and multiplyDims",
    );
  }
  const single: Polynomial = new Map([[dim, 1]]);
  parsed.set(dim, single);
  return single;
}

function canonical(terms: Polynomial): Dim {
  const kept = [...terms].filter(([, factor]) => factor !== 0).sort(([a], [b]) => (a < b ? 1 : -1));
  if (kept.every(([monomial]) => monomial === "")) return kept[0]?.[1] ?? 0;
  const text = kept
    .map(([monomial, factor]) => (monomial === "" ? `${factor}` : factor === 1 ? monomial : `${factor}*${monomial}`))
    .join("+");
  parsed.set(text, new Map(kept));
  return text;
}
