/**
 * Two-layer bidirectional networks with initial states and one padded sequence, against PyTorch 1.13 in float64
 * (`pack_padded_sequence`) on sine-wave inputs and weights. Longer sequences: test/golden/rnn.test.ts.
 */
import { describe, expect, test } from "vitest";
import { hostTensor, mean, mul, reshape, slice, type Tensor } from "../../engine/index.ts";
import { createRandom } from "../../support/random.ts";
import { relativeError, runTraced, wave, waves } from "../run-traced.fixture.ts";
import type { CellName } from "./cells.ts";
import { initRecurrent, type Recurrent, recurrent } from "./recurrent.ts";
import { recurrentFromTorch } from "./torch-names.ts";

interface Expected {
  /** [2, 3, 4]; the second sequence has two steps */
  readonly output: readonly number[];
  /** [4, 2, 2] hidden states (layer 0 forward, layer 0 backward, …), for LSTM followed by [4, 2, 2] memories */
  readonly final: readonly number[];
  /** of mean(output²) with respect to the hidden weight of layer 0, backward */
  readonly gradient: readonly number[];
}

const pytorch: Record<CellName, Expected> = {
  lstm: {
    output: [
      0.1287, 0.0620044, -0.137302, 0.239155, 0.113413, 0.073129, -0.157188, 0.248891, 0.107207, 0.0778427, -0.196719,
      0.240669, 0.0333981, -0.0623517, -0.026724, 0.219847, 0.0859676, -0.0315065, 0.0428644, 0.205326, 0, 0, 0, 0,
    ],
    final: [
      -0.023702, 0.122881, 0.289251, 0.129287, -0.347967, -0.362512, -0.270536, -0.322561, 0.107207, 0.0778427,
      0.0859676, -0.0315065, -0.137302, 0.239155, -0.026724, 0.219847, -0.0338271, 0.388596, 0.481509, 0.203547,
      -0.997592, -0.632441, -0.691343, -0.502806, 0.294388, 0.365686, 0.235828, -0.125368, -0.21263, 0.373742,
      -0.0407292, 0.333665,
    ],
    gradient: [
      0.000150138, 0.000401122, -3.54407e-5, 8.67754e-5, 9.71693e-5, 0.000210122, 7.1261e-5, 0.000139233, 4.00489e-5,
      -0.000557223, 1.71117e-5, -0.000201724, 0.000575214, 0.000910532, 3.63344e-5, 0.000208995,
    ],
  },
  gru: {
    output: [
      0.204017, 0.494906, -0.281288, 0.358939, 0.14497, 0.491821, -0.360057, 0.451011, 0.193056, 0.443438, -0.468567,
      0.440751, 0.228901, 0.00113197, -0.0340115, 0.351975, 0.1519, 0.133905, 0.0357152, 0.328425, 0, 0, 0, 0,
    ],
    final: [
      -0.104925, 0.584614, 0.475127, 0.146972, -0.308111, -0.368033, -0.499232, -0.399611, 0.193056, 0.443438, 0.1519,
      0.133905, -0.281288, 0.358939, -0.0340115, 0.351975,
    ],
    gradient: [
      0.000301254, 0.000698784, 5.51508e-5, 3.37905e-5, 0.000786852, -0.00248074, -7.64735e-5, -6.51846e-6,
      -0.000293047, -0.00270712, -0.000414982, -0.000282319,
    ],
  },
  tanh: {
    output: [
      -0.784384, -0.739526, 0.84442, 0.438356, -0.571238, -0.287527, 0.710468, 0.423785, -0.821556, -0.150292, 0.657027,
      0.0965661, -0.653153, -0.743475, 0.708763, 0.571159, -0.46306, -0.231421, 0.789023, -0.071757, 0, 0, 0, 0,
    ],
    final: [
      0.451109, -0.644194, 0.673034, 0.396259, -0.0643703, 0.869658, -0.0369467, 0.856734, -0.821556, -0.150292,
      -0.46306, -0.231421, 0.84442, 0.438356, 0.708763, 0.571159,
    ],
    gradient: [0.00208466, -0.00655193, -0.00130755, -0.000294095],
  },
  relu: {
    output: [
      0, 0, 1.68773, 0.574744, 0, 0, 1.25992, 0.405139, 0, 0, 0.997116, 0, 0, 0, 1.14576, 0.428048, 0, 0, 0.966755, 0,
      0, 0, 0, 0,
    ],
    final: [0.548621, 0, 1.18865, 0.253232, 0, 1.74279, 0, 1.33692, 0, 0, 0, 0, 1.68773, 0.574744, 1.14576, 0.428048],
    gradient: [0.0203474, -0.0268598, 0.0617136, 0.0877749],
  },
};

