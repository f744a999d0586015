/**
 * What a backend is. The contract is narrow on purpose: a backend compiles one whole graph, and owns the state,
 * buffers and threads of the result until it is disposed.
 */
import type { Bindings } from "../graph/dims.ts";
import type { HostTensor } from "../graph/dtype.ts";
import type { Graph } from "../graph/graph.ts";
import type { WeightHolder, WeightSize } from "./held-weights.ts";

export interface CompileOptions {
  /** Sizes known at compile time. Other named sizes are bound by what each run is fed. */
  readonly bindings?: Bindings;
  /** Data of the graph's constants, by name; all of them are required. */
  readonly constants?: Readonly<Record<string, HostTensor>>;
  /** Called after each pass and compile step with its name and milliseconds. */
  readonly onStep?: (name: string, milliseconds: number) => void;
}

export interface Backend {
  readonly name: string;
  compile(graph: Graph, options?: CompileOptions): Promise<Executable>;
  /**
   * Memory for a quantised weight in the order in which this backend computes with it, so that no other copy need
   * exist. Undefined, or absent, where there is no such order: then plain tensors serve as well.
   */
  holdWeight?(size: WeightSize): WeightHolder | undefined;
}

/** A compiled program with its state. Runs happen one after another, in the order they were asked for. */
export interface Executable {
  /** The graph after all passes. */
  readonly graph: Graph;
  /**
   * Computes the outputs and assigns the state. State must have been written before.
   * The tensors returned belong to the caller.
   */
  run(inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>>;
  /** A copy of a state tensor as it is after the last finished run. */
  readState(name: string): HostTensor;
  /** Replaces a state tensor. */
  writeState(name: string, tensor: HostTensor): void;
  /** Frees everything. Further calls throw. Safe to call twice. */
  dispose(): Promise<void>;
}
