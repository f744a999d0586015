/** RMS norm and layer norm as layers; the arithmetic is one op of the engine each. */
import { type HostTensor, layerNorm, rmsNorm, type Tensor } from "../engine/index.ts";
import { checkInteger } from "../support/checks.ts";

/** Parameters of an RMS norm. */
export type RmsNorm<Leaf> = {
  /** [C] */
  readonly weight: Leaf;
};

/** Parameters of a layer norm. */
export type LayerNorm<Leaf> = {
  /** [C] */
  readonly weight: Leaf;
  /** [C] */
  readonly bias: Leaf;
};

export interface NormOptions {
  /** Added under the square root. Default 1e-5. */
  readonly epsilon?: number;
}

/** An RMS norm over `channels` channels that starts as plain normalisation. */
export const initRmsNorm = (channels: number): RmsNorm<HostTensor> => ({ weight: vector(channels, 1) });

/** A layer norm over `channels` channels that starts as plain normalisation. */
export const initLayerNorm = (channels: number): LayerNorm<HostTensor> => ({
  weight: vector(channels, 1),
  bias: vector(channels, 0),
});

/** x / √(mean(x²) + ε) · weight over the last axis (Zhang & Sennrich 2019). x [..., C]. */
export const rmsNormLayer = (parameters: RmsNorm<Tensor>, x: Tensor, options: NormOptions = {}): Tensor =>
  rmsNorm(x, parameters.weight, options.epsilon);

/** (x − mean) / √(var + ε) · weight + bias over the last axis (Ba et al. 2016). x [..., C]. */
export const layerNormLayer = (parameters: LayerNorm<Tensor>, x: Tensor, options: NormOptions = {}): Tensor =>
  layerNorm(x, parameters.weight, parameters.bias, options.epsilon);

function vector(channels: number, value: number): HostTensor {
  checkInteger("norm", { channels }, { min: 1 });
  const data = new Float32Array(channels).fill(value);
  return { dtype: "float32", shape: [channels], data };
}
