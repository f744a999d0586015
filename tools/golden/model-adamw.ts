/** Thirty steps of AdamW on one batch: learning rate 1e-3, betas 0.9 and 0.95, ε 1e-8, decay 0.1 on every parameter, clip 1. */
import { type Backend, flattenTree, type HostTensor, type Tensor, toNumbers } from "../../src/engine/index.ts";
import type { LoadedParameters, ParameterTree } from "../../src/models/index.ts";
import { relativeError } from "../../src/nn/run-traced.fixture.ts";
import { createOptimizer, createTrainer, trainStep } from "../../src/training/index.ts";
import type { Tensors } from "./model.ts";
import { expertGradients } from "./model-experts.ts";
import { goldenLoss } from "./model-forward.ts";
import type { Quantity } from "./quantity.ts";

export async function adamwErrors(
  { family, config, parameters }: LoadedParameters,
  golden: Tensors,
  backend: Backend,
): Promise<Quantity[]> {
  const ids = golden.input_ids!;
  const step = trainStep({
    parameters,
    loss: (builder, tensors) => {
      const input = builder.input("ids", "int64", ids.shape);
      const tree = tensors as ParameterTree<Tensor>;
      const { hidden } = family.forward(config, tree, { ids: input });
      return { loss: goldenLoss(family.mask, family.logits(config, tree, hidden.at(-1)!), input) };
    },
    optimizer: createOptimizer({
      name: "adamw",
      beta1: 0.9,
      beta2: 0.95,
      epsilon: 1e-8,
      weightDecay: 0.1,
      decayOn: "all",
    }),
    clipNorm: 1,
    frozen: (path) => family.isBuffer?.(path) ?? false,
  });
  const trainer = await createTrainer(backend, step);
  const losses: number[] = [];
  for (let i = 0; i < 30; i++) losses.push((await trainer.run({ ids }, 1e-3)).loss);
  const after: Tensors = expertGradients(Object.fromEntries(flattenTree<HostTensor>(trainer.parameters())));
  await trainer.dispose();
  const prefix = "adamw30.param.";
  const names = Object.keys(golden).filter((name) => name.startsWith(prefix));
  return [
    { name: "adamw30.losses", error: relativeError(losses, toNumbers(golden["adamw30.losses"]!)), tolerance: 1e-3 },
    ...names.map((name) => {
      const got = after[name.slice(prefix.length)];
      const error =
        got === undefined ? Number.POSITIVE_INFINITY : relativeError(toNumbers(got), toNumbers(golden[name]!));
      return { name, error, tolerance: 1e-2 };
    }),
  ];
}
