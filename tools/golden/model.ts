/**
 * A model folder against PyTorch and Hugging Face: logits, loss, hidden states, every parameter gradient, left-padded
 * logits, greedy tokens, and thirty steps of AdamW. Whatever golden.safetensors records is compared; tolerances are
 * those of the fixtures' README.
 */
import { join } from "node:path";
import type { Backend, HostTensor } from "../../src/engine/index.ts";
import { loadModelParameters } from "../../src/models/index.ts";
import { CongError } from "../../src/support/index.ts";
import { adamwErrors } from "./model-adamw.ts";
import { forwardErrors, greedyErrors, paddedErrors } from "./model-forward.ts";
import type { Quantity } from "./quantity.ts";
import { readTensors } from "./read-tensors.ts";

export type Tensors = Readonly<Record<string, HostTensor>>;

/** Names a model's golden file may hold; anything else is a quantity that nobody compared. */
const known =
  /^(input_ids|logits|loss|hidden\.\d+|grad\..+|greedy|leftpad\.(attention_mask|logits)|adamw30\.(losses|param\..+))$/;

export async function* checkModel(folder: string, backend: Backend): AsyncIterable<Quantity> {
  const golden: Tensors = readTensors(join(folder, "golden.safetensors"));
  const unknown = Object.keys(golden).find((name) => !known.test(name));
  if (unknown !== undefined) {
    throw new CongError(
      "UNKNOWN_NAME",
      `golden.safetensors records "${unknown}", which nothing compares`,
      {},
      "add it to tools/golden/model.ts",
    );
  }
  const model = await loadModelParameters(folder);
  yield* await forwardErrors(model, golden, backend);
  if (golden["leftpad.logits"] !== undefined) yield await paddedErrors(model, golden, backend);
  if (golden.greedy !== undefined) yield await greedyErrors(model, golden, backend);
  if (golden["adamw30.losses"] !== undefined) yield* await adamwErrors(model, golden, backend);
}
