/** The tool that passes are written with: walks a graph once and builds the changed one beside it. */
import type { Graph, Node, TensorType, ValueId } from "../graph/graph.ts";
import type { OpDefinition } from "../graph/op.ts";

/** A graph → graph function with a name for blame. */
export interface Pass {
  readonly name: string;
  apply(graph: Graph): Graph;
}

export class Rewriter {
  readonly types: TensorType[];
  readonly nodes: Node[] = [];
  /** The new node that computes a value. */
  readonly producers = new Map<ValueId, Node>();
  private readonly aliases = new Map<ValueId, ValueId>();
  private readonly graph: Graph;

  constructor(graph: Graph) {
    this.graph = graph;
    this.types = [...graph.types];
  }

  /** The value that stands for an old one. */
  resolve(value: ValueId): ValueId {
    return this.aliases.get(value) ?? value;
  }

  /** Keeps a node, with its inputs resolved. */
  keep(node: Node): void {
    this.push({ ...node, inputs: node.inputs.map((value) => this.resolve(value)) });
  }

  /** Readers of `old` will read `replacement` (a new or already resolved value). */
  replace(old: ValueId, replacement: ValueId): void {
    this.aliases.set(old, replacement);
  }

  /** Adds a node of one output that takes scope and region from `origin`; returns its value. */
  add<Params>(definition: OpDefinition<Params>, inputs: readonly ValueId[], params: Params, origin: Node): ValueId {
    const inferred = definition.infer(
      inputs.map((value) => this.types[value]!),
      params,
    );
    const outputs = inferred.map((type) => this.types.push(type) - 1);
    const { scope, site, region } = origin;
    this.push({
      op: definition.name,
      definition: definition as OpDefinition<unknown>,
      inputs,
      outputs,
      params,
      scope,
      ...(site === undefined ? {} : { site }),
      ...(region === undefined ? {} : { region }),
    });
    return outputs[0]!;
  }

  finish(): Graph {
    const { inputs, constants, outputs, state } = this.graph;
    return {
      types: this.types,
      nodes: this.nodes,
      inputs,
      constants,
      state: state.map(({ name, value, update }) => ({
        name,
        value,
        ...(update === undefined ? {} : { update: this.resolve(update) }),
      })),
      outputs: outputs.map(({ name, value }) => ({ name, value: this.resolve(value) })),
    };
  }

  private push(node: Node): void {
    this.nodes.push(node);
    for (const value of node.outputs) this.producers.set(value, node);
  }
}

/** How many nodes and results read each value. */
export function countUses(graph: Graph): Map<ValueId, number> {
  const uses = new Map<ValueId, number>();
  const use = (value: ValueId) => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(use);
  for (const { value } of graph.outputs) use(value);
  for (const { update } of graph.state) if (update !== undefined) use(update);
  return uses;
}
