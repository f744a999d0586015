/**
 * Turns a graph into an ONNX graph.
 *
 * Each op is lowered by one function of the table in `lowerings/index.ts`, which emits ONNX nodes through a `Lowerer`
 * and returns the names of its results. Sizes that are known become constants; named sizes are read off the shapes of
 * the sources at run time.
 */

import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor, OnnxValue } from "../../../formats/onnx/index.ts";
import { CongError } from "../../../support/errors.ts";
import { type Dim, dimTerms } from "../../graph/dims.ts";
import { bytesPerElement, type DType, elementCount, type HostTensor, hostTensor } from "../../graph/dtype.ts";
import { type Graph, graphSources, type Node, type TensorType, type ValueId } from "../../graph/graph.ts";

export type Attributes = Readonly<Record<string, OnnxAttribute>>;

export interface EmitOptions {
  readonly domain?: string;
  readonly attributes?: Attributes;
  /** Number of outputs. Default 1. */
  readonly outputs?: number;
}

/** What a lowering works with. */
export interface Lowerer {
  readonly graph: Graph;
  /** Type of the n-th input or output of the node being lowered. */
  inputType(index: number): TensorType;
  outputType(index: number): TensorType;
  /** True if something reads that output. */
  isUsed(outputIndex: number): boolean;
  /** Number of readers of a value, and the node that made it. */
  uses(value: ValueId): number;
  producer(value: ValueId): Node | undefined;
  nameOf(value: ValueId): string;
  /** Emits one ONNX node and returns the name of its first output. */
  emit(op: string, inputs: readonly string[], options?: EmitOptions): string;
  emitAll(op: string, inputs: readonly string[], options?: EmitOptions): string[];
  /** A small constant. */
  constant(dtype: DType, shape: readonly number[], values: ArrayLike<number>): string;
  literal(tensor: HostTensor): string;
  /** Sizes as an int64 vector. */
  shape(dims: readonly Dim[]): string;
  /** Lowers a subgraph whose inputs have these names; unlisted outputs are left out. */
  subgraph(graph: Graph, inputNames: readonly string[]): { nodes: OnnxNode[]; outputs: string[] };
  /** A fresh value name. */
  fresh(hint: string): string;
}

export type Lowering = (lower: Lowerer, node: Node, inputs: readonly string[]) => readonly string[];
export type LoweringTable = Readonly<Record<string, Lowering>>;

interface Shared {
  readonly table: LoweringTable;
  readonly initializers: OnnxTensor[];
  readonly constants: Map<string, string>;
  /** Vectors of one element with the size of a name, made once in the outer graph. */
  readonly sizes: Map<string, string>;
  readonly outer: OnnxNode[];
  /** Shapes made of sizes, by their text: made once, in front of everything that is not a size. */
  readonly shapes: Map<string, string>;
  /** How many nodes make sizes and shapes. */
  prelude: number;
  counter: number;
}

export interface LoweredGraph {
  readonly onnx: OnnxGraph;
  /** For each ONNX node name, the graph node it came from. */
  readonly origins: ReadonlyMap<string, Node>;
}

/** @param stored constants that are too large to be part of the model file, by name. */
export function lowerGraph(graph: Graph, table: LoweringTable, stored: readonly OnnxTensor[]): LoweredGraph {
  const shared: Shared = {
    table,
    initializers: [...stored],
    constants: new Map(),
    sizes: new Map(),
    outer: [],
    shapes: new Map(),
    prelude: 0,
    counter: 0,
  };
  const origins = new Map<string, Node>();
  const names = new Map<ValueId, string>();
  for (const { name, value } of [...graph.inputs, ...graph.state, ...graph.constants]) names.set(value, name);
  const toValue = ({ name, value }: { name: string; value: ValueId }): OnnxValue => ({
    name,
    dtype: graph.types[value]!.dtype,
    shape: graph.types[value]!.shape,
  });
  prepareSizes(graph, shared);
  shared.prelude = shared.outer.length;
  const nodes = shared.outer;
  lowerNodes(graph, names, shared, nodes, origins);
  const wanted = [
    ...graph.outputs.map(({ name, value }) => ({ name: outputName(name), value })),
    ...graph.state.flatMap(({ name, update }) =>
      update === undefined ? [] : [{ name: nextName(name), value: update }],
    ),
  ];
  // A result is its maker's output under another name; sources and second names of one value are copied.
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const renamed = new Map<string, string>();
  const copies: OnnxNode[] = [];
  for (const { name, value } of wanted) {
    const current = names.get(value)!;
    if (made.has(current) && !renamed.has(current)) renamed.set(current, name);
    else copies.push({ op: "Identity", name: `copy to ${name}`, inputs: [current], outputs: [name] });
  }
  const rename = (name: string) => renamed.get(name) ?? name;
  return {
    origins,
    onnx: {
      name: "congling",
      nodes: withoutUnread(
        [...nodes, ...copies].map((node) => renameValues(node, rename)),
        wanted.map(({ name }) => name),
      ),
      inputs: [...graph.inputs, ...graph.state].map(toValue),
      outputs: wanted.map(toValue),
      initializers: shared.initializers,
    },
  };
}

