/** Activation functions by name, for configurations. Names are those of Hugging Face where it has one. */
import { gelu, mul, relu, sigmoid, silu, type Tensor, tanh } from "../engine/index.ts";

/** Every activation: name → function, elementwise. */
export const activations = {
  /** x·Φ(x) with the exact normal distribution (Hendrycks & Gimpel 2016). */
  gelu: (x: Tensor) => gelu(x),
  /** Its tanh approximation, as in GPT-2 and the first GLM; Hugging Face calls it gelu_new and gelu_pytorch_tanh. */
  gelu_tanh: (x: Tensor) => gelu(x, "tanh"),
  /** x·sigmoid(1.702·x), the approximation CLIP uses. */
  quick_gelu: (x: Tensor) => mul(x, sigmoid(mul(x, 1.702))),
  relu,
  /** relu(x)² (So et al. 2021). */
  relu2: (x: Tensor) => {
    const positive = relu(x);
    return mul(positive, positive);
  },
  sigmoid,
  silu,
  tanh,
} satisfies Record<string, (x: Tensor) => Tensor>;

export type ActivationName = keyof typeof activations;
