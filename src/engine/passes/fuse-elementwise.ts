/**
 * Joins elementwise nodes of one shape into `fused` nodes, which read and write memory once instead of once per op.
 *
 * From the last node to the first, a node joins the units of its readers, then of others that read the same inputs: so
 * a value that only the backward pass needs is computed there, and not kept from the forward pass on. Nodes of different
 * regions stay apart, or recomputation would be undone. Small tensors stay as they are. Afterwards, what a unit reads from
 * another is computed again instead, where the operands are at hand anyway: arithmetic is cheaper than memory.
 */
import { elementCount, type HostTensor } from "../graph/dtype.ts";
import { type Graph, graphResults, type Node, type ValueId } from "../graph/graph.ts";
import { type FusedInstruction, type FusedParams, fusedLayouts, fusedOp, isFusable } from "../ops/fused.ts";
import { constantOp } from "../ops/source.ts";
import { FusionUnits } from "./fusion-units.ts";
import type { Pass } from "./rewrite.ts";

export interface FusionLimits {
  /** Full-size and per-column inputs and outputs that one loop can have together. */
  readonly mostStreams: number;
  /** Tensors with fewer elements stay as they are. Default 16384: below, memory passes cost less than a kernel call. */
  readonly fewestElements?: number;
}

const defaultFewest = 16_384;
const mostElements = 2 ** 28; // byte offsets are 32-bit numbers
const mostInstructions = 64;
const fewestColumns = 16; // shorter rows would be mostly tail

export const fuseElementwise = (limits: FusionLimits): Pass => ({
  name: "fuse elementwise",
  apply: (graph) => new Fusion(graph, limits).run(),
});

/** What a unit would be as one node. */
interface Plan {
  /** Nodes whose results are computed, ascending; some may belong to other units. */
  readonly nodes: readonly number[];
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
}

class Fusion {
  private readonly graph: Graph;
  private readonly limits: FusionLimits;
  private readonly units: FusionUnits;
  private readonly results: ReadonlySet<ValueId>;
  /** Shape and region of nodes that can be fused, undefined for others; only equal ones are fused. */
  private readonly kinds: readonly (string | undefined)[];
  /** For each unit, nodes of others that it computes again. */
  private readonly copies = new Map<number, Set<number>>();

  constructor(graph: Graph, limits: FusionLimits) {
    this.graph = graph;
    this.limits = limits;
    this.units = new FusionUnits(graph);
    this.results = new Set(graphResults(graph));
    this.kinds = graph.nodes.map((node) => this.kindOf(node));
  }

  run(): Graph {
    for (let node = this.kinds.length - 1; node >= 0; node--) this.join(node);
    this.copyOperands();
    const nodes = this.units.inOrder().flatMap((unit) => this.emit(unit));
    return { ...this.graph, nodes };
  }

  private kindOf(node: Node): string | undefined {
    if (!isFusable(node.op)) return undefined;
    const { shape } = this.graph.types[node.outputs[0]!]!;
    if (shape.some((size) => typeof size !== "number")) return undefined;
    const elements = elementCount(shape as readonly number[]);
    if (elements < (this.limits.fewestElements ?? defaultFewest) || elements > mostElements) return undefined;
    if (node.inputs.some((value) => this.graph.types[value]!.dtype !== "float32")) return undefined;
    if (
      this.isSquareForSum(node) ||
      !this.fits(
        node.inputs.filter((value) => !this.isLiteral(value)),
        shape as readonly number[],
      )
    )
      return undefined;
    return `${node.region ?? ""}[${shape.join()}]`;
  }

  /** Backends sum squares without storing them. */
  private isSquareForSum({ op, inputs, outputs }: Node): boolean {
    if (op !== "mul" || inputs[0] !== inputs[1] || this.results.has(outputs[0]!)) return false;
    const readers = this.units.readers.get(outputs[0]!) ?? [];
    return readers.length > 0 && readers.every((reader) => this.graph.nodes[reader]!.op === "sum");
  }

