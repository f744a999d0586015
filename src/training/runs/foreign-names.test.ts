import { expect, it } from "vitest";
import { sftSettings } from "../finetune/settings.ts";
import { pretrainSettings } from "./pretrain-settings.ts";
import { describeSettings, resolveSettings } from "./resolve-settings.ts";

it.each([
  ["lr", "training.learningRate"],
  ["training.lr", "training.learningRate"],
  ["per_device_train_batch_size", "training.batch"],
  ["batch-size", "training.batch"],
  ["max_steps", "training.steps"],
  ["num_train_epochs", "training.passes"],
  ["lora_rank", "lora.rank"],
  ["weight_decay", "training.optimizer.weightDecay"],
  ["lr_scheduler_type", "training.schedule"],
  ["output_dir", "out"],
  ["model_name_or_path", "model"],
  ["dataset", "data.train"],
  ["cutoff_len", "training.length"],
  ["finetuning_type", "method"],
])("answers --%s with --%s", (theirs, ours) => {
  expect(() => resolveSettings(sftSettings, {}, [[theirs, "1"]])).toThrow(`hint: here it is --${ours} (`);
});

it("answers in the file, too, and with what the command has", () => {
  expect(() => resolveSettings(pretrainSettings, { training: { lr: 1 } })).toThrow(
    "here it is --training.learningRate",
  );
  expect(() => resolveSettings(pretrainSettings, { num_train_epochs: 1 })).toThrow("here it is --training.steps");
  expect(() => resolveSettings(pretrainSettings, { model_name_or_path: "x" })).toThrow("here it is --model.from");
  expect(() => resolveSettings(pretrainSettings, { lora_rank: 8 })).toThrow("--lora.rank of `congling sft`");
  expect(() => resolveSettings(pretrainSettings, { method: "lora" })).toThrow("--method of `congling sft`");
  expect(() => resolveSettings(sftSettings, {}, [["n_layer", "8"]])).toThrow("--model.layers of `congling pretrain`");
});

it("lists the names that a setting takes", () => {
  const lines = [...describeSettings(sftSettings).split("\n"), ...describeSettings(pretrainSettings).split("\n")];
  const lineOf = (key: string) => lines.find((line) => line.startsWith(`  --${key} `));
  expect(lineOf("method")).toContain("what is trained: full, freeze, lora, ptuning-v2, prompt [");
  expect(lineOf("engine")).toContain("onnxruntime, reference");
  expect(lineOf("objective.name")).toContain("blank-infilling, causal, masked");
  expect(lineOf("model.type")).toContain("glm, glm4, llama, qwen2, qwen3, bert");
  expect(lineOf("data.template")).toContain("plain, chatglm-6b, chatglm2, chatglm3, glm-4");
  expect(lineOf("training.schedule")).toContain("cosine_with_restarts");
  expect(lineOf("training.optimizer")).toContain("adafactor");
});