/** Renames what a node reads and writes, also inside its subgraphs, which read values of the graph around them. */
function renameValues(node: OnnxNode, rename: (name: string) => string): OnnxNode {
  const attributes = Object.entries(node.attributes ?? {}).map(([key, value]) => {
    if (!("graph" in value)) return [key, value] as const;
    const nodes = value.graph.nodes.map((inner) => renameValues(inner, rename));
    return [key, { graph: { ...value.graph, nodes } }] as const;
  });
  return {
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
    attributes: Object.fromEntries(attributes),
  };
}

/** Drops nodes that nobody reads: some lowerings look through the node that made their input. */
function withoutUnread(nodes: readonly OnnxNode[], results: readonly string[]): OnnxNode[] {
  const read = new Set(results);
  const kept = nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => read.has(name))) return false;
    for (const name of namesRead(node)) read.add(name);
    return true;
  });
  return kept.toReversed();
}

/** Inputs of a node, with those of the nodes in its bodies. */
const namesRead = ({ inputs, attributes = {} }: OnnxNode): string[] => [
  ...inputs,
  ...Object.values(attributes).flatMap((attribute) =>
    "graph" in attribute
      ? [...attribute.graph.nodes.flatMap(namesRead), ...attribute.graph.outputs.map(({ name }) => name)]
      : [],
  ),
];

/** Names of results must not collide with those of sources. */
export const outputName = (name: string): string => `${name} (output)`;
export const nextName = (name: string): string => `${name} (next)`;

function lowerNodes(
  graph: Graph,
  names: Map<ValueId, string>,
  shared: Shared,
  nodes: OnnxNode[],
  origins: Map<string, Node>,
): void {
  const uses = new Map<ValueId, number>();
  const producers = new Map<ValueId, Node>();
  for (const node of graph.nodes) {
    for (const value of node.inputs) uses.set(value, (uses.get(value) ?? 0) + 1);
    for (const value of node.outputs) producers.set(value, node);
  }
  for (const { value } of graph.outputs) uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const { update } of graph.state) if (update !== undefined) uses.set(update, (uses.get(update) ?? 0) + 1);

  for (const node of graph.nodes) {
    const lowering = shared.table[node.op];
    if (lowering === undefined) {
      throw new CongError(
        "NO_LOWERING",
        `onnxruntime: no lowering for op "${node.op}"`,
        { op: node.op },
        "add it to lowerings/index.ts",
      );
    }
    const emitAll: Lowerer["emitAll"] = (op, inputs, { domain = "", attributes = {}, outputs = 1 } = {}) => {
      const id = shared.counter++;
      const name = `${op}#${id} ${node.scope}`;
      const results = Array.from({ length: outputs }, (_, i) => `${id}${i === 0 ? "" : `.${i}`}`);
      nodes.push({ op, domain, name, inputs, outputs: results, attributes });
      origins.set(name, node);
      return results;
    };
    const lower: Lowerer = {
      graph,
      inputType: (index) => graph.types[node.inputs[index]!]!,
      outputType: (index) => graph.types[node.outputs[index]!]!,
      isUsed: (index) => (uses.get(node.outputs[index]!) ?? 0) > 0,
      uses: (value) => uses.get(value) ?? 0,
      producer: (value) => producers.get(value),
      nameOf: (value) => names.get(value)!,
      emitAll,
      emit: (op, inputs, options) => emitAll(op, inputs, options)[0]!,
      constant: (dtype, shape, values) => literal(shared, hostTensor(dtype, shape, values)),
      literal: (tensor) => literal(shared, tensor),
      shape: (dims) => shapeVector(shared, dims, lower),
      subgraph: (inner, inputNames) => {
        const innerNames = new Map(inner.inputs.map((input, i) => [input.value, inputNames[i]!]));
        const innerNodes: OnnxNode[] = [];
        lowerNodes(inner, innerNames, shared, innerNodes, origins);
        return { nodes: innerNodes, outputs: inner.outputs.map((output) => innerNames.get(output.value)!) };
      },
      fresh: (hint) => `${hint}.${shared.counter++}`,
    };
    const results = lowering(
      lower,
      node,
      node.inputs.map((value) => names.get(value)!),
    );
    node.outputs.forEach((value, i) => {
      if (results[i] !== undefined) names.set(value, results[i]);
    });
  }
}