  private fits(inputs: readonly ValueId[], shape: readonly number[]): boolean {
    const layouts = fusedLayouts(
      shape,
      inputs.map((value) => this.graph.types[value]!.shape),
    );
    return layouts !== undefined && (layouts.rows === 1 || layouts.columns >= fewestColumns);
  }

  private join(node: number): void {
    const kind = this.kinds[node];
    if (kind === undefined) return;
    const { inputs, outputs } = this.graph.nodes[node]!;
    const size = (value: ValueId) => this.graph.types[value]!.shape.join();
    const readersOf = (value: ValueId) => this.units.readers.get(value) ?? [];
    const siblings = inputs
      .filter((value) => size(value) === size(outputs[0]!))
      .flatMap((value) => readersOf(value).filter((reader) => reader > node));
    for (const partner of [...readersOf(outputs[0]!), ...siblings]) {
      if (this.kinds[partner] !== kind) continue;
      const [a, b] = [this.units.unitOf(partner), this.units.unitOf(node)];
      if (a !== b && this.isAllowed([...this.units.nodesOf(a), ...this.units.nodesOf(b)])) this.units.merge(a, b);
    }
  }

  /** Whether nodes fit into one loop. */
  private isAllowed(nodes: readonly number[]): boolean {
    const plan = this.plan(nodes, nodes);
    const shape = this.shapeOf(nodes[0]!);
    if (plan.nodes.length > mostInstructions || !this.fits(plan.inputs, shape)) return false;
    const layouts = fusedLayouts(
      shape,
      plan.inputs.map((value) => this.graph.types[value]!.shape),
    )!;
    const wide = layouts.inputs.filter((layout) => layout === "full" || layout === "column").length;
    return wide + plan.outputs.length <= this.limits.mostStreams;
  }

  private shapeOf(node: number): readonly number[] {
    return this.graph.types[this.graph.nodes[node]!.outputs[0]!]!.shape as readonly number[];
  }

  /**
   * @param members nodes of the unit
   * @param computed members, and nodes of other units that are computed again
   */
  private plan(members: readonly number[], computed: readonly number[]): Plan {
    const inside = new Set(members);
    const outputs = members
      .map((node) => this.graph.nodes[node]!.outputs[0]!)
      .filter((value) => this.results.has(value) || this.outsideReaders(value, inside).length > 0);
    // Only what outputs need: a member may be computed by its readers now.
    const made = new Map(computed.map((node) => [this.graph.nodes[node]!.outputs[0]!, node]));
    const needed = new Set<number>();
    const inputs = new Set<ValueId>();
    const stack = [...outputs];
    while (stack.length > 0) {
      const value = stack.pop()!;
      const node = made.get(value);
      if (node === undefined) inputs.add(value);
      else if (!needed.has(node)) {
        needed.add(node);
        stack.push(...this.graph.nodes[node]!.inputs);
      }
    }
    return {
      nodes: [...needed].sort((a, b) => a - b),
      inputs: [...inputs].filter((value) => !this.isLiteral(value)).sort((a, b) => a - b),
      outputs,
    };
  }

  /** Nodes outside that read a value, without units that compute it again. */
  private outsideReaders(value: ValueId, inside: ReadonlySet<number>): number[] {
    const maker = this.units.producers.get(value)!;
    return (this.units.readers.get(value) ?? []).filter(
      (reader) => !inside.has(reader) && !this.copies.get(this.units.unitOf(reader))?.has(maker),
    );
  }

  private planOf(unit: number): Plan {
    const members = this.units.nodesOf(unit);
    return this.plan(members, [...members, ...(this.copies.get(unit) ?? [])]);
  }

  /** A literal number, which becomes part of the program. */
  private literalOf(value: ValueId): number | undefined {
    const node = this.graph.nodes[this.units.producers.get(value) ?? -1];
    if (node?.definition !== (constantOp as unknown)) return undefined;
    const { dtype, shape, data } = (node!.params as { value: HostTensor }).value;
    return dtype === "float32" && elementCount(shape) === 1 ? Number(data[0]) : undefined;
  }

