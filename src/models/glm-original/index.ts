/**
 * The first GLM (Du et al. 2022; THUDM/GLM): GPT-2 blocks, two learned position tables, prompt seen by all, blanks
 * filled one after another. Output layer tied to the embedding.
 *
 * B batch, T new tokens, H heads, D head size, C hidden.
 */
import { add, gather, reshape, slice, type Tensor, type TensorSpec } from "../../engine/index.ts";
import {
  type AnyEmbedding,
  dropoutLayer,
  embedding,
  type KeysAndValues,
  layerNormLayer,
  linear,
  mlp,
  tiedLogits,
} from "../../nn/index.ts";
import { CongError } from "../../support/index.ts";
import { attendHeads, type Heads } from "../attend.ts";
import { blankLayout } from "../blank-layout.ts";
import type { ForwardInputs, ForwardOutputs, ModelFamily } from "../family.ts";
import { type PlainLayer, plainLayer, spec } from "../plain-layer.ts";
import { biasOf } from "../positions.ts";
import { type GlmOriginalConfig, readGlmOriginalConfig, writeGlmOriginalConfig } from "./config.ts";

export type { GlmOriginalConfig } from "./config.ts";

export type GlmOriginalParameters<Leaf> = {
  readonly word_embeddings: AnyEmbedding<Leaf>;
  readonly transformer: {
    readonly position_embeddings: { readonly weight: Leaf };
    readonly block_position_embeddings: { readonly weight: Leaf };
    readonly layers: readonly PlainLayer<Leaf>[];
    readonly final_layernorm: { readonly weight: Leaf; readonly bias: Leaf };
  };
};

function parametersOf(config: GlmOriginalConfig): GlmOriginalParameters<TensorSpec> {
  const { vocabulary: V, hidden: C, layers, contextLength } = config;
  const positions = { weight: spec(contextLength + 1, C) };
  return {
    word_embeddings: { weight: spec(V, C) },
    transformer: {
      position_embeddings: positions,
      block_position_embeddings: positions,
      layers: Array.from({ length: layers }, () => plainLayer(C, 4 * C)),
      final_layernorm: { weight: spec(C), bias: spec(C) },
    },
  };
}

function forward(
  config: GlmOriginalConfig,
  { word_embeddings, transformer }: GlmOriginalParameters<Tensor>,
  inputs: ForwardInputs,
): ForwardOutputs {
  const { builder } = inputs.ids;
  const bias = biasOf(inputs);
  const drop = (x: Tensor) => dropoutLayer(x, inputs.dropout);
  const hidden = [
    builder.scope("embedding", () => {
      const [text, span] = positionRows(inputs);
      const places = add(
        gather(transformer.position_embeddings.weight, text),
        gather(transformer.block_position_embeddings.weight, span),
      );
      return drop(add(embedding(word_embeddings, inputs.ids), places));
    }),
  ];
  const caches: KeysAndValues<Tensor>[] = [];
  transformer.layers.forEach((layer, i) => {
    builder.scope(`layers.${i}`, () => {
      const x = hidden[i]!;
      const attended = attendHeads(headsOf(config, layer, layerNormLayer(layer.input_layernorm, x)), inputs, i, bias);
      if (attended.cache !== undefined) caches.push(attended.cache);
      const h = add(x, drop(linear(layer.attention.dense, attended.output)));
      const { dense_h_to_4h: up, dense_4h_to_h: down } = layer.mlp;
      const change = mlp({ up, down }, layerNormLayer(layer.post_attention_layernorm, h), { activation: "gelu_tanh" });
      hidden.push(add(h, drop(change)));
    });
  });
  hidden.push(drop(layerNormLayer(transformer.final_layernorm, hidden.pop()!)));
  return { hidden, ...(inputs.cache === undefined ? {} : { cache: caches }) };
}

/** Rows of the projection: all queries, all keys, all values. */
function headsOf({ heads: H, headSize: D, hidden: C }: GlmOriginalConfig, layer: PlainLayer<Tensor>, x: Tensor): Heads {
  const all = linear(layer.attention.query_key_value, x); // (B, T, 3C)
  const part = (i: number) => reshape(slice(all, -1, i * C, (i + 1) * C), [...x.shape.slice(0, 2), H, D]);
  return { query: part(0), key: part(1), value: part(2) };
}

/** The two rows of positions [B, 2, T] as [B, T] each. */
function positionRows({ ids, positions }: ForwardInputs): [Tensor, Tensor] {
  const [B, T] = ids.shape;
  if (positions === undefined || positions.shape.length !== 3) {
    throw new CongError(
      "BAD_ARGUMENT",
      `GLM needs positions [B, 2, T], got ${positions === undefined ? "none" : `[${positions.shape.join(", ")}]`}`,
      {},
      "make them from the token ids with the family's `layout`",
    );
  }
  const row = (i: number) => reshape(slice(positions, 1, i, i + 1), [B!, T!]);
  return [row(0), row(1)];
}

export const glmOriginal: ModelFamily<GlmOriginalConfig> = {
  name: "glm_original",
  modelTypes: ["glm"],
  recognizes: (json) => "block_position_encoding" in json || "max_sequence_length" in json,
  mask: "prefix",
  parseConfig: readGlmOriginalConfig,
  writeConfig: writeGlmOriginalConfig,
  parameters: parametersOf,
  layout: ({ startId, maskIds }, ids) => blankLayout(ids, { startId, maskIds, oneKind: false }),
  forward: (config, parameters, inputs) => forward(config, parameters as GlmOriginalParameters<Tensor>, inputs),
  logits: (_, parameters, hidden) => tiedLogits((parameters as GlmOriginalParameters<Tensor>).word_embeddings, hidden),
};
