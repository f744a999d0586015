/**
 * One step of each recurrent cell, with PyTorch's gate order and formulas. B batch, H hidden channels.
 *
 * A cell gets the input's contribution ready made (`fromInput`, computed for all steps at once outside the loop) and
 * adds the hidden state's. `carries[0]` is the hidden state, which is also the step's output.
 */
import { add, mul, relu, sigmoid, split, sub, type Tensor, tanh } from "../../engine/index.ts";

export type CellName = "lstm" | "gru" | "tanh" | "relu";

export interface Cell {
  /** Blocks of H rows in each weight. */
  readonly gates: number;
  /** Tensors [B, H] carried from step to step. */
  readonly carries: number;
  /**
   * True when the hidden bias may be added together with the input bias outside the loop; a GRU multiplies it by a gate
   * that depends on the state.
   */
  readonly mergesBiases: boolean;
  /** Next carries from these. `fromInput` and `fromHidden` are [B, gates·H]. */
  step(carries: readonly Tensor[], fromInput: Tensor, fromHidden: Tensor): Tensor[];
}

/** h' = f(W·x + U·h + b) (Elman 1990). */
const elman = (activate: (x: Tensor) => Tensor): Cell => ({
  gates: 1,
  carries: 1,
  mergesBiases: true,
  step: (_, fromInput, fromHidden) => [activate(add(fromInput, fromHidden))],
});

const chunks = (x: Tensor, count: number): Tensor[] => {
  const size = Number(x.shape[1]) / count;
  return split(
    x,
    1,
    Array.from({ length: count }, () => size),
  );
};

export const cells: Readonly<Record<CellName, Cell>> = {
  /** Hochreiter & Schmidhuber 1997 with a forget gate; gate order input, forget, candidate, output. */
  lstm: {
    gates: 4,
    carries: 2,
    mergesBiases: true,
    step: ([, memory], fromInput, fromHidden) => {
      const [input, forget, candidate, output] = chunks(add(fromInput, fromHidden), 4) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const next = add(mul(sigmoid(forget), memory!), mul(sigmoid(input), tanh(candidate)));
      return [mul(sigmoid(output), tanh(next)), next];
    },
  },
  /** Cho et al. 2014 in the variant of cuDNN; gate order reset, update, candidate. */
  gru: {
    gates: 3,
    carries: 1,
    mergesBiases: false,
    step: ([hidden], fromInput, fromHidden) => {
      const [inputReset, inputUpdate, inputCandidate] = chunks(fromInput, 3) as [Tensor, Tensor, Tensor];
      const [hiddenReset, hiddenUpdate, hiddenCandidate] = chunks(fromHidden, 3) as [Tensor, Tensor, Tensor];
      const reset = sigmoid(add(inputReset, hiddenReset));
      const update = sigmoid(add(inputUpdate, hiddenUpdate));
      const candidate = tanh(add(inputCandidate, mul(reset, hiddenCandidate)));
      // (1 − z)·n + z·h, with one multiplication less
      return [add(candidate, mul(update, sub(hidden!, candidate)))];
    },
  },
  tanh: elman(tanh),
  relu: elman(relu),
};
