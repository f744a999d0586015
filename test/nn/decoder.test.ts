/**
 * The decoder against Hugging Face's Llama with random weights (shared/golden/llama-tiny): hidden states,
 * logits, loss, gradients of every parameter, and greedy generation with a cache. Llama-tiny has an output layer of its own, so that part is built here.
 */
import { expect, test } from "vitest";
import {
  argmax,
  type Dim,
  flattenTree,
  type HostTensor,
  hostTensor,
  linearCrossEntropy,
  mapTree,
  reshape,
  slice,
  specOf,
  type Tensor,
  type TensorSpec,
  toNumbers,
  trace,
} from "../../src/engine/index.ts";
import {
  type Decoder,
  type DecoderOptions,
  decoderCacheSpec,
  decoderHidden,
  decoderStep,
  denseWeight,
  emptyDecoderCache,
  type KeysAndValues,
  type Linear,
  linear,
} from "../../src/nn/index.ts";
import { relativeError, runTraced } from "../../src/nn/run-traced.fixture.ts";
import { describeBackends } from "./backends.fixture.ts";
import { hasGolden, readGolden } from "./golden-files.fixture.ts";

const folder = "llama-tiny";
const isThere = hasGolden(`${folder}/golden.safetensors`);
const weights = isThere ? readGolden(`${folder}/model.safetensors`) : {};
const golden = isThere ? readGolden(`${folder}/golden.safetensors`) : {};
const options: DecoderOptions = { heads: 4, normEpsilon: 1e-6 };

/** Our tree with the value of `name` at each place of a Hugging Face tensor. */
function tree<Leaf>(take: (name: string) => Leaf): Decoder<Leaf> {
  const weight = (name: string) => ({ weight: take(`${name}.weight`) });
  return {
    embedding: weight("model.embed_tokens"),
    layers: [0, 1].map((i) => {
      const at = `model.layers.${i}`;
      const [attention, mlp] = [`${at}.self_attn`, `${at}.mlp`];
      return {
        attentionNorm: weight(`${at}.input_layernorm`),
        attention: {
          query: weight(`${attention}.q_proj`),
          key: weight(`${attention}.k_proj`),
          value: weight(`${attention}.v_proj`),
          output: weight(`${attention}.o_proj`),
        },
        mlpNorm: weight(`${at}.post_attention_layernorm`),
        mlp: { gate: weight(`${mlp}.gate_proj`), up: weight(`${mlp}.up_proj`), down: weight(`${mlp}.down_proj`) },
      };
    }),
    norm: weight("model.norm"),
  };
}

const parameters = () => ({ decoder: tree((name) => weights[name]!), output: { weight: weights["lm_head.weight"]! } });
type Model<Leaf> = { decoder: Decoder<Leaf>; output: Linear<Leaf> };

describeBackends("decoder equals Llama", isThere, (backend) => {
  const tokens = golden.input_ids as HostTensor;

  test("hidden states after the last norm, and logits", async () => {
    const build = (p: Model<Tensor>, given: { readonly tokens: Tensor }) => {
      const hidden = decoderHidden(p.decoder, given.tokens, options);
      return { hidden, logits: linear(p.output, hidden) };
    };
    const { hidden, logits } = await runTraced(parameters(), { tokens }, build, backend());
    expect(relativeError(hidden, toNumbers(golden["hidden.2"]!))).toBeLessThan(1e-4);
    expect(relativeError(logits, toNumbers(golden.logits!))).toBeLessThan(1e-4);
  });

  test.each([false, true])("loss and gradients, blocks computed again: %s", async (recompute) => {
    const build = (p: Model<Tensor>, given: { readonly tokens: Tensor }) => {
      const hidden = decoderHidden(p.decoder, given.tokens, { ...options, recompute });
      const rows = reshape(slice(hidden, 1, 0, -1), [-1, 64]);
      return { loss: linearCrossEntropy(rows, denseWeight(p.output), reshape(slice(given.tokens, 1, 1), [-1])) };
    };
    const found: Record<string, number[]> = await runTraced(parameters(), { tokens }, build, backend());
    const expected = toNumbers(golden.loss!)[0]!;
    expect(Math.abs(found.loss![0]! / expected - 1)).toBeLessThan(1e-4);

    const recorded = Object.entries(golden).filter(([name]) => name.startsWith("grad."));
    const floor = 1e-3 * Math.max(...recorded.flatMap(([, tensor]) => Math.max(...toNumbers(tensor).map(Math.abs))));
    const names = flatNames(tree((name) => name));
    expect(recorded.length).toBe(names.length + 1);
    for (const [path, name] of [["output.weight", "lm_head.weight"] as const, ...names]) {
      const error = relativeError(found[`gradient.${path}`]!, toNumbers(golden[`grad.${name}`]!), floor);
      expect(error, name).toBeLessThan(1e-3);
    }
  });
});

describeBackends("generating with a cache equals Hugging Face", isThere, (backend) => {
  test("sixteen greedy tokens after a prompt of five", async () => {
    const config = { vocabulary: 512, hidden: 64, layers: 2, heads: 4, keyValueHeads: 2, feedForward: 160 };
    const sizes = { batch: 2, capacity: 24 };
    const leaves = flattenTree<HostTensor>(parameters(), "model");
    const compile = async (T: Dim) => {
      const graph = trace((builder) => {
        const p = builder.state("model", mapTree(parameters(), specOf)) as Model<Tensor>;
        const cache = builder.state("cache", decoderCacheSpec(config, sizes) as KeysAndValues<TensorSpec>[]);
        const tokens = builder.input("tokens", "int64", [2, T]);
        const hidden = decoderStep(p.decoder, tokens, cache, builder.input("start", "int64", [1]), options);
        builder.output("next", argmax(linear(p.output, slice(hidden, 1, -1))));
      });
      const program = await backend().compile(graph);
      for (const [name, leaf] of leaves) program.writeState(name, leaf);
      return program;
    };
    const [prompt, step] = [await compile(5), await compile(1)];
    const empty = flattenTree<HostTensor>(emptyDecoderCache(config, sizes), "cache");
    for (const [name, leaf] of empty) prompt.writeState(name, leaf);
    const start = (at: number) => hostTensor("int64", [1], [at]);
    const first = [0, 1].flatMap((b) => toNumbers(golden.input_ids!).slice(17 * b, 17 * b + 5));
    let { next } = await prompt.run({ tokens: hostTensor("int64", [2, 5], first), start: start(0) });
    for (const [name] of empty) step.writeState(name, prompt.readState(name));
    const steps = [toNumbers(next!)];
    for (let at = 5; at < 20; at++) {
      ({ next } = await step.run({ tokens: hostTensor("int64", [2, 1], steps.at(-1)!), start: start(at) }));
      steps.push(toNumbers(next!));
    }
    const rows = [0, 1].map((b) => [...first.slice(5 * b, 5 * b + 5), ...steps.map((pair) => pair[b]!)]);
    expect(rows.flat()).toEqual(toNumbers(golden.greedy!));
    await Promise.all([prompt.dispose(), step.dispose()]);
  });
});

/** [our path, their name] of every parameter. */
function flatNames(node: unknown, path = "decoder"): [string, string][] {
  if (typeof node === "string") return [[path, node]];
  return Object.entries(node as object).flatMap(([key, child]) => flatNames(child, `${path}.${key}`));
}
