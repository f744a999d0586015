/**
 * Mixture of experts against PyTorch 1.13 in float64: the formulas of Hugging Face's Mixtral and DeepSeek-V3's router,
 * with one loop per token and expert, on sine-wave inputs and weights.
 */
import { describe, expect, test } from "vitest";
import { hostTensor, mean, mul, reshape, type Tensor } from "../../engine/index.ts";
import { createRandom } from "../../support/random.ts";
import { relativeError, runTraced, wave, waves } from "../run-traced.fixture.ts";
import { loadBalancingLoss, nextCorrectionBias } from "./balance.ts";
import { initMixture, type Mixture, mixture } from "./mixture.ts";
import { type Router, type RouterOptions, route } from "./router.ts";

const random = createRandom(1);
const x = wave([1, 3, 4]);

test("softmax router (Mixtral): weights, output, balance and the gradient through the router", async () => {
  const parameters = waves(initMixture({ hidden: 4, expertFeedForward: 5, experts: 4 }, random));
  const build = (p: Mixture<Tensor>, given: { readonly x: Tensor }) => {
    const { output, routing } = mixture(p, given.x, { activeExperts: 2 });
    const loss = mean(mul(output, output));
    return { weights: routing.weights, output, balance: loadBalancingLoss(routing), loss };
  };
  const found = await runTraced(parameters, { x }, build);
  const weights = [0.526067, 0, 0, 0.473933, 0, 0.715895, 0, 0.284105, 0.203136, 0, 0.796864, 0];
  const output = [
    0.001397, 0.010304, 0.004449, -0.00778, -0.063473, -0.201601, -0.0509, 0.172724, 0.008176, -0.217876, -0.131783,
    0.143112,
  ];
  const gradient = [
    -0.00607611, -0.00264554, 0.00321732, 0.00612219, -0.00567068, -0.00718517, -0.00209365, 0.00492277, 0.00607611,
    0.00253101, -0.00334109, -0.0061414, 0.00567068, 0.0072997, 0.00221741, -0.00490356,
  ];
  expect(relativeError(found.weights, weights)).toBeLessThan(2e-6);
  expect(relativeError(found.output, output)).toBeLessThan(5e-6);
  expect(found.loss[0]).toBeCloseTo(0.0135558, 6);
  expect(relativeError(found["gradient.router.weight"]!, gradient)).toBeLessThan(5e-6);
  // transformers' load_balancing_loss_func on these three tokens
  expect(found.balance[0]).toBeCloseTo(1.93008, 5);
});

describe("sigmoid router with correction bias (DeepSeek-V3, GLM-4.5)", () => {
  const sigmoidOptions: RouterOptions = { activeExperts: 2, scores: "sigmoid", scale: 1.5 };
  const shape = { hidden: 4, expertFeedForward: 5, experts: 6, sharedFeedForward: 3, correctionBias: true };
  const parameters = waves(initMixture(shape, random));
  const tokens = wave([3, 4]);
  const twoTokens = [0.963694, 0.536306, 0, 0, 0, 0, 0.514067, 0.985933, 0, 0, 0, 0];

  test.each<[string, RouterOptions, number[]]>([
    ["no groups", sigmoidOptions, [0.562845, 0, 0.937155, 0, 0, 0]],
    ["one of three groups", { ...sigmoidOptions, groups: 3, activeGroups: 1 }, [0.905236, 0.594764, 0, 0, 0, 0]],
    ["two of three groups", { ...sigmoidOptions, groups: 3, activeGroups: 2 }, [0.562845, 0, 0.937155, 0, 0, 0]],
  ])("%s", async (_, options, last) => {
    const build = (p: Router<Tensor>, given: { readonly tokens: Tensor }) => ({
      w: route(p, given.tokens, options).weights,
    });
    const { w } = await runTraced(parameters.router, { tokens }, build);
    expect(relativeError(w, [...twoTokens, ...last])).toBeLessThan(2e-6);
  });

  test("output with a shared expert, and gradients: none for the correction bias", async () => {
    const build = (p: Mixture<Tensor>, given: { readonly x: Tensor }) => {
      const { output } = mixture(p, given.x, { ...sigmoidOptions, groups: 3, activeGroups: 2 });
      return { output, loss: mean(mul(output, output)) };
    };
    const found = await runTraced(parameters, { x }, build);
    const output = [
      0.096336, -0.061064, 0.157329, -0.124382, -0.190815, -0.321685, 0.141161, 0.217889, -0.131528, -0.076823, 0.07842,
      0.110575,
    ];
    const gradient = [
      -0.00538507, -0.00481687, 0.000179931, 0.00501131, 0.00124119, 0.00185427, 0.00076254, -0.00103027, 0.0010728,
      0.000446875, -0.000589902, -0.00108433,
    ];
    expect(relativeError(found.output, output)).toBeLessThan(5e-6);
    expect(relativeError(found["gradient.router.weight"]!, [...gradient, ...new Array(12).fill(0)])).toBeLessThan(1e-5);
    expect(found["gradient.router.correctionBias"]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("groups count by their two best experts, and a closed group's expert is never taken", async () => {
    // Logits are the token itself; groups are (0,1), (2,3). Group 0 has the best expert, group 1 the better pair.
    const identity = { weight: hostTensor("float32", [4, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]) };
    const token = hostTensor("float32", [1, 4], [2, -4, 1, 1]);
    const options: RouterOptions = {
      activeExperts: 1,
      scores: "sigmoid",
      groups: 2,
      activeGroups: 1,
      normalizes: false,
    };
    const build = (p: Router<Tensor>, given: { readonly token: Tensor }) => ({
      chosen: route(p, given.token, options).chosen,
    });
    expect((await runTraced(identity, { token }, build)).chosen).toEqual([0, 0, 1, 0]);
  });
});

test("the correction bias rises for idle experts and falls for busy ones", async () => {
  const given = {
    bias: hostTensor("float32", [3], [0, 0, 0.5]),
    chosen: hostTensor("float32", [4, 3], [1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1]),
  };
  const { next } = await runTraced({}, given, (_: object, { bias, chosen }) => ({
    next: nextCorrectionBias(bias, { chosen, weights: chosen, scores: chosen }, 0.25),
  }));
  // loads are 4, 1, 3 of 8; the mean is 8/3
  expect(next).toEqual([-0.25, 0.25, 0.25]);
});

test("impossible choices are refused", async () => {
  const parameters = waves(initMixture({ hidden: 4, expertFeedForward: 5, experts: 4 }, random));
  const run = (options: RouterOptions) =>
    runTraced(parameters, { x }, (p: Mixture<Tensor>, given) => ({
      y: reshape(mixture(p, given.x, options).output, [-1]),
    }));
  await expect(run({ activeExperts: 5 })).rejects.toThrow("activeExperts is 5");
  await expect(run({ activeExperts: 1, groups: 3 })).rejects.toThrow("experts (4) must be a multiple of groups (3)");
  await expect(run({ activeExperts: 3, groups: 2, activeGroups: 1 })).rejects.toThrow("activeExperts is 3");
});
