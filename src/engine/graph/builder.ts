/**
 * Builds a graph by running model code on tensor handles.
 *
 * A `Tensor` is a handle on a value of a builder; op functions (`engine/ops`) emit nodes. Names of inputs, state,
 * constants and outputs are unique within one graph. Scopes only label nodes: they show in errors and in profiles.
 */
import { CongError } from "../../support/errors.ts";
import { type CallSite, captureSite } from "./call-site.ts";
import type { DType, HostTensor } from "./dtype.ts";
import type { Graph, NamedValue, Node, TensorType, ValueId } from "./graph.ts";
import { type OpDefinition, tensorKind } from "./op.ts";
import { type Shape, sameShape, showShape } from "./shape.ts";
import { type MapTree, mapTree, type Tree } from "./tree.ts";

/** A handle on one value of a graph under construction. */
export interface Tensor {
  readonly kind: typeof tensorKind;
  readonly builder: GraphBuilder;
  readonly value: ValueId;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Dtype and shape of something not there yet. */
export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: Shape;
}

export class GraphBuilder {
  readonly types: TensorType[] = [];
  readonly nodes: Node[] = [];
  /** The node that computes a value; sources have none. */
  readonly producers: (Node | undefined)[] = [];
  private readonly inputs: NamedValue[] = [];
  private readonly slots: { name: string; value: ValueId; update?: ValueId }[] = [];
  private readonly frozen: NamedValue[] = [];
  private readonly results: NamedValue[] = [];
  private readonly names = new Set<string>();
  private scopes: string[] = [];
  private region: number | undefined;
  private regions = 0;
  /** Where the nodes being made are said to come from; by default, the present call. */
  private site: CallSite | undefined;
  private readonly foreignRegions = new Map<number, number>();
  private streams = 0;

  /** Something fed on every run. Sizes may be names, bound by what is fed. */
  input(name: string, dtype: DType, shape: Shape): Tensor {
    const tensor = this.source(name, { dtype, shape });
    this.inputs.push({ name, value: tensor.value });
    return tensor;
  }

  /** A tensor, or a tree of tensors named "NAME.path", that lives with the executor and may be assigned. */
  state<T extends Tree<TensorSpec>>(name: string, tree: T): MapTree<T, TensorSpec, Tensor> {
    return mapTree<TensorSpec, Tensor, T>(
      tree,
      (spec, path) => {
        const tensor = this.source(path, spec);
        this.slots.push({ name: path, value: tensor.value });
        return tensor;
      },
      name,
    );
  }

  /** Parameters frozen at compile time: a backend may prepack or quantise them. */
  constants<T extends Tree<TensorSpec>>(name: string, tree: T): MapTree<T, TensorSpec, Tensor> {
    return mapTree<TensorSpec, Tensor, T>(
      tree,
      (spec, path) => {
        const tensor = this.source(path, spec);
        this.frozen.push({ name: path, value: tensor.value });
        return tensor;
      },
      name,
    );
  }

  /** Hands a value back on every run. */
  output(name: string, tensor: Tensor): void {
    this.claim(name, "output");
    this.results.push({ name, value: this.own(tensor).value });
  }

  /** After a run, the state slot holds `next`. Within the run everybody reads the old value. */
  assign(slot: Tensor, next: Tensor): void {
    const found = this.slots.find((candidate) => candidate.value === this.own(slot).value);
    if (found === undefined) {
      throw new CongError(
        "NOT_STATE",
        "assign: the target is not a state tensor",
        {},
        "create it with builder.state()",
      );
    }
    if (found.update !== undefined) {
      throw new CongError(
        "ASSIGNED_TWICE",
        `assign: state "${found.name}" is assigned twice`,
        { name: found.name },
        "combine the two updates into one value",
      );
    }
    if (slot.dtype !== next.dtype || !sameShape(slot.shape, next.shape)) {
      throw new CongError(
        "SHAPE_MISMATCH",
        `assign: state "${found.name}" is ${slot.dtype}${showShape(slot.shape)}, the new value ${next.dtype}${showShape(next.shape)}`,
        { name: found.name },
        "a state keeps its dtype and shape",
      );
    }
    found.update = this.own(next).value;
  }

  /** Runs `build` with a label on the nodes it makes. */
  scope<T>(label: string, build: () => T): T {
    const outer = this.scopes;
    this.scopes = [...outer, label];
    try {
      return build();
    } finally {
      this.scopes = outer;
    }
  }

  /** Runs `build` in a region of its own, whose nodes no pass merges with equal nodes outside. */
  ownRegion<T>(build: () => T): T {
    const outer = this.region;
    this.region = ++this.regions;
    try {
      return build();
    } finally {
      this.region = outer;
    }
  }

  /** A number for one random site: sites with different numbers draw different values from the same key. */
  nextStream(): number {
    return this.streams++;
  }

