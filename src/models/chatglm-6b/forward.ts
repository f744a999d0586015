/**
 * The graph of ChatGLM-6B (glm-family facts: Hub `modeling_chatglm.py`): layer norms, a residual that carries α times
 * the *normalised* input, rotary positions in two halves of each head, prompt seen by all.
 *
 * B batch, T new tokens, H heads, D head size, C hidden.
 */
import { add, concat, mul, reshape, rotary, slice, type Tensor, type TensorSpec } from "../../engine/index.ts";
import {
  type AnyEmbedding,
  dropoutLayer,
  embedding,
  type KeysAndValues,
  layerNormLayer,
  linear,
  mlp,
  type RotaryTables,
  rotaryFrequencies,
  rotaryTablesInGraph,
} from "../../nn/index.ts";
import { CongError } from "../../support/index.ts";
import { attendHeads, type Heads } from "../attend.ts";
import type { ForwardInputs, ForwardOutputs } from "../family.ts";
import { type PlainLayer, plainLayer, spec } from "../plain-layer.ts";
import { biasOf } from "../positions.ts";
import type { ChatGlm6bConfig } from "./config.ts";

export type ChatGlm6bParameters<Leaf> = {
  readonly transformer: {
    readonly word_embeddings: AnyEmbedding<Leaf>;
    readonly layers: readonly PlainLayer<Leaf>[];
    readonly final_layernorm: { readonly weight: Leaf; readonly bias: Leaf };
  };
  /** Stored beside the embedding, with the same values. */
  readonly lm_head: { readonly weight: Leaf };
};

export const chatGlm6bParameters = (config: ChatGlm6bConfig): ChatGlm6bParameters<TensorSpec> => {
  const { vocabulary: V, hidden: C, layers, feedForward: F } = config;
  return {
    transformer: {
      word_embeddings: { weight: spec(V, C) },
      layers: Array.from({ length: layers }, () => plainLayer(C, F)),
      final_layernorm: { weight: spec(C), bias: spec(C) },
    },
    lm_head: { weight: spec(V, C) },
  };
};

/** Rotations of the two halves of each head: by the place in the text, and by the place in the answer. */
type TwoRotations = readonly [text: RotaryTables<Tensor>, answer: RotaryTables<Tensor>];

export function chatGlm6bForward(
  config: ChatGlm6bConfig,
  { transformer }: ChatGlm6bParameters<Tensor>,
  inputs: ForwardInputs,
): ForwardOutputs {
  const { builder } = inputs.ids;
  const rotations = builder.scope("positions", () => rotationsOf(config, inputs));
  const bias = biasOf(inputs);
  const drop = (x: Tensor) => dropoutLayer(x, inputs.dropout);
  const hidden = [builder.scope("embedding", () => drop(embedding(transformer.word_embeddings, inputs.ids)))];
  const caches: KeysAndValues<Tensor>[] = [];
  const norm = (p: { readonly weight: Tensor; readonly bias: Tensor }, x: Tensor) =>
    layerNormLayer(p, x, { epsilon: config.normEpsilon });
  transformer.layers.forEach((layer, i) => {
    builder.scope(`layers.${i}`, () => {
      const x = norm(layer.input_layernorm, hidden[i]!);
      const heads = headsOf(config, layer, x, rotations);
      const attended = attendHeads(heads, inputs, i, bias);
      if (attended.cache !== undefined) caches.push(attended.cache);
      const h = add(mul(x, config.residualScale), drop(linear(layer.attention.dense, attended.output)));
      const y = norm(layer.post_attention_layernorm, h);
      const { dense_h_to_4h: up, dense_4h_to_h: down } = layer.mlp;
      const change = mlp({ up, down }, y, { activation: "gelu_tanh" });
      hidden.push(add(mul(y, config.residualScale), drop(change)));
    });
  });
  hidden.push(drop(norm(transformer.final_layernorm, hidden.pop()!)));
  return { hidden, ...(inputs.cache === undefined ? {} : { cache: caches }) };
}

/** Rows of the projection are grouped by head: query, key, value of head 0, then of head 1 … */
function headsOf(
  { heads: H, headSize: D }: ChatGlm6bConfig,
  layer: PlainLayer<Tensor>,
  x: Tensor,
  rotations: TwoRotations,
): Heads {
  const [B, T] = x.shape;
  const all = reshape(linear(layer.attention.query_key_value, x), [B!, T!, H, 3 * D]);
  const part = (i: number) => slice(all, -1, i * D, (i + 1) * D);
  return { query: rotate(part(0), rotations), key: rotate(part(1), rotations), value: part(2) };
}

/** Each half of the head's channels turns as a head of its own (half-split pairs). x [B, T, H, D]. */
function rotate(x: Tensor, [text, answer]: TwoRotations): Tensor {
  const D = Number(x.shape[3]);
  const first = rotary(slice(x, -1, 0, D / 2), text.cosines, text.sines);
  const second = rotary(slice(x, -1, D / 2, D), answer.cosines, answer.sines);
  return concat([first, second], -1);
}

function rotationsOf({ headSize }: ChatGlm6bConfig, { ids, positions }: ForwardInputs): TwoRotations {
  const [B, T] = ids.shape;
  if (positions === undefined || positions.shape.length !== 3) {
    throw new CongError(
      "BAD_ARGUMENT",
      `ChatGLM-6B needs positions [B, 2, T], got ${positions === undefined ? "none" : `[${positions.shape.join(", ")}]`}`,
      {},
      "make them from the token ids with the family's `layout`",
    );
  }
  const frequencies = rotaryFrequencies({ size: headSize / 2 });
  const row = (i: number) => rotaryTablesInGraph(reshape(slice(positions, 1, i, i + 1), [B!, T!]), frequencies);
  return [row(0), row(1)];
}
