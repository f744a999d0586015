import { describe, expect, it } from "vitest";
import { referenceBackend } from "../engine/backends/reference/index.ts";
import {
  flattenTree,
  type HostTensor,
  hostTensor,
  prefixBias,
  type Tensor,
  type TensorSpec,
  toNumbers,
  trace,
} from "../engine/index.ts";
import { assignCache, cacheSpec, emptyCache, type KeysAndValues } from "../nn/index.ts";
import { runTraced, waves } from "../nn/run-traced.fixture.ts";
import { createRandom } from "../support/random.ts";
import type { ParameterTree } from "./family.ts";
import { initParameters } from "./initialize.ts";
import { familyNames, readModelConfig } from "./registry.ts";
import { tinyConfigs } from "./tiny-configs.fixture.ts";

const backend = referenceBackend();
/** A prompt with a mask (18) and the start token (20) at 4, for the families that need them. */
const ids = [5, 18, 7, 9, 20, 2, 11, 3];
const T = ids.length;

/** One text's positions and how much of it all tokens see. */
function layoutOf(name: string) {
  const { family, config } = readModelConfig(tinyConfigs[name]!);
  const layout = family.layout?.(config, ids);
  const plain = Array.from({ length: T }, (_, i) => i);
  return layout === undefined
    ? { rows: [plain], prefix: 0 }
    : { rows: [...layout.positions.map((row) => [...row])], prefix: layout.prefixLength };
}

/** Logits of the whole text at once. */
async function whole(name: string, parameters: ParameterTree<HostTensor>): Promise<number[]> {
  const { family, config } = readModelConfig(tinyConfigs[name]!);
  const { rows, prefix } = layoutOf(name);
  const shape = rows.length === 1 ? [1, T] : [1, 2, T];
  const inputs = {
    ids: hostTensor("int64", [1, T], ids),
    positions: hostTensor("int64", shape, rows.flat()),
    prefix: hostTensor("int64", [1], [prefix]),
  };
  const { logits } = await runTraced(
    parameters as Parameters<typeof runTraced>[0],
    inputs,
    (p: unknown, given) => {
      const bias = family.mask === "prefix" ? { bias: prefixBias(given.prefix, T) } : {};
      const tree = p as ParameterTree<Tensor>;
      const { hidden } = family.forward(config, tree, { ids: given.ids, positions: given.positions, ...bias });
      return { logits: family.logits(config, tree, hidden.at(-1)!) };
    },
    backend,
  );
  return logits;
}

/** Logits of the prompt's last token and of each later one, through a cache. */
async function stepwise(name: string, parameters: ParameterTree<HostTensor>): Promise<number[]> {
  const { family, config } = readModelConfig(tinyConfigs[name]!);
  const { rows, prefix } = layoutOf(name);
  const capacity = 12;
  const sizes = { batch: 1, keyValueHeads: config.keyValueHeads, capacity, headSize: config.headSize };
  const graph = trace((builder) => {
    const specs = family.parameters(config);
    const tree = builder.state("model", specs as Record<string, TensorSpec>) as unknown as ParameterTree<Tensor>;
    const layers = builder.state(
      "cache",
      Array.from({ length: config.layers }, () => cacheSpec(sizes)),
    ) as unknown as KeysAndValues<Tensor>[];
    const outputs = family.forward(config, tree, {
      ids: builder.input("ids", "int64", [1, "T"]),
      positions: builder.input("positions", "int64", rows.length === 1 ? [1, "T"] : [1, 2, "T"]),
      cache: { layers, start: builder.input("start", "int64", [1]) },
      ...(family.mask === "prefix" ? { bias: builder.input("bias", "float32", [1, 1, "T", capacity]) } : {}),
    });
    for (const [i, next] of outputs.cache!.entries()) assignCache(layers[i]!, next);
    builder.output("logits", family.logits(config, tree, outputs.hidden.at(-1)!));
  });
  const program = await backend.compile(graph);
  for (const [path, leaf] of flattenTree<HostTensor>(parameters)) program.writeState(`model.${path}`, leaf);
  for (const { name: slot } of graph.state) {
    if (slot.startsWith("cache.")) program.writeState(slot, emptyCache(sizes).key);
  }
  const found: number[] = [];
  for (const [start, end] of [
    [0, 5],
    [5, 6],
    [6, 8],
  ] as const) {
    const length = end - start;
    const part = rows.map((row) => row.slice(start, end));
    const sees = Array.from({ length }, (_, t) =>
      Array.from({ length: capacity }, (_, s) => (s <= start + t || s < prefix ? 0 : -1e30)),
    );
    const { logits } = await program.run({
      ids: hostTensor("int64", [1, length], ids.slice(start, end)),
      positions: hostTensor("int64", rows.length === 1 ? [1, length] : [1, 2, length], part.flat()),
      start: hostTensor("int64", [1], [start]),
      ...(family.mask === "prefix" ? { bias: hostTensor("float32", [1, 1, length, capacity], sees.flat()) } : {}),
    });
    found.push(...toNumbers(logits!));
  }
  await program.dispose();
  return found;
}

