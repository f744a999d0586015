/**
 * The graph of an exported ONNX decoder, with the inputs and outputs that Hugging Face Optimum gives such models, so that
 * programs written for those run it:
 *
 *   input_ids [batch, length], attention_mask [batch, total_length], position_ids [batch, length] (all int64),
 *   past_key_values.N.key and .value [batch, G, past_length, D] → logits [batch, length, V], present.N.key and .value
 *   [batch, G, past_length + length, D], total_length being past_length + length.
 *
 * The first call has a past of length 0; what a call returns as present is the past of the next. attention_mask is 1 for
 * tokens and 0 for padding, of the past too.
 */

import {
  addDims,
  and,
  type Graph,
  greaterOrEqual,
  iota,
  lessOrEqual,
  maskBias,
  pad,
  reshape,
  type Tensor,
  type TensorSpec,
  trace,
} from "../../engine/index.ts";
import { dimensionOp } from "../../engine/ops/source.ts";
import type { ModelConfig, ModelFamily, ParameterTree } from "../../models/index.ts";
import { positionsFrom } from "../../nn/index.ts";
import { CongError } from "../../support/index.ts";
import { elsewhere } from "../elsewhere.ts";

const [B, T, P] = ["batch", "length", "past_length"] as const;

/** Names of one layer's cache among the inputs and outputs. */
export const pastNames = (layer: number) => ({
  key: `past_key_values.${layer}.key`,
  value: `past_key_values.${layer}.value`,
});
export const presentNames = (layer: number) => ({ key: `present.${layer}.key`, value: `present.${layer}.value` });

/**
 * Parameters are constants under their checkpoint names.
 * @throws CongError `EXPORT_UNSUPPORTED` for families whose mask or inputs these names cannot express
 */
export function decoderGraph(family: ModelFamily, config: ModelConfig): Graph {
  if (family.mask !== "causal") throw unsupported(family);
  return trace((builder) => {
    const parameters = builder.constants("", family.parameters(config)) as ParameterTree<Tensor>;
    const ids = builder.input("input_ids", "int64", [B, T]);
    const total = addDims(P, T);
    const mask = builder.input("attention_mask", "int64", [B, total]);
    const positions = builder.input("position_ids", "int64", [B, T]);
    const [past] = builder.emit(dimensionOp, [], { dim: P, dtype: "int64" }) as [Tensor];
    const start = reshape(past, [1]);
    const spec: TensorSpec = { dtype: "float32", shape: [B, config.keyValueHeads, P, config.headSize] };
    // The family writes new rows into a cache with room for them: the past, then T rows of zeros.
    const layers = Array.from({ length: config.layers }, (_, i) => {
      const names = pastNames(i);
      const room = (name: string) => pad(builder.input(name, spec.dtype, spec.shape), 2, 0, T);
      return { key: room(names.key), value: room(names.value) };
    });
    const isToken = reshape(greaterOrEqual(mask, 1), [B, 1, 1, total]);
    const isPast = lessOrEqual(iota(builder, total), reshape(positionsFrom(start, T), [T, 1])); // (T, total)
    const bias = maskBias(and(isToken, isPast)); // (B, 1, T, total)
    const { hidden, cache } = family.forward(config, parameters, { ids, positions, bias, cache: { layers, start } });
    builder.output("logits", family.logits(config, parameters, hidden.at(-1)!));
    cache!.forEach(({ key, value }, i) => {
      const names = presentNames(i);
      builder.output(names.key, key);
      builder.output(names.value, value);
    });
  });
}

const reasons = {
  prefix: "its prompt sees itself (prefix mask), which a mask of one row a text cannot say",
  full: "it sees later tokens too and so has no cache",
} as const;

const unsupported = ({ name, mask }: ModelFamily): CongError =>
  new CongError(
    "EXPORT_UNSUPPORTED",
    `cannot export a ${name} model to ONNX with a key/value cache: ${reasons[mask as keyof typeof reasons]}`,
    { family: name, mask },
    elsewhere(name),
  );
