/** Dropout of whole models: every family takes it, at the sites it promises, and only when it is given. */
import { expect, it } from "vitest";
import { type HostTensor, hostTensor, randomSource, type Tensor } from "../engine/index.ts";
import { runTraced, waves } from "../nn/run-traced.fixture.ts";
import { createRandom, seedKey } from "../support/random.ts";
import type { ParameterTree } from "./family.ts";
import { initParameters } from "./initialize.ts";
import { readModelConfig } from "./registry.ts";
import { tinyConfigs } from "./tiny-configs.fixture.ts";

const rows = 8;
const length = 12;

/** First and last hidden states. Without a rate nothing is passed to the model. */
async function hiddenOf(name: string, rate: number | undefined, seed = 1): Promise<Record<string, number[]>> {
  const { family, config } = readModelConfig(tinyConfigs[name]!);
  const parameters = waves(
    initParameters(family.parameters(config), createRandom(1)) as Parameters<typeof runTraced>[0],
    0.3,
  );
  const ids = Array.from({ length: rows * length }, (_, i) => i % config.vocabulary);
  const twoRows = family.layout !== undefined;
  const positions = Array.from({ length: rows * length * (twoRows ? 2 : 1) }, (_, i) => i % length);
  const inputs: Record<string, HostTensor> = {
    ids: hostTensor("int64", [rows, length], ids),
    positions: hostTensor("int64", twoRows ? [rows, 2, length] : [rows, length], positions),
    key: hostTensor("int64", [2], seedKey(seed)),
  };
  return runTraced(parameters, inputs, (tree: unknown, given) => {
    const dropout = rate === undefined ? undefined : { rate, random: randomSource(given.key!) };
    const fed = { ids: given.ids!, positions: given.positions!, dropout };
    const { hidden } = family.forward(config, tree as ParameterTree<Tensor>, fed);
    return { first: hidden[0]!, last: hidden.at(-1)! };
  });
}

/** Share of places that are 0 though the plain model has something there. */
const zeroed = (values: readonly number[], plain: readonly number[]) =>
  values.filter((value, i) => value === 0 && plain[i] !== 0).length / plain.filter((value) => value !== 0).length;

it.each(Object.keys(tinyConfigs))("%s drops the asked share with a rate, and nothing at rate 0", async (name) => {
  const plain = await hiddenOf(name, undefined);
  expect(await hiddenOf(name, 0)).toEqual(plain);
  const [dropped, again, other] = [await hiddenOf(name, 0.3), await hiddenOf(name, 0.3), await hiddenOf(name, 0.3, 2)];
  expect(again).toEqual(dropped);
  expect(other.first).not.toEqual(dropped.first);
  const count = dropped.first!.length;
  const within = 5 * Math.sqrt((0.3 * 0.7) / count);
  expect(Math.abs(zeroed(dropped.first!, plain.first!) - 0.3)).toBeLessThan(within);
  expect(Math.abs(zeroed(dropped.last!, plain.last!) - (name === "bert" ? 0 : 0.3))).toBeLessThan(within);
  // What is kept is scaled, so that the mean stays.
  dropped.first!.forEach((value, i) => {
    if (value !== 0) expect(value / plain.first![i]!).toBeCloseTo(1 / 0.7, 5);
  });
  // Layers drop, too: kept places of the last states are not the plain ones scaled.
  const changed = dropped.last!.filter((value, i) => value !== 0 && Math.abs(value - plain.last![i]! / 0.7) > 1e-3);
  expect(changed.length).toBeGreaterThan(count / 3);
});