const random = createRandom(1);
const shape = { input: 2, hidden: 2, layers: 2, bidirectional: true };

describe.each(Object.keys(pytorch) as CellName[])("%s", (cell) => {
  const expected = pytorch[cell];

  test("outputs, final states and gradients of a padded batch", async () => {
    // Waves follow the order of the leaves; PyTorch's order within a layer is forward then backward, as here.
    const parameters = waves(initRecurrent({ ...shape, cell }, random));
    const inputs = {
      x: wave([2, 3, 2]),
      mask: hostTensor("bool", [2, 3], [1, 1, 1, 1, 1, 0]),
      hidden: wave([4, 2, 2], 5, 0.5),
      memory: wave([4, 2, 2], 6, 0.5),
    };
    const build = (p: Recurrent<Tensor>, given: Record<keyof typeof inputs, Tensor>) => {
      const part = (states: Tensor, i: number) => reshape(slice(states, 0, i, i + 1), [2, 2]);
      const initial = [0, 1, 2, 3].map((i) =>
        cell === "lstm" ? [part(given.hidden, i), part(given.memory, i)] : [part(given.hidden, i)],
      );
      const { output, final } = recurrent(p, given.x, { cell, initial, mask: given.mask });
      const states = Object.fromEntries(final.flatMap((list, i) => list.map((state, k) => [`final.${k}.${i}`, state])));
      return { output, loss: mean(mul(output, output)), ...states };
    };
    const found: Record<string, number[]> = await runTraced(parameters, inputs, build);
    // PyTorch's loss is taken over all 24 elements, padding included, as here.
    expect(relativeError(found.output!, expected.output)).toBeLessThan(3e-6);
    const final = Array.from(
      { length: expected.final.length / 4 },
      (_, i) => found[`final.${Math.floor(i / 4)}.${i % 4}`]!,
    );
    expect(relativeError(final.flat(), expected.final)).toBeLessThan(3e-6);
    expect(relativeError(found["gradient.layers.0.backward.hiddenWeight"]!, expected.gradient)).toBeLessThan(1e-5);
  });
});

test("without initial states and mask it starts from zero", async () => {
  const parameters = waves(initRecurrent({ cell: "tanh", input: 1, hidden: 1 }, random));
  const x = hostTensor("float32", [1, 2, 1], [1, -2]);
  const { y } = await runTraced(parameters, { x }, (p: Recurrent<Tensor>, given) => ({
    y: recurrent(p, given.x, { cell: "tanh" }).output,
  }));
  const [w, u, b, c] = [0, 1, 2, 3].map((phase) => 0.5 * Math.sin(phase)) as [number, number, number, number];
  const first = Math.tanh(w * 1 + b + c);
  expect(relativeError(y, [first, Math.tanh(w * -2 + u * first + b + c)])).toBeLessThan(1e-6);
});

test("fresh parameters have PyTorch's shapes and lie within ±1/√H", () => {
  const { layers } = initRecurrent({ ...shape, cell: "gru", input: 3, hidden: 4 }, random);
  expect(layers[0]!.forward.inputWeight.shape).toEqual([12, 3]);
  expect(layers[1]!.backward!.inputWeight.shape).toEqual([12, 8]);
  expect(layers[1]!.forward.hiddenWeight.shape).toEqual([12, 4]);
  const values = Array.from(layers[1]!.forward.inputWeight.data as Float32Array, Math.abs);
  expect(Math.max(...values)).toBeLessThanOrEqual(0.5);
  expect(Math.max(...values)).toBeGreaterThan(0.45);
});

test("PyTorch's names are mapped, and a missing one is named", () => {
  const names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
  const layer0 = Object.fromEntries(names.map((name) => [`${name}_l0`, name]));
  expect(recurrentFromTorch(layer0)).toEqual({
    layers: [{ forward: { inputWeight: names[0], hiddenWeight: names[1], inputBias: names[2], hiddenBias: names[3] } }],
  });
  expect(() => recurrentFromTorch({ ...layer0, weight_ih_l1: "x" })).toThrow('no tensor "weight_hh_l1"');
});
