/**
 * Algebra that saves work, independent of any backend: operations that cancel, transposes and scales that a matrix
 * product can absorb, additions of zero.
 */
import { elementCount, type HostTensor } from "../graph/dtype.ts";
import type { Graph, Node, ValueId } from "../graph/graph.ts";
import { sameShape } from "../graph/shape.ts";
import { scatterAddOp } from "../ops/gather.ts";
import { type MatmulParams, matmulOp } from "../ops/matmul.ts";
import { reshapeOp, transposeOp } from "../ops/movement.ts";
import { constantOp } from "../ops/source.ts";
import { countUses, type Pass, Rewriter } from "./rewrite.ts";

/** Returns the value that replaces the node's output, or undefined to leave it. */
type Rule = (node: Node, inputs: readonly ValueId[], view: View) => ValueId | undefined;

interface View {
  readonly rewriter: Rewriter;
  /** The node that computes a value, if it is of that op. */
  of(value: ValueId, op: string): Node | undefined;
  /** The number, if the value is that number everywhere. */
  uniform(value: ValueId): number | undefined;
  /** Nobody else reads the value, so the node that makes it can be merged into its reader. */
  single(value: ValueId): boolean;
}

const rules: Readonly<Record<string, readonly Rule[]>> = {
  add: [dropNeutral(0), addIntoScatter],
  sub: [(_, [a, b], view) => (view.uniform(b!) === 0 && fits(a!, _, view) ? a : undefined)],
  mul: [dropNeutral(1), scaleMatmul],
  div: [(_, [a, b], view) => (view.uniform(b!) === 1 && fits(a!, _, view) ? a : undefined)],
  neg: [(_, [a], view) => view.of(a!, "neg")?.inputs[0]],
  reshape: [mergeReshapes],
  transpose: [mergeTransposes],
  matmul: [absorbTransposes],
};

export const simplify: Pass = {
  name: "simplify",
  apply(graph: Graph) {
    const rewriter = new Rewriter(graph);
    const uses = countUses(graph);
    const view: View = {
      rewriter,
      of: (value, op) => {
        const node = rewriter.producers.get(value);
        return node?.op === op ? node : undefined;
      },
      uniform: (value) => uniformValue(rewriter, value),
      single: (value) => uses.get(value) === 1,
    };
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((value) => rewriter.resolve(value));
      let replacement: ValueId | undefined;
      for (const rule of rules[node.op] ?? []) replacement ??= rule(node, inputs, view);
      if (replacement === undefined) rewriter.keep(node);
      else rewriter.replace(node.outputs[0]!, replacement);
    }
    return rewriter.finish();
  },
};

function uniformValue(rewriter: Rewriter, value: ValueId): number | undefined {
  const node = rewriter.producers.get(value);
  if (node?.op === "expand") return uniformValue(rewriter, node.inputs[0]!);
  if (node?.definition !== (constantOp as unknown)) return undefined;
  const { dtype, shape, data } = (node!.params as { value: HostTensor }).value;
  if (elementCount(shape) !== 1 || dtype === "float16" || dtype === "bfloat16") return undefined;
  return Number(data[0]);
}

/** The replacement must have the type the node had: x + 0 may still broadcast x. */
const fits = (value: ValueId, node: Node, { rewriter }: View): boolean =>
  sameShape(rewriter.types[value]!.shape, rewriter.types[node.outputs[0]!]!.shape);

function dropNeutral(neutral: number): Rule {
  return (node, [a, b], view) => {
    if (view.uniform(b!) === neutral && fits(a!, node, view)) return a;
    if (view.uniform(a!) === neutral && fits(b!, node, view)) return b;
    return undefined;
  };
}

/** a + scatterAdd(0, …) adds straight into a. */
function addIntoScatter(node: Node, inputs: readonly ValueId[], view: View): ValueId | undefined {
  for (const [i, value] of inputs.entries()) {
    const scatter = view.of(value, "scatterAdd");
    if (scatter === undefined || !view.single(value) || view.uniform(scatter.inputs[0]!) !== 0) continue;
    const base = inputs[1 - i]!;
    if (!fits(base, node, view)) continue;
    const [, indices, updates] = scatter.inputs;
    return view.rewriter.add(scatterAddOp, [base, indices!, updates!], scatter.params as { axis: number }, node);
  }
  return undefined;
}

/** (a·b)·s with a literal s becomes the product's own scale. */
function scaleMatmul(node: Node, inputs: readonly ValueId[], view: View): ValueId | undefined {
  for (const [i, value] of inputs.entries()) {
    const scale = view.uniform(inputs[1 - i]!);
    const product = view.of(value, "matmul");
    if (scale === undefined || product === undefined || !view.single(value) || !fits(value, node, view)) continue;
    const params = product.params as MatmulParams;
    return view.rewriter.add(matmulOp, product.inputs, { ...params, scale: params.scale * scale }, node);
  }
  return undefined;
}

function mergeReshapes(node: Node, [x]: readonly ValueId[], view: View): ValueId | undefined {
  const inner = view.of(x!, "reshape");
  const from = inner?.inputs[0] ?? x!;
  if (fits(from, node, view)) return from;
  if (inner === undefined) return undefined;
  return view.rewriter.add(reshapeOp, [from], node.params as { shape: readonly number[] }, node);
}

function mergeTransposes(node: Node, [x]: readonly ValueId[], view: View): ValueId | undefined {
  const inner = view.of(x!, "transpose");
  if (inner === undefined) return undefined;
  const first = (inner.params as { order: readonly number[] }).order;
  const order = (node.params as { order: readonly number[] }).order.map((axis) => first[axis]!);
  if (order.every((axis, i) => axis === i)) return inner.inputs[0];
  return view.rewriter.add(transposeOp, [inner.inputs[0]!], { order }, node);
}

/** A transpose of the last two axes is read by the product itself. */
function absorbTransposes(node: Node, inputs: readonly ValueId[], view: View): ValueId | undefined {
  const swapped = inputs.map((value) => {
    const inner = view.of(value, "transpose");
    if (inner === undefined) return undefined;
    const { order } = inner.params as { order: readonly number[] };
    const rank = order.length;
    const swap = order.every((axis, i) => axis === (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i));
    return swap ? inner.inputs[0] : undefined;
  });
  if (swapped[0] === undefined && swapped[1] === undefined) return undefined;
  const { transposeA, transposeB, scale } = node.params as MatmulParams;
  return view.rewriter.add(
    matmulOp,
    inputs.map((value, i) => swapped[i] ?? value),
    {
      transposeA: swapped[0] === undefined ? transposeA : !transposeA,
      transposeB: swapped[1] === undefined ? transposeB : !transposeB,
      scale,
    },
    node,
  );
}
