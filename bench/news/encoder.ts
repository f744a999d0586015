/**
 * The encoder: a small transformer that sees the whole title, reads each place as its character plus the pair and the
 * triple that begin there, and is pretrained to guess hidden characters before it learns the classes.
 *
 * B batch, T length, C hidden, E channels of pairs and triples.
 */
import {
  add,
  cast,
  concat,
  div,
  type GraphBuilder,
  type HostTensor,
  iota,
  maskBias,
  max,
  mul,
  notEqual,
  type RandomSource,
  reshape,
  sum,
  type Tensor,
  where,
} from "../../src/engine/index.ts";
import {
  type Block,
  block,
  type DenseLinear,
  dropoutLayer,
  type Embedding,
  embedding,
  initBlock,
  initEmbedding,
  initLinear,
  initRmsNorm,
  linear,
  type RmsNorm,
  rmsNormLayer,
  rotaryFrequencies,
  rotaryTablesInGraph,
} from "../../src/nn/index.ts";
import type { Random } from "../../src/support/random.ts";
import type { Classifier } from "./classifier.ts";
import { type Encoded, type Lexicon, nGramRows, special } from "./lexicon.ts";
import { classes } from "./titles.ts";

export interface EncoderShape {
  readonly hidden: number;
  readonly nGramChannels: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
}

export type Encoder<Leaf> = {
  readonly characters: Embedding<Leaf>;
  readonly pairs: Embedding<Leaf>;
  readonly triples: Embedding<Leaf>;
  /** Pairs and triples beside each other, 2E → C. */
  readonly nGrams: DenseLinear<Leaf>;
  readonly layers: readonly Block<Leaf>[];
  readonly norm: RmsNorm<Leaf>;
};

export function initEncoder(shape: EncoderShape, { counts }: Lexicon, random: Random): Encoder<HostTensor> {
  const { hidden, nGramChannels } = shape;
  const table = (rows: number, channels: number) => initEmbedding({ vocabulary: rows, hidden: channels }, random);
  return {
    characters: table(counts[0]!, hidden),
    pairs: table(counts[1]!, nGramChannels),
    triples: table(counts[2]!, nGramChannels),
    nGrams: initLinear({ input: 2 * nGramChannels, output: hidden }, random),
    layers: Array.from({ length: shape.layers }, () => initBlock(shape, random)),
    norm: initRmsNorm(hidden),
  };
}

/** Declares the inputs of `encoderInputs`. @returns hidden states [B, T, C] after the last norm, and the ids [B, T] */
export function encode(
  builder: GraphBuilder,
  encoder: Encoder<Tensor>,
  heads: number,
  rate: number,
  random?: RandomSource,
): { hidden: Tensor; ids: Tensor } {
  const input = (name: string) => builder.input(name, "int32", ["batch", "length"]);
  const [ids, pairs, triples] = [input("ids"), input("pairs"), input("triples")];
  const dropout = random && rate > 0 ? { rate, random } : undefined;
  const nGrams = concat([embedding(encoder.pairs, pairs), embedding(encoder.triples, triples)], 2); // (B, T, 2E)
  let x = add(embedding(encoder.characters, ids), linear(encoder.nGrams, nGrams)); // (B, T, C)
  x = dropoutLayer(x, dropout);
  const size = Number(x.shape[2]) / heads;
  const rotary = rotaryTablesInGraph(iota(builder, ids.shape[1]!), rotaryFrequencies({ size }));
  const bias = reshape(maskBias(notEqual(ids, special.pad)), [ids.shape[0]!, 1, 1, ids.shape[1]!]);
  encoder.layers.forEach((layer, i) => {
    x = builder.scope(`layers.${i}`, () => block(layer, x, { heads, rotary, bias, dropout }));
  });
  return { hidden: rmsNormLayer(encoder.norm, x), ids };
}

export type ClassifierParameters<Leaf> = { readonly encoder: Encoder<Leaf>; readonly output: DenseLinear<Leaf> };

export interface ReadingOptions {
  readonly heads: number;
  readonly dropout: number;
  /** Probability that a character is hidden in training. */
  readonly hide: number;
}

/** Classifies by mean and maximum over the places of a title. */
export function encoderModel(
  lexicon: Lexicon,
  encoder: Encoder<HostTensor>,
  options: ReadingOptions,
  random: Random,
): Classifier<ClassifierParameters<HostTensor>, Encoded> {
  const hidden = encoder.norm.weight.shape[0]!;
  return {
    name: "encoder",
    parameters: { encoder, output: initLinear({ input: 2 * hidden, output: classes, bias: true }, random) },
    logits(builder, tree, source) {
      const parameters = tree as ClassifierParameters<Tensor>;
      const { hidden: states, ids } = encode(builder, parameters.encoder, options.heads, options.dropout, source);
      const seen = reshape(notEqual(ids, special.pad), [...ids.shape, 1]);
      const counted = cast(seen, "float32");
      const average = div(sum(mul(states, counted), { axes: 1 }), sum(counted, { axes: 1 }));
      const largest = max(where(seen, states, -1e4), { axes: 1 });
      const pooled = concat([average, largest], 1); // (B, 2C)
      return linear(parameters.output, dropoutLayer(pooled, source && { rate: 0.3, random: source }));
    },
    inputs: (data, chosen, dice) => encoderInputs(lexicon, hideSome(pickRows(data, chosen), options.hide, dice).shown),
  };
}

/** Titles `chosen`, in rows as long as the longest of them, rounded up to a multiple of 4. */
export function pickRows({ ids, width }: Encoded, chosen: ArrayLike<number>): Encoded {
  let longest = 4;
  for (let i = 0; i < chosen.length; i++) {
    const from = chosen[i]! * width;
    while (longest < width && ids[from + longest] !== special.pad) longest += 4;
  }
  const picked = new Int32Array(chosen.length * longest);
  for (let i = 0; i < chosen.length; i++) {
    const from = chosen[i]! * width;
    picked.set(ids.subarray(from, from + longest), i * longest);
  }
  return { ids: picked, width: longest, rows: chosen.length };
}

/** Replaces characters by `mask` with probability `rate`; `places` lists where. */
export function hideSome(data: Encoded, rate: number, random?: Random): { shown: Encoded; places: number[] } {
  if (random === undefined || rate === 0) return { shown: data, places: [] };
  const ids = data.ids.slice();
  const dice = random.uniformArray(ids.length);
  const places: number[] = [];
  for (let at = 0; at < ids.length; at++) {
    if (ids[at]! <= special.end || dice[at]! >= rate) continue;
    ids[at] = special.mask;
    places.push(at);
  }
  return { shown: { ...data, ids }, places };
}

export function encoderInputs(lexicon: Lexicon, data: Encoded): Readonly<Record<string, HostTensor>> {
  const [pairs, triples] = nGramRows(lexicon, data);
  const tensor = (values: Int32Array): HostTensor => ({
    dtype: "int32",
    shape: [data.rows, data.width],
    data: values as Int32Array<ArrayBuffer>,
  });
  return { ids: tensor(data.ids), pairs: tensor(pairs!), triples: tensor(triples!) };
}
