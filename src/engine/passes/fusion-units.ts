/**
 * A partition of a graph's nodes into units that are computed together, kept free of cycles while units are merged.
 *
 * Merging a with b is allowed if no path leads from a to b through a third unit: that one would have to run after a and
 * before b. Units are kept in a topological order that each merge repairs locally, so that a search for such a path
 * only looks at units between a and b (as Pearce and Kelly 2006 do for single edges).
 */
import type { Graph, ValueId } from "../graph/graph.ts";

export class FusionUnits {
  /** For each node its unit; units are numbered by one of their nodes. */
  private readonly unitOfNode: number[];
  private readonly nodesOfUnit: (number[] | undefined)[];
  /** Nodes that read a value. */
  readonly readers = new Map<ValueId, number[]>();
  /** The node that makes a value. */
  readonly producers = new Map<ValueId, number>();
  private readonly graph: Graph;
  /** Units in topological order, with holes. */
  private readonly sequence: (number | undefined)[];
  private readonly placeOf: number[];

  constructor(graph: Graph) {
    this.graph = graph;
    this.unitOfNode = graph.nodes.map((_, i) => i);
    this.nodesOfUnit = graph.nodes.map((_, i) => [i]);
    this.sequence = graph.nodes.map((_, i) => i);
    this.placeOf = graph.nodes.map((_, i) => i);
    graph.nodes.forEach((node, i) => {
      for (const value of node.outputs) this.producers.set(value, i);
      for (const value of new Set(node.inputs)) {
        const known = this.readers.get(value);
        if (known === undefined) this.readers.set(value, [i]);
        else known.push(i);
      }
    });
  }

  unitOf(node: number): number {
    return this.unitOfNode[node]!;
  }

  /** Node numbers of a unit, ascending. */
  nodesOf(unit: number): readonly number[] {
    return this.nodesOfUnit[unit]!;
  }

  /** All units in an order in which they can run. */
  inOrder(): number[] {
    return this.sequence.filter((unit) => unit !== undefined);
  }

  /** Merges two units and returns the new one; undefined, and nothing changed, if that would make a cycle. */
  merge(a: number, b: number): number | undefined {
    const [first, last] = this.placeOf[a]! < this.placeOf[b]! ? [a, b] : [b, a];
    const behind = this.reachable(first, last);
    if (behind === undefined) return undefined;
    const [start, end] = [this.placeOf[first]!, this.placeOf[last]!];
    const window = this.sequence.slice(start, end + 1);
    const others = window.filter((unit) => unit !== undefined && unit !== first && unit !== last) as number[];
    const reordered = [
      ...others.filter((unit) => !behind.has(unit)),
      first,
      ...others.filter((unit) => behind.has(unit)),
    ];
    for (let place = start; place <= end; place++) {
      const unit = reordered[place - start];
      this.sequence[place] = unit;
      if (unit !== undefined) this.placeOf[unit] = place;
    }
    for (const node of this.nodesOfUnit[last]!) this.unitOfNode[node] = first;
    this.nodesOfUnit[first] = [...this.nodesOfUnit[first]!, ...this.nodesOfUnit[last]!].sort((x, y) => x - y);
    this.nodesOfUnit[last] = undefined;
    return first;
  }

  /** Units before `last` that depend on `first`; undefined if `last` depends on one of them. */
  private reachable(first: number, last: number): Set<number> | undefined {
    const end = this.placeOf[last]!;
    const found = new Set<number>();
    const stack = [first];
    while (stack.length > 0) {
      const unit = stack.pop()!;
      for (const next of this.successors(unit)) {
        if (next === last && unit !== first) return undefined;
        if (next === unit || found.has(next) || this.placeOf[next]! >= end) continue;
        found.add(next);
        stack.push(next);
      }
    }
    return found;
  }

  private *successors(unit: number): Generator<number> {
    for (const node of this.nodesOfUnit[unit]!) {
      for (const value of this.graph.nodes[node]!.outputs) {
        for (const reader of this.readers.get(value) ?? []) yield this.unitOfNode[reader]!;
      }
    }
  }
}
