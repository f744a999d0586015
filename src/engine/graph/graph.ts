/**
 * The graph: what a program computes, independent of any backend.
 *
 * A graph is a list of nodes in an order that can be executed. Nodes read and write *values*; a value is an index into
 * `types`. Graphs are never changed: a pass returns a new one. Besides its nodes a graph has
 * - inputs, fed on every run,
 * - state, which lives with the executor and may be assigned by a run (parameters in training, caches, counters),
 * - constants, parameters frozen at compile time so that a backend may prepack or quantise them,
 * - outputs, handed back by every run.
 */

import type { CallSite } from "./call-site.ts";
import type { DType } from "./dtype.ts";
import type { OpDefinition } from "./op.ts";
import type { Shape } from "./shape.ts";

export type ValueId = number;

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface Node {
  /** Name of the op. */
  readonly op: string;
  /** Its meaning: shape rule, gradient, reference kernel. */
  readonly definition: OpDefinition<unknown>;
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
  /** Compile-time parameters; their type belongs to the op (`ops/table.ts`). */
  readonly params: unknown;
  /** Where in the model this comes from, e.g. "layers.3/attention". For errors and profiles. */
  readonly scope: string;
  /** Where the model's code made it; `siteOf` reads it. */
  readonly site?: CallSite;
  /** Nodes of different regions are never merged: marks what the backward pass computes again. */
  readonly region?: number;
}

export interface NamedValue {
  readonly name: string;
  readonly value: ValueId;
}

export interface StateSlot extends NamedValue {
  /** The value that the slot holds after the run; undefined when the run only reads it. */
  readonly update?: ValueId;
}

export interface Graph {
  readonly types: readonly TensorType[];
  readonly nodes: readonly Node[];
  readonly inputs: readonly NamedValue[];
  readonly state: readonly StateSlot[];
  readonly constants: readonly NamedValue[];
  readonly outputs: readonly NamedValue[];
}

/** Values that must be computed: outputs and new states. */
export const graphResults = (graph: Graph): ValueId[] => [
  ...graph.outputs.map((output) => output.value),
  ...graph.state.flatMap((slot) => (slot.update === undefined ? [] : [slot.update])),
];

/** Values that exist before the first node runs. */
export const graphSources = (graph: Graph): ValueId[] =>
  [...graph.inputs, ...graph.state, ...graph.constants].map((source) => source.value);
