/**
 * BERT: an encoder in which every token sees every other, norms after each half of a layer, learned positions and
 * segments; with the masked-token head or a classification head on the first token.
 *
 * B batch, T length, C hidden, V vocabulary, N classes.
 */
import {
  add,
  attention,
  gather,
  reshape,
  slice,
  type Tensor,
  type TensorSpec,
  tanh,
  transpose,
} from "../../engine/index.ts";
import {
  type AnyEmbedding,
  activations,
  dropoutLayer,
  embedding,
  type LayerNorm,
  type Linear,
  layerNormLayer,
  linear,
  mlp,
  tiedLogits,
} from "../../nn/index.ts";
import { CongError } from "../../support/index.ts";
import type { ForwardInputs, ForwardOutputs, ModelFamily } from "../family.ts";
import { spec } from "../plain-layer.ts";
import { positionsOf } from "../positions.ts";
import { type BertConfig, readBertConfig, writeBertConfig } from "./config.ts";

export type { BertConfig, BertHead } from "./config.ts";

type BertLayer<Leaf> = {
  readonly attention: {
    readonly self: { readonly query: Linear<Leaf>; readonly key: Linear<Leaf>; readonly value: Linear<Leaf> };
    readonly output: Sublayer<Leaf>;
  };
  readonly intermediate: { readonly dense: Linear<Leaf> };
  readonly output: Sublayer<Leaf>;
};

/** A projection and the norm after it. */
type Sublayer<Leaf> = { readonly dense: Linear<Leaf>; readonly LayerNorm: LayerNorm<Leaf> };

export type BertParameters<Leaf> = {
  readonly bert: {
    readonly embeddings: {
      readonly word_embeddings: AnyEmbedding<Leaf>;
      readonly position_embeddings: { readonly weight: Leaf };
      readonly token_type_embeddings: { readonly weight: Leaf };
      readonly LayerNorm: LayerNorm<Leaf>;
    };
    readonly encoder: { readonly layer: readonly BertLayer<Leaf>[] };
    /** Only under the classification head. */
    readonly pooler?: { readonly dense: Linear<Leaf> };
  };
  readonly cls?: { readonly predictions: { readonly bias: Leaf; readonly transform: Sublayer<Leaf> } };
  readonly classifier?: Linear<Leaf>;
};

function parametersOf(config: BertConfig): BertParameters<TensorSpec> {
  const { vocabulary: V, hidden: C, feedForward: F, contextLength, segmentTypes, head, labels } = config;
  const norm = { weight: spec(C), bias: spec(C) };
  const dense = (output: number, input: number) => ({ weight: spec(output, input), bias: spec(output) });
  const layer: BertLayer<TensorSpec> = {
    attention: {
      self: { query: dense(C, C), key: dense(C, C), value: dense(C, C) },
      output: { dense: dense(C, C), LayerNorm: norm },
    },
    intermediate: { dense: dense(F, C) },
    output: { dense: dense(C, F), LayerNorm: norm },
  };
  return {
    bert: {
      embeddings: {
        word_embeddings: { weight: spec(V, C) },
        position_embeddings: { weight: spec(contextLength, C) },
        token_type_embeddings: { weight: spec(segmentTypes, C) },
        LayerNorm: norm,
      },
      encoder: { layer: Array.from({ length: config.layers }, () => layer) },
      ...(head === "classification" ? { pooler: { dense: dense(C, C) } } : {}),
    },
    ...(head === "classification"
      ? { classifier: dense(labels, C) }
      : { cls: { predictions: { bias: spec(V), transform: { dense: dense(C, C), LayerNorm: norm } } } }),
  };
}

function forward(config: BertConfig, { bert }: BertParameters<Tensor>, inputs: ForwardInputs): ForwardOutputs {
  if (inputs.cache !== undefined || inputs.prefix !== undefined) {
    throw new CongError("BAD_ARGUMENT", "BERT has no cache and no prefix", {}, "it reads whole texts; leave them out");
  }
  const { builder } = inputs.ids;
  const norm = (p: LayerNorm<Tensor>, x: Tensor) => layerNormLayer(p, x, { epsilon: config.normEpsilon });
  const drop = (x: Tensor) => dropoutLayer(x, inputs.dropout);
  const hidden = [
    builder.scope("embedding", () => drop(norm(bert.embeddings.LayerNorm, embed(bert.embeddings, inputs)))),
  ];
  bert.encoder.layer.forEach((layer, i) => {
    builder.scope(`layers.${i}`, () => {
      const x = hidden[i]!;
      const mixed = builder.scope("attention", () => attend(config, layer.attention.self, x, inputs.bias));
      const h = norm(layer.attention.output.LayerNorm, add(x, drop(linear(layer.attention.output.dense, mixed))));
      const inner = { up: layer.intermediate.dense, down: layer.output.dense };
      const change = mlp(inner, h, { activation: config.activation });
      hidden.push(norm(layer.output.LayerNorm, add(h, drop(change))));
    });
  });
  return { hidden };
}

function embed(tables: BertParameters<Tensor>["bert"]["embeddings"], inputs: ForwardInputs): Tensor {
  const words = embedding(tables.word_embeddings, inputs.ids);
  const places = gather(tables.position_embeddings.weight, positionsOf(inputs)); // (T, C) or (B, T, C)
  const { weight } = tables.token_type_embeddings;
  const segments = inputs.segments === undefined ? slice(weight, 0, 0, 1) : gather(weight, inputs.segments);
  return add(add(words, segments), places);
}

function attend(
  { heads: H, headSize: D }: BertConfig,
  p: BertLayer<Tensor>["attention"]["self"],
  x: Tensor,
  bias: Tensor | undefined,
): Tensor {
  const [B, T] = x.shape;
  const heads = (projection: Linear<Tensor>) => transpose(reshape(linear(projection, x), [B!, T!, H, D]), [0, 2, 1, 3]);
  const options = bias === undefined ? {} : { bias };
  const mixed = attention(heads(p.query), heads(p.key), heads(p.value), options); // (B, H, T, D)
  return reshape(transpose(mixed, [0, 2, 1, 3]), [B!, T!, -1]);
}

/** [B, T, V] for masked tokens; [B, N] for classes, from the first token. */
function logits(config: BertConfig, { bert, cls, classifier }: BertParameters<Tensor>, hidden: Tensor): Tensor {
  if (cls === undefined) {
    const [B, , C] = hidden.shape;
    const first = reshape(slice(hidden, 1, 0, 1), [B!, C!]);
    return linear(classifier!, tanh(linear(bert.pooler!.dense, first)));
  }
  const { transform, bias } = cls.predictions;
  const x = activations[config.activation](linear(transform.dense, hidden));
  const normed = layerNormLayer(transform.LayerNorm, x, { epsilon: config.normEpsilon });
  return add(tiedLogits(bert.embeddings.word_embeddings, normed), bias);
}

/** The output layer and the next-sentence head of other releases, and position numbers that old files store. */
const unused = /^cls\.(predictions\.decoder\.|seq_relationship\.)|^bert\.pooler\.|\.position_ids$/;

export const bert: ModelFamily<BertConfig> = {
  name: "bert",
  modelTypes: ["bert"],
  mask: "full",
  parseConfig: readBertConfig,
  writeConfig: writeBertConfig,
  parameters: parametersOf,
  ignores: (_, name) => unused.test(name),
  forward: (config, parameters, inputs) => forward(config, parameters as BertParameters<Tensor>, inputs),
  logits: (config, parameters, hidden) => logits(config, parameters as BertParameters<Tensor>, hidden),
};
