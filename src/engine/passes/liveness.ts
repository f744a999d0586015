/**
 * How long values live, and which state can be updated in place. Pure analyses that any backend can use.
 */
import { type Bindings, bindDim } from "../graph/dims.ts";
import { bytesPerElement } from "../graph/dtype.ts";
import { type Graph, graphResults, type Node, type TensorType, type ValueId } from "../graph/graph.ts";

/** Bytes of a value; named sizes count as `assumed` elements. */
export function bytesOf(type: TensorType, bindings: Bindings = {}, assumed = 1): number {
  const count = type.shape.reduce<number>((product, dim) => {
    const size = bindDim(dim, bindings);
    return product * (typeof size === "number" ? size : assumed);
  }, 1);
  return count * bytesPerElement(type.dtype);
}

/** Index of the last node that reads each value; results live to the end (index = number of nodes). */
export function lastUses(nodes: readonly Node[], graph: Graph): Map<ValueId, number> {
  const last = new Map<ValueId, number>();
  nodes.forEach((node, i) => {
    for (const value of node.inputs) last.set(value, i);
  });
  for (const value of graphResults(graph)) last.set(value, nodes.length);
  return last;
}

/** Ops whose output shares its input's memory on any sensible backend. */
const views = new Set(["reshape", "barrier"]);

/** Largest number of bytes of intermediate values alive at once when the nodes run in this order. */
export function peakBytes(nodes: readonly Node[], graph: Graph, bindings: Bindings = {}): number {
  const last = lastUses(nodes, graph);
  const root = new Map<ValueId, ValueId>();
  const rootOf = (value: ValueId) => root.get(value) ?? value;
  const end = new Map<ValueId, number>();
  for (const node of nodes) {
    for (const value of node.outputs) if (views.has(node.op)) root.set(value, rootOf(node.inputs[0]!));
  }
  for (const [value, index] of last) end.set(rootOf(value), Math.max(end.get(rootOf(value)) ?? 0, index));
  const freed = nodes.map(() => 0);
  let alive = 0;
  let peak = 0;
  nodes.forEach((node, i) => {
    for (const value of node.outputs) {
      if (root.has(value) || node.op === "constant") continue;
      const bytes = bytesOf(graph.types[value]!, bindings);
      const stop = end.get(value) ?? i;
      alive += bytes;
      if (stop < nodes.length) freed[stop]! += bytes;
    }
    peak = Math.max(peak, alive);
    alive -= freed[i]!;
  });
  return peak;
}

/**
 * State slots whose new value may be written over the old one, whatever order a backend runs the nodes in.
 *
 * Everything that reads the old value must come before the node that makes the new one along data dependencies. That
 * node itself may read it only if it is elementwise: other kernels may write before they have read all.
 */
export function inPlaceState(graph: Graph): Set<string> {
  const producers = new Map<ValueId, number>();
  graph.nodes.forEach((node, i) => {
    for (const value of node.outputs) producers.set(value, i);
  });
  const readers = new Map<ValueId, number[]>();
  graph.nodes.forEach((node, i) => {
    for (const value of node.inputs) readers.set(value, [...(readers.get(value) ?? []), i]);
  });
  const results = new Set(graph.outputs.map((output) => output.value));
  const allowed = new Set<string>();
  for (const { name, value, update } of graph.state) {
    if (update === undefined || update === value || results.has(value) || results.has(update)) continue;
    const writer = producers.get(update);
    if (writer === undefined || views.has(graph.nodes[writer]!.op)) continue;
    const before = ancestors(graph, producers, writer);
    const old = readers.get(value) ?? [];
    // A view of the old value is read wherever the view is read; keep it simple and refuse those.
    const safe = old.every((reader) =>
      reader === writer
        ? readsBeforeItWrites(graph.nodes[writer]!, value)
        : before.has(reader) && !views.has(graph.nodes[reader]!.op),
    );
    const shared = graph.state.filter((slot) => slot.update === update).length > 1;
    if (safe && !shared) allowed.add(name);
  }
  return allowed;
}

function readsBeforeItWrites({ definition, inputs }: Node, value: ValueId): boolean {
  return definition.elementwise === true || (definition.overwrites === true && inputs.lastIndexOf(value) === 0);
}

function ancestors(graph: Graph, producers: ReadonlyMap<ValueId, number>, start: number): Set<number> {
  const found = new Set<number>();
  const stack = [start];
  while (stack.length > 0) {
    for (const value of graph.nodes[stack.pop()!]!.inputs) {
      const producer = producers.get(value);
      if (producer === undefined || found.has(producer)) continue;
      found.add(producer);
      stack.push(producer);
    }
  }
  return found;
}