  private isLiteral(value: ValueId): boolean {
    return this.literalOf(value) !== undefined;
  }

  private copyOperands(): void {
    for (const unit of this.units.inOrder()) {
      if (this.units.nodesOf(unit).length < 2) continue;
      for (let changed = true; changed; ) {
        const plan = this.planOf(unit);
        const source = plan.inputs
          .flatMap((value) => this.units.producers.get(value) ?? [])
          .find((node) => this.isCopied(node, unit, plan));
        changed = source !== undefined;
        if (source !== undefined) this.copies.set(unit, new Set([...(this.copies.get(unit) ?? []), source]));
      }
    }
  }

  /** Whether the unit should compute a node of another one itself: all large operands are read anyway. */
  private isCopied(node: number, unit: number, plan: Plan): boolean {
    const [member] = this.units.nodesOf(unit);
    const shape = this.shapeOf(member!);
    if (this.kinds[node] === undefined || this.shapeOf(node).join() !== shape.join()) return false;
    if (plan.nodes.length >= mostInstructions) return false;
    const operands = this.graph.nodes[node]!.inputs.filter((value) => !this.isLiteral(value));
    const isSmall = (value: ValueId) => this.graph.types[value]!.shape.every((size) => size === 1);
    return operands.every((value) => plan.inputs.includes(value) || isSmall(value));
  }

  private emit(unit: number): Node[] {
    const members = this.units.nodesOf(unit);
    const plan = members.length < 2 ? undefined : this.planOf(unit);
    if (plan === undefined || plan.nodes.length < 2) return members.map((node) => this.graph.nodes[node]!);
    const last = this.graph.nodes[members.at(-1)!]!;
    return [
      {
        op: fusedOp.name,
        definition: fusedOp as Node["definition"],
        inputs: plan.inputs,
        outputs: plan.outputs,
        params: this.program(plan, this.shapeOf(members[0]!)),
        scope: last.scope,
        ...(last.region === undefined ? {} : { region: last.region }),
      },
    ];
  }

  private program({ nodes, inputs, outputs }: Plan, shape: readonly number[]): FusedParams {
    const numbers = new Map<ValueId, number>(inputs.map((value, i) => [value, i]));
    const literals = new Map<string, number>(); // by text, because 0 and −0 differ
    const sigmoids = new Map<ValueId, number>();
    const instructions: FusedInstruction[] = [];
    const add = (instruction: FusedInstruction): number => inputs.length + instructions.push(instruction) - 1;
    const numberOf = (value: ValueId): number => {
      const known = numbers.get(value);
      if (known !== undefined) return known;
      const literal = this.literalOf(value)!;
      const key = Object.is(literal, -0) ? "-0" : String(literal);
      const number = literals.get(key) ?? add({ op: "constant", value: literal });
      literals.set(key, number);
      return number;
    };
    const shared = new Set(
      nodes
        .filter((node) => this.graph.nodes[node]!.op === "sigmoid")
        .map((node) => this.graph.nodes[node]!.inputs[0]!),
    );
    for (const node of nodes) {
      const { op, inputs: operands, outputs: made } = this.graph.nodes[node]!;
      if (!isFusable(op)) continue;
      const [x] = operands as [ValueId];
      const needsSigmoid = op === "sigmoid" || (op === "silu" && shared.has(x));
      if (needsSigmoid && !sigmoids.has(x)) sigmoids.set(x, add({ op: "sigmoid", inputs: [numberOf(x)] }));
      if (op === "sigmoid") numbers.set(made[0]!, sigmoids.get(x)!);
      else if (needsSigmoid) numbers.set(made[0]!, add({ op: "mul", inputs: [numberOf(x), sigmoids.get(x)!] }));
      else numbers.set(made[0]!, add({ op, inputs: operands.map(numberOf) }));
    }
    return { shape, instructions, results: outputs.map((value) => numbers.get(value)!) };
  }
}