/** One-element vectors with the sizes behind names, read off the first source that has the name as an axis. */
function prepareSizes(graph: Graph, shared: Shared): void {
  const sourceNames = new Map(
    [...graph.inputs, ...graph.state, ...graph.constants].map(({ name, value }) => [value, name]),
  );
  for (const value of graphSources(graph)) {
    graph.types[value]!.shape.forEach((dim, axis) => {
      if (typeof dim === "number" || shared.sizes.has(dim)) return;
      const result = `size of ${dim}`;
      shared.outer.push({
        op: "Shape",
        name: result,
        inputs: [sourceNames.get(value)!],
        outputs: [result],
        attributes: { start: { int: axis }, end: { int: axis + 1 } },
      });
      shared.sizes.set(dim, result);
    });
  }
}

function shapeVector(shared: Shared, dims: readonly Dim[], lower: Lowerer): string {
  if (dims.every((dim) => typeof dim === "number")) return lower.constant("int64", [dims.length], dims);
  if (dims.every((dim) => typeof dim === "number" || shared.sizes.has(dim))) return sharedShape(shared, dims, lower);
  return lower.emit(
    "Concat",
    dims.map((dim) => sizeVector(shared, dim, lower)),
    { attributes: { axis: { int: 0 } } },
  );
}

/** A shape of numbers and plain names. Most ops of a graph want the same few: a node each would cost more than the op. */
function sharedShape(shared: Shared, dims: readonly Dim[], lower: Lowerer): string {
  const text = dims.join(" × ");
  const known = shared.shapes.get(text);
  if (known !== undefined) return known;
  const result = `shape ${text}`;
  shared.outer.splice(shared.prelude++, 0, {
    op: "Concat",
    name: result,
    inputs: dims.map((dim) => sizeVector(shared, dim, lower)),
    outputs: [result],
    attributes: { axis: { int: 0 } },
  });
  shared.shapes.set(text, result);
  return result;
}

function sizeVector(shared: Shared, dim: Dim, lower: Lowerer): string {
  if (typeof dim === "number") return lower.constant("int64", [1], [dim]);
  const known = shared.sizes.get(dim);
  if (known !== undefined) return known;
  const terms = dimTerms(dim).map(({ factor, names }) => {
    const scale = lower.constant("int64", [1], [factor]);
    return names.map((name) => shared.sizes.get(name)!).reduce((a, b) => lower.emit("Mul", [a, b]), scale);
  });
  return terms.reduce((a, b) => lower.emit("Add", [a, b]));
}

/** A constant of the model file; equal small ones are shared. */
function literal(shared: Shared, { dtype, shape, data }: HostTensor): string {
  const key = data.length <= 64 ? `${dtype}[${shape}](${data.join()})` : undefined;
  const known = key === undefined ? undefined : shared.constants.get(key);
  if (known !== undefined) return known;
  const name = `literal ${shared.initializers.length}`;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, elementCount(shape) * bytesPerElement(dtype));
  shared.initializers.push({ name, dtype, shape, data: bytes });
  if (key !== undefined) shared.constants.set(key, name);
  return name;
}