const fresh = (name: string) => {
  const { family, config } = readModelConfig(tinyConfigs[name]!);
  return initParameters(family.parameters(config), createRandom(7), 0.3);
};

it("has a tiny configuration of every family", () => {
  expect(Object.keys(tinyConfigs).sort()).toEqual(familyNames().sort());
});

describe.each(familyNames())("%s", (name) => {
  it("reads back the configuration it writes", () => {
    const { family, config } = readModelConfig(tinyConfigs[name]!);
    expect(family.parseConfig(family.writeConfig(config))).toEqual(config);
  });

  it("names an unknown key", () => {
    expect(() => readModelConfig({ ...tinyConfigs[name]!, residual_multiplier: 2 })).toThrow(/residual_multiplier/);
  });

  it.skipIf(name === "bert")("decodes with a cache what it computes at once", async () => {
    const parameters = fresh(name);
    const [all, steps] = [await whole(name, parameters), await stepwise(name, parameters)];
    expect(steps.length).toBe(all.length);
    const worst = Math.max(...all.map((value, i) => Math.abs(value - steps[i]!)));
    expect(worst).toBeLessThan(2e-5 * Math.max(...all.map(Math.abs)));
  });
});

it("computes the first GLM as PyTorch does", async () => {
  // From a float64 PyTorch program written from the description in THUDM/GLM: 2 layers, waves as parameters.
  const { family, config } = readModelConfig({
    ...tinyConfigs.glm_original!,
    vocab_size: 11,
    hidden_size: 8,
    max_sequence_length: 7,
    mask_token_id: 9,
    bos_token_id: 10,
  });
  const parameters = waves(initParameters(family.parameters(config), createRandom(1)) as Record<string, HostTensor>);
  const text = [3, 9, 5, 10, 2, 7];
  const layout = family.layout!(config, text);
  expect(layout).toEqual({
    positions: [
      [0, 1, 2, 1, 1, 1],
      [0, 0, 0, 1, 2, 3],
    ],
    prefixLength: 3,
  });
  const inputs = {
    ids: hostTensor("int64", [1, 6], text),
    positions: hostTensor("int64", [1, 2, 6], layout.positions.flat()),
    prefix: hostTensor("int64", [1], [3]),
  };
  const { logits } = await runTraced(parameters, inputs, (p: unknown, given) => {
    const tree = p as ParameterTree<Tensor>;
    const { ids: tokens, positions, prefix } = given;
    const { hidden } = family.forward(config, tree, { ids: tokens, positions, bias: prefixBias(prefix, 6) });
    return { logits: family.logits(config, tree, hidden.at(-1)!) };
  });
  const wanted = {
    4: [
      -0.774496, 0.303037, 0.686312, -0.502754, -0.540011, 0.659897, 0.347981, -0.76116, -0.126483, 0.797966, -0.105725,
    ],
    0: [
      -0.757708, 0.309268, 0.667711, -0.503572, -0.521172, 0.655233, 0.330499, -0.751408, -0.111839, 0.783953,
      -0.116291,
    ],
  };
  for (const [row, values] of Object.entries(wanted)) {
    values.forEach((value, i) => {
      expect(logits[Number(row) * 11 + i]).toBeCloseTo(value, 4);
    });
  }
});
