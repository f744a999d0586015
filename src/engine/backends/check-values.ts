/** Checks of everything a user hands to a program: inputs, state and constants. Shared by all backends. */
import { CongError } from "../../support/errors.ts";
import { unknownName } from "../../support/suggest.ts";
import { type Bindings, dimNames, evaluateDim, isName } from "../graph/dims.ts";
import { elementCount, type HostTensor } from "../graph/dtype.ts";
import type { Graph, NamedValue, TensorType } from "../graph/graph.ts";
import { type Shape, showShape } from "../graph/shape.ts";
import type { IndexLimit } from "../passes/index-limits.ts";
import { HeldTensor } from "./held-weights.ts";

/**
 * Checks the inputs of a run against the graph and reads the named sizes off them.
 * @returns sizes by name.
 */
export function checkInputs(graph: Graph, inputs: Readonly<Record<string, HostTensor>>): Bindings {
  const names = graph.inputs.map((input) => input.name);
  for (const name of Object.keys(inputs)) if (!names.includes(name)) throw unknownName("input", name, names);
  const bindings: Record<string, number> = {};
  for (const { name, value } of graph.inputs) {
    const tensor = inputs[name];
    if (tensor === undefined) {
      throw new CongError(
        "MISSING_INPUT",
        `run: input "${name}" is missing`,
        { name },
        `this program takes ${names.join(", ")}`,
      );
    }
    checkTensor(`input "${name}"`, tensor, graph.types[value]!, bindings);
  }
  // Sizes that are expressions can be checked once all names are known.
  for (const { name, value } of graph.inputs) {
    graph.types[value]!.shape.forEach((dim, axis) => {
      if (isName(dim) || dimNames(dim).some((part) => bindings[part] === undefined)) return;
      const wanted = evaluateDim(dim, bindings);
      const got = inputs[name]!.shape[axis]!;
      if (got !== wanted)
        throw shapeError(
          `input "${name}"`,
          inputs[name]!.shape,
          graph.types[value]!.shape,
          `axis ${axis} must be ${dim} = ${wanted}`,
        );
    });
  }
  return bindings;
}

/** Checks one tensor against its declared type, adding the named sizes it binds to `bindings`. */
export function checkTensor(
  what: string,
  tensor: HostTensor,
  type: TensorType,
  bindings: Record<string, number> = {},
): void {
  if (tensor.dtype !== type.dtype) {
    throw new CongError(
      "WRONG_DTYPE",
      `${what} is ${tensor.dtype}${showShape(tensor.shape)}, wanted ${type.dtype}${showShape(type.shape)}`,
      { what, got: tensor.dtype, wanted: type.dtype },
      "convert the data, or declare the input with the dtype you have",
    );
  }
  if (tensor.shape.length !== type.shape.length) {
    throw shapeError(what, tensor.shape, type.shape, `it needs rank ${type.shape.length}`);
  }
  // Reading the data of a held tensor makes them; its length is right by construction.
  if (!(tensor instanceof HeldTensor) && tensor.data.length !== elementCount(tensor.shape)) {
    throw shapeError(
      what,
      tensor.shape,
      type.shape,
      `its data holds ${tensor.data.length} elements, its shape ${elementCount(tensor.shape)}`,
    );
  }
  type.shape.forEach((dim, axis) => {
    const got = tensor.shape[axis]!;
    const wanted = isName(dim) ? (bindings[dim] ?? got) : typeof dim === "number" ? dim : got;
    if (got !== wanted) {
      throw shapeError(
        what,
        tensor.shape,
        type.shape,
        `axis ${axis} is ${got}, must be ${isName(dim) ? `"${dim}" = ` : ""}${wanted}`,
      );
    }
    if (got === 0) {
      throw new CongError(
        "EMPTY_INPUT",
        `${what} has shape ${showShape(tensor.shape)}: axis ${axis} is empty`,
        { what, axis },
        "leave empty batches out before calling run",
      );
    }
    if (isName(dim)) bindings[dim] = got;
  });
}

function shapeError(what: string, got: Shape, wanted: Shape, hint: string): CongError {
  return new CongError(
    "SHAPE_MISMATCH",
    `${what} has shape ${showShape(got)}, wanted ${showShape(wanted)}`,
    { what, got, wanted },
    hint,
  );
}

/** The slot of that name, or an error that suggests one. */
export function findSlot<Slot extends NamedValue>(kind: string, slots: readonly Slot[], name: string): Slot {
  const slot = slots.find((candidate) => candidate.name === name);
  if (slot === undefined)
    throw unknownName(
      kind,
      name,
      slots.map((candidate) => candidate.name),
    );
  return slot;
}

/** Checks that every constant of the graph has data of the right type. */
export function checkConstants(graph: Graph, data: Readonly<Record<string, HostTensor>> = {}): void {
  for (const name of Object.keys(data)) findSlot("constant", graph.constants, name);
  for (const { name, value } of graph.constants) {
    const tensor = data[name];
    if (tensor === undefined) {
      throw new CongError(
        "MISSING_CONSTANT",
        `compile: constant "${name}" has no data`,
        { name },
        "pass it in options.constants",
      );
    }
    checkTensor(`constant "${name}"`, tensor, graph.types[value]!);
  }
}

export const notWritten = (name: string): CongError =>
  new CongError(
    "STATE_NOT_SET",
    `run: state "${name}" has no value yet`,
    { name },
    "call writeState for every state tensor before the first run",
  );

export const disposed = (): CongError =>
  new CongError("DISPOSED", "this program has been disposed", {}, "compile the graph again to use it");

/** Checks inputs that a program uses as indices. */
export function checkIndices(
  limits: readonly IndexLimit[],
  inputs: Readonly<Record<string, HostTensor>>,
  bindings: Bindings,
): void {
  for (const { input, size, exempt, op, scope } of limits) {
    const limit = evaluateDim(size, bindings);
    const { data } = inputs[input]!;
    for (let i = 0; i < data.length; i++) {
      const index = Number(data[i]);
      if ((index >= 0 && index < limit) || exempt.includes(index)) continue;
      const where = scope === "" ? op : `${op} in ${scope}`;
      throw new CongError(
        "INDEX_OUT_OF_RANGE",
        `input "${input}": index ${index} at position ${i} is outside [0, ${limit}) (used by ${where})`,
        { input, index, position: i, limit },
        "token ids must be smaller than the vocabulary; check that tokenizer and model belong together",
      );
    }
  }
}