  /** Marks the present place in the numbering of random sites, for `repeatStreams`. */
  streamMark(): number {
    return this.streams;
  }

  /** Runs `build` with the numbers given out since `mark`, so that code run again draws the same values again. */
  repeatStreams<T>(mark: number, build: () => T): T {
    const next = this.streams;
    this.streams = mark;
    try {
      return build();
    } finally {
      this.streams = Math.max(next, this.streams);
    }
  }

  /** Adds a node; called by op functions. */
  emit<Params>(definition: OpDefinition<Params>, inputs: readonly Tensor[], params: Params): Tensor[] {
    for (const tensor of inputs) this.own(tensor);
    const scope = this.scopes.join("/");
    const types = inferTypes(definition, inputs, params, scope);
    const outputs = types.map((type) => this.newValue(type));
    const node: Node = {
      op: definition.name,
      definition: definition as OpDefinition<unknown>,
      inputs: inputs.map((tensor) => tensor.value),
      outputs,
      params,
      scope,
      site: this.site ?? captureSite(),
      ...(this.region === undefined ? {} : { region: this.region }),
    };
    this.nodes.push(node);
    for (const value of outputs) this.producers[value] = node;
    return outputs.map((value) => this.tensor(value));
  }

  /** A value that stands for something from elsewhere; no node may reach a finished graph through it. */
  placeholder({ dtype, shape }: TensorType): Tensor {
    return this.tensor(this.newValue({ dtype, shape }));
  }

  /** Adds a copy of another graph's node that reads `inputs`. */
  replay(node: Node, inputs: readonly Tensor[]): Tensor[] {
    const outer = this.region;
    // Regions are numbered per builder: the same region of the other graph keeps one number here.
    if (node.region !== undefined) this.region = this.regionFor(node);
    try {
      return this.onBehalfOf(node, () => this.scope(node.scope, () => this.emit(node.definition, inputs, node.params)));
    } finally {
      this.region = outer;
    }
  }

  /** Runs `build`; the nodes it makes count as made where `node` was. */
  onBehalfOf<T>(node: Node, build: () => T): T {
    const outer = this.site;
    this.site = node.site;
    try {
      return build();
    } finally {
      this.site = outer;
    }
  }

  private regionFor({ region }: Node): number {
    const known = this.foreignRegions.get(region!);
    if (known !== undefined) return known;
    this.foreignRegions.set(region!, ++this.regions);
    return this.regions;
  }

  /** The handle on a value of this builder. */
  tensor(value: ValueId): Tensor {
    const { dtype, shape } = this.types[value]!;
    return { kind: tensorKind, builder: this, value, dtype, shape };
  }

  /** The graph built so far. */
  finish(): Graph {
    return {
      types: [...this.types],
      nodes: [...this.nodes],
      inputs: [...this.inputs],
      state: this.slots.map((slot) => ({ ...slot })),
      constants: [...this.frozen],
      outputs: [...this.results],
    };
  }

  private source(name: string, type: TensorType): Tensor {
    this.claim(name, "input, state or constant");
    return this.tensor(this.newValue({ dtype: type.dtype, shape: [...type.shape] }));
  }

  private newValue(type: TensorType): ValueId {
    return this.types.push(type) - 1;
  }

  private claim(name: string, kind: string): void {
    if (!this.names.has(name)) {
      this.names.add(name);
      return;
    }
    throw new CongError(
      "NAME_TAKEN",
      `the name "${name}" is used twice in this graph (now as ${kind})`,
      { name },
      "rename one",
    );
  }

  /** @throws CongError `FOREIGN_TENSOR` for a handle on a value of another graph. */
  own(tensor: Tensor): Tensor {
    if (tensor.builder === this) return tensor;
    throw new CongError(
      "FOREIGN_TENSOR",
      `a ${tensor.dtype}${showShape(tensor.shape)} tensor of another graph was used here`,
      {},
      "pass it in as an input, or into scan() as a captured tensor",
    );
  }
}

/** Builds a graph with `build` and returns it. */
export function trace(build: (builder: GraphBuilder) => void): Graph {
  const builder = new GraphBuilder();
  build(builder);
  return builder.finish();
}

/** A host tensor's type, for state() and constants(). */
export const specOf = (tensor: HostTensor): TensorSpec => ({ dtype: tensor.dtype, shape: tensor.shape });

function inferTypes<Params>(
  definition: OpDefinition<Params>,
  inputs: readonly TensorType[],
  params: Params,
  scope: string,
): readonly TensorType[] {
  try {
    return definition.infer(inputs, params);
  } catch (error) {
    if (scope === "" || !CongError.is(error) || error.details["scope"] !== undefined) throw error;
    const [what = ""] = error.message.split("\n  hint: ");
    throw new CongError(error.code, `${what} (in ${scope})`, { ...error.details, scope }, error.hint);
  }
}
