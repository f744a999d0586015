import { describe, expect, it } from "vitest";
import { ropeFrequencies } from "./decoder/rope.ts";
import type { JsonObject } from "./family.ts";
import { readModelConfig } from "./registry.ts";
import { tinyConfigs } from "./tiny-configs.fixture.ts";

const glm = tinyConfigs.glm!;

describe("readModelConfig", () => {
  it.each<[string, JsonObject, RegExp]>([
    ["a misspelt model type", { ...glm, model_type: "gml4" }, /model_type is "gml4"/],
    ["no model type", { vocab_size: 3 }, /model_type is missing/],
    ["a missing size", { ...glm, hidden_size: null }, /hidden_size is null, wanted an integer/],
    ["a negative size", { ...glm, num_hidden_layers: -1 }, /num_hidden_layers is -1/],
    ["an activation it lacks", { ...glm, hidden_act: "swish2" }, /hidden_act is "swish2", wanted one of silu/],
    ["heads that do not divide", { ...glm, num_key_value_heads: 3 }, /multiple of num_key_value_heads \(3\)/],
    ["sliding windows", { ...tinyConfigs.qwen2!, use_sliding_window: true }, /use_sliding_window is true/],
    ["an odd number of rotating channels", { ...glm, partial_rotary_factor: 0.4 }, /3 of the 8 channels/],
    ["a rotary method it lacks", { ...glm, rope_scaling: { type: "dynamic", factor: 2 } }, /rope_type is "dynamic"/],
    [
      "a setting of another method",
      { ...glm, rope_scaling: { type: "linear", factor: 2, beta_fast: 3 } },
      /"beta_fast"/,
    ],
    ["a missing setting", { ...glm, rope_scaling: { type: "linear" } }, /needs "factor"/],
    ["one-dimensional ChatGLM-6B", { ...tinyConfigs.chatglm_6b!, position_encoding_2d: false }, /position_encoding_2d/],
    ["foreign quantisation", { ...glm, quantization_config: { bits: 4 } }, /quantization_config/],
  ])("refuses %s", (_, json, message) => {
    expect(() => readModelConfig(json)).toThrow(message);
  });

  it("suggests the key that was meant", () => {
    expect(() => readModelConfig({ ...glm, num_hidden_layer: 2 })).toThrow(/unknown key "num_hidden_layer"/);
  });

  it("tells the two families of model type glm apart", () => {
    expect(readModelConfig(glm).family.name).toBe("glm");
    expect(readModelConfig(tinyConfigs.glm_original!).family.name).toBe("glm_original");
  });
});

describe("ropeFrequencies", () => {
  // Hugging Face transformers' ROPE_INIT_FUNCTIONS (formulas recomputed in Python in float64).
  it("scales as YaRN", () => {
    const { frequencies, scale } = ropeFrequencies({
      base: 10000,
      channels: 8,
      interleaved: false,
      scaling: {
        type: "yarn",
        factor: 4,
        originalLength: 32768,
        betaFast: 32,
        betaSlow: 1,
        attentionFactor: 1.1386294,
      },
    });
    [1.0, 0.1, 0.01, 0.000625].forEach((wanted, i) => {
      expect(frequencies[i]).toBeCloseTo(wanted, 9);
    });
    expect(scale).toBe(1.1386294);
  });

  it("scales as Llama 3", () => {
    const { frequencies } = ropeFrequencies({
      base: 500000,
      channels: 8,
      interleaved: false,
      scaling: { type: "llama3", factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalLength: 400 },
    });
    [1.0, 0.019991554066104936, 0.00017677669529663688, 6.647869871181236e-6].forEach((wanted, i) => {
      expect(frequencies[i]).toBeCloseTo(wanted, 9);
    });
  });
});
