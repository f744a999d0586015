import { expect, it } from "vitest";
import { referenceBackend } from "../../engine/backends/reference/index.ts";
import { flattenTree, type HostTensor, hostTensor, type Tensor, toNumbers, trace } from "../../engine/index.ts";
import { createModel } from "../../inference/index.ts";
import { initParameters, type ParameterTree, readModelConfig } from "../../models/index.ts";
import { createRandom } from "../../support/random.ts";
import { createTrainer, trainStep } from "../index.ts";
import { createOptimizer } from "../optimizers/index.ts";
import { type Blanks, type TwoRowSample, twoRowBlankSample } from "./blank-infilling.ts";
import { ignored } from "./samples.ts";
import { tokenLoss } from "./token-loss.ts";
import { prefixBias, twoRowInputs, twoRowTensors } from "./two-row-batch.ts";

const tokens = { mask: 20, sentenceMask: 21, generationMask: 22, start: 23, end: 24 };
const sampleOf = (partA: readonly number[], ...spans: Blanks["spans"]): TwoRowSample =>
  twoRowBlankSample({ mode: "token", partA, spans }, tokens);
/** x1 … x6 with the spans [x3] and [x5, x6], the second written first (Du et al. 2022, figure 2). */
const figure = sampleOf([1, 2, 20, 4, 20], { maskPosition: 4, ids: [5, 6] }, { maskPosition: 2, ids: [3] });
const short = sampleOf([7, 20], { maskPosition: 1, ids: [8] });

it("fills rows up behind the sample", () => {
  const { ids, targets, positions, prefix } = twoRowTensors([figure, short], 11, 0);
  expect(ids.shape).toEqual([2, 11]);
  expect(toNumbers(ids).slice(11)).toEqual([7, 20, 23, 8, 0, 0, 0, 0, 0, 0, 0]);
  expect(toNumbers(targets).slice(11)).toEqual([ignored, ignored, 8, 24, ...Array<number>(7).fill(ignored)]);
  expect(positions.shape).toEqual([2, 2, 11]);
  expect(toNumbers(positions)).toEqual([
    ...[0, 1, 2, 3, 4, 4, 4, 4, 2, 2, 0],
    ...[0, 0, 0, 0, 0, 1, 2, 3, 1, 2, 0],
    ...[0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
    ...[0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0],
  ]);
  expect(toNumbers(prefix)).toEqual([5, 2]);
  expect(() => twoRowTensors([figure], 9, 0)).toThrow("sample 0 has 10 tokens, a row 9");
});

it("shows Part A to all, and spans what is before them", async () => {
  const program = await referenceBackend().compile(
    trace((builder) => builder.output("bias", prefixBias(builder.input("prefix", "int64", [2]), 5))),
  );
  const { bias } = await program.run({ prefix: hostTensor("int64", [2], [3, 1]) });
  expect(bias!.shape).toEqual([2, 1, 5, 5]);
  const seen = toNumbers(bias!).map((value) => (value === 0 ? 1 : 0));
  expect(seen).toEqual([
    ...[1, 1, 1, 0, 0],
    ...[1, 1, 1, 0, 0],
    ...[1, 1, 1, 0, 0],
    ...[1, 1, 1, 1, 0],
    ...[1, 1, 1, 1, 1],
    // One token of Part A: plainly causal.
    ...[1, 0, 0, 0, 0],
    ...[1, 1, 0, 0, 0],
    ...[1, 1, 1, 0, 0],
    ...[1, 1, 1, 1, 0],
    ...[1, 1, 1, 1, 1],
  ]);
  await program.dispose();
});

const { family, config } = readModelConfig({
  model_type: "glm",
  block_position_encoding: true,
  vocab_size: 25,
  hidden_size: 8,
  num_layers: 2,
  num_attention_heads: 2,
  max_sequence_length: 16,
  bos_token_id: tokens.start,
  mask_token_id: [tokens.mask, tokens.sentenceMask, tokens.generationMask],
  eos_token_id: [tokens.end],
});
const fresh = () => initParameters(family.parameters(config), createRandom(3), 0.3);
const trainerOf = (parameters: ParameterTree<HostTensor>) =>
  createTrainer(
    referenceBackend(),
    trainStep({
      parameters,
      loss: (builder, tree) => {
        const { inputs, targets } = twoRowInputs(builder, { batch: 2, length: 11 });
        return { loss: tokenLoss({ family, config }, tree as ParameterTree<Tensor>, inputs, targets) };
      },
      optimizer: createOptimizer({ name: "sgd" }),
    }),
  );

it("gives the loss that inference's own masks and layout give, row by row", async () => {
  const parameters = fresh();
  const model = createModel(
    { family, config, parameters, backend: referenceBackend(), prefix: undefined },
    { dtype: "float32", endIds: [tokens.end] },
  );
  let [nats, count] = [0, 0];
  for (const { ids, targets, positions } of [figure, short]) {
    // Left to itself, inference fills masks from left to right; these spans are shuffled.
    const { logits } = await model.forward({ inputIds: [ids], positionIds: [positions] });
    const V = config.vocabulary;
    targets.forEach((target, t) => {
      if (target === ignored) return;
      const scores = [...logits.data.subarray(t * V, (t + 1) * V)];
      nats += Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - scores[target]!;
      count++;
    });
  }
  await model.dispose();
  const trainer = await trainerOf(parameters);
  const { loss } = await trainer.run({ ...twoRowTensors([figure, short], 11, 0) }, 0);
  expect(loss).toBeCloseTo(nats / count, 5);
  await trainer.dispose();
});

it("teaches every parameter", async () => {
  const before = new Map(flattenTree<HostTensor>(fresh()));
  const trainer = await trainerOf(fresh());
  const batch = { ...twoRowTensors([figure, short], 11, 0) };
  const losses: number[] = [];
  for (let step = 0; step < 8; step++) losses.push((await trainer.run(batch, 0.5)).loss);
  expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
  const after = flattenTree<HostTensor>(trainer.parameters() as unknown as ParameterTree<HostTensor>);
  for (const [path, leaf] of after) {
    expect(toNumbers(leaf), path).not.toEqual(toNumbers(before.get(path)!));
  }
  await trainer.dispose();
});
