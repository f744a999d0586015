/**
 * Recurrent networks: LSTM, GRU and the plain cell, in layers, in one or both directions.
 *
 * The products with the input do not depend on the recurrence, so each layer computes them for all steps in one large
 * matmul; only the hidden product stays inside the loop (`scan`). Between layers tensors are time-major.
 *
 * B batch, T length, C input channels, H hidden channels.
 */
import {
  add,
  cast,
  concat,
  expand,
  type HostTensor,
  matmul,
  mul,
  reshape,
  scalar,
  scan,
  type Tensor,
  transpose,
  where,
} from "../../engine/index.ts";
import { checkInteger, checkOneOf } from "../../support/checks.ts";
import type { Random } from "../../support/random.ts";
import { type DropoutOptions, dropoutLayer } from "../dropout.ts";
import { uniform } from "../initialize.ts";
import { type Cell, type CellName, cells } from "./cells.ts";

/** Parameters of one layer in one direction; `gates` is 4 for LSTM, 3 for GRU, else 1. */
export type RecurrentDirection<Leaf> = {
  /** [gates·H, C] */
  readonly inputWeight: Leaf;
  /** [gates·H, H] */
  readonly hiddenWeight: Leaf;
  /** [gates·H] */
  readonly inputBias: Leaf;
  /** [gates·H] */
  readonly hiddenBias: Leaf;
};

/** Parameters of one layer. */
export type RecurrentLayer<Leaf> = {
  readonly forward: RecurrentDirection<Leaf>;
  readonly backward?: RecurrentDirection<Leaf>;
};

/** Parameters of a recurrent network. */
export type Recurrent<Leaf> = {
  readonly layers: readonly RecurrentLayer<Leaf>[];
};

export interface RecurrentShape {
  readonly cell: CellName;
  /** Input channels C. */
  readonly input: number;
  /** Hidden channels H of each direction. */
  readonly hidden: number;
  /** Default 1. */
  readonly layers?: number;
  /** Read the sequence from its end as well. Default false. */
  readonly bidirectional?: boolean;
}

/** Fresh parameters, all U(±1/√H) as in PyTorch. */
export function initRecurrent(options: RecurrentShape, random: Random): Recurrent<HostTensor> {
  const { input, hidden, layers = 1, bidirectional = false } = options;
  checkOneOf("initRecurrent", { cell: options.cell }, Object.keys(cells));
  checkInteger("initRecurrent", { input, hidden, layers }, { min: 1 });
  const rows = cells[options.cell].gates * hidden;
  const draw = uniform({ low: -1 / Math.sqrt(hidden), high: 1 / Math.sqrt(hidden) });
  const direction = (channels: number): RecurrentDirection<HostTensor> => ({
    inputWeight: draw([rows, channels], random),
    hiddenWeight: draw([rows, hidden], random),
    inputBias: draw([rows], random),
    hiddenBias: draw([rows], random),
  });
  return {
    layers: Array.from({ length: layers }, (_, i) => {
      const channels = i === 0 ? input : hidden * (bidirectional ? 2 : 1);
      const forward = direction(channels);
      return bidirectional ? { forward, backward: direction(channels) } : { forward };
    }),
  };
}

export interface RecurrentOptions {
  readonly cell: CellName;
  /**
   * State before the first step: one entry per layer and direction (layer 0 forward, layer 0 backward, layer 1
   * forward, …), each [hidden] or, for LSTM, [hidden, memory] of shape [B, H]. Default zeros.
   */
  readonly initial?: readonly (readonly Tensor[])[];
  /** bool [B, T]: steps that are false (padding) leave the state as it is and output 0. Default all true. */
  readonly mask?: Tensor;
  /** Between layers, not after the last. */
  readonly dropout?: DropoutOptions | undefined;
}

export interface RecurrentResult {
  /** [B, T, H], or [B, T, 2·H] with the forward direction first. */
  readonly output: Tensor;
  /** State after the last step, arranged as `initial`. */
  readonly final: Tensor[][];
}

/** Runs the network over x [B, T, C]. */
export function recurrent(parameters: Recurrent<Tensor>, x: Tensor, options: RecurrentOptions): RecurrentResult {
  const cell = cells[options.cell];
  const [B, T] = x.shape;
  const mask = options.mask === undefined ? undefined : reshape(transpose(options.mask), [T!, B!, 1]);
  const final: Tensor[][] = [];
  let steps = transpose(x, [1, 0, 2]); // (T, B, C)
  parameters.layers.forEach((layer, i) => {
    const read = i === 0 ? steps : dropoutLayer(steps, options.dropout);
    const directions = layer.backward === undefined ? [layer.forward] : [layer.forward, layer.backward];
    const outputs = directions.map((direction, k) => {
      const initial = options.initial?.[final.length];
      const result = runDirection(cell, direction, read, { initial, mask, reverse: k === 1 });
      final.push(result.final);
      return result.output;
    });
    steps = concat(outputs, 2); // (T, B, directions·H)
  });
  return { output: transpose(steps, [1, 0, 2]), final };
}

function runDirection(
  cell: Cell,
  { inputWeight, hiddenWeight, inputBias, hiddenBias }: RecurrentDirection<Tensor>,
  x: Tensor,
  options: {
    readonly initial: readonly Tensor[] | undefined;
    readonly mask: Tensor | undefined;
    readonly reverse: boolean;
  },
): { readonly output: Tensor; readonly final: Tensor[] } {
  const { mask, reverse } = options;
  const [B, H] = [x.shape[1]!, hiddenWeight.shape[1]!];
  const bias = cell.mergesBiases ? add(inputBias, hiddenBias) : inputBias;
  const fromInput = add(matmul(x, inputWeight, { transposeB: true }), bias); // (T, B, gates·H)
  const start = options.initial ?? Array.from({ length: cell.carries }, () => expand(scalar(x, 0), [B, H]));
  const { carries, results } = scan(
    (_, states, [input, isReal], [weight, extra]) => {
      const product = matmul(states[0]!, weight!, { transposeB: true });
      const next = cell.step(states, input!, extra === undefined ? product : add(product, extra));
      if (isReal === undefined) return { carries: next, results: [next[0]!] };
      // Padding keeps the state, so that the backward direction starts at each sequence's own end.
      const kept = next.map((state, i) => where(isReal, state, states[i]!));
      return { carries: kept, results: [mul(next[0]!, cast(isReal, "float32"))] };
    },
    {
      carries: start,
      sequences: mask === undefined ? [fromInput] : [fromInput, mask],
      captured: cell.mergesBiases ? [hiddenWeight] : [hiddenWeight, hiddenBias],
      reverse,
    },
  );
  return { output: results[0]!, final: carries };
}
