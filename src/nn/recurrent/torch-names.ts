/** Names of PyTorch's recurrent modules (`weight_ih_l0_reverse`), so that their checkpoints can be read and written. */
import { CongError } from "../../support/errors.ts";
import type { Recurrent, RecurrentDirection, RecurrentLayer } from "./recurrent.ts";

/** PyTorch's names of one layer's tensors. */
const torchNames = (layer: number, reverse: boolean): RecurrentDirection<string> => {
  const suffix = `l${layer}${reverse ? "_reverse" : ""}`;
  return {
    inputWeight: `weight_ih_${suffix}`,
    hiddenWeight: `weight_hh_${suffix}`,
    inputBias: `bias_ih_${suffix}`,
    hiddenBias: `bias_hh_${suffix}`,
  };
};

/**
 * The parameter tree from tensors under PyTorch's names.
 * @param tensors what `state_dict` of `torch.nn.LSTM`, `GRU` or `RNN` (with biases, without projections) holds
 * @throws CongError `MISSING_TENSOR` when a layer is incomplete
 */
export function recurrentFromTorch<Leaf>(tensors: Readonly<Record<string, Leaf>>): Recurrent<Leaf> {
  const read = (layer: number, reverse: boolean): RecurrentDirection<Leaf> => {
    const { inputWeight, hiddenWeight, inputBias, hiddenBias } = torchNames(layer, reverse);
    const take = (name: string): Leaf => {
      const tensor = tensors[name];
      if (tensor !== undefined) return tensor;
      throw new CongError(
        "MISSING_TENSOR",
        `recurrentFromTorch: there is no tensor "${name}" among ${Object.keys(tensors).join(", ")}`,
        { name },
        "the module must have biases; strip any prefix from the names first",
      );
    };
    return {
      inputWeight: take(inputWeight),
      hiddenWeight: take(hiddenWeight),
      inputBias: take(inputBias),
      hiddenBias: take(hiddenBias),
    };
  };
  const layers: RecurrentLayer<Leaf>[] = [];
  do {
    const layer = layers.length;
    const forward = read(layer, false);
    const isBidirectional = torchNames(layer, true).inputWeight in tensors;
    layers.push(isBidirectional ? { forward, backward: read(layer, true) } : { forward });
  } while (torchNames(layers.length, false).inputWeight in tensors);
  return { layers };
}
