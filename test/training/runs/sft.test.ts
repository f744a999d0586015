import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { flattenTree, type HostTensor } from "../../../src/engine/index.ts";
import { loadModel, type Model } from "../../../src/inference/index.ts";
import { loadModelParameters } from "../../../src/models/index.ts";
import { loadTokenizer } from "../../../src/tokenizers/index.ts";
import { openChatData } from "../../../src/training/finetune/chat-data.ts";
import { chatEncoder } from "../../../src/training/finetune/chat-samples.ts";
import { sftSettings } from "../../../src/training/finetune/settings.ts";
import { sft } from "../../../src/training/finetune/sft.ts";
import { ignored, type Sample } from "../../../src/training/objectives/samples.ts";
import { pretrain } from "../../../src/training/runs/pretrain.ts";
import { pretrainSettings } from "../../../src/training/runs/pretrain-settings.ts";
import { type Override, type Resolved, resolveSettings } from "../../../src/training/runs/resolve-settings.ts";
import type { SettingTable } from "../../../src/training/runs/setting.ts";
import { type TinyTexts, tinyTexts } from "../../../src/training/runs/tiny-texts.fixture.ts";

let tiny: TinyTexts;
let base: string;
let chats: string;

function resolve<T extends SettingTable>(table: T, values: Readonly<Record<string, unknown>>): Resolved<T>["values"] {
  return resolveSettings(
    table,
    {},
    Object.entries(values).map(([key, value]): Override => [key, String(value)]),
  ).values;
}

const common = { engine: "onnxruntime", threads: 1, "evaluation.rows": 4 };
const silent = { progress: { silent: true } };

beforeAll(async () => {
  tiny = await tinyTexts();
  chats = join(tiny.folder, "chats.jsonl");
  const pairs = ["明月", "故乡", "啼鸟", "风雨"].map((content, i) => ({ content, summary: "光霜晓声"[i]!.repeat(4) }));
  const lines = Array.from({ length: 32 }, (_, i) => JSON.stringify(pairs[i % 4]));
  await writeFile(chats, `${lines.join("\n")}\n`);
  const sizes = { layers: 2, hidden: 32, heads: 2, keyValueHeads: 1, feedForward: 32, length: 32, batch: 4 };
  const settings = resolve(pretrainSettings, {
    ...common,
    ...sizes,
    out: join(tiny.folder, "base"),
    tokenizer: tiny.tokenizer,
    "data.train": tiny.texts,
    "objective.name": "causal",
    steps: 40,
    learningRate: 0.01,
    "checkpoint.every": 40,
    "evaluation.every": 40,
  });
  await pretrain(settings, silent);
  base = join(tiny.folder, "base", "model");
}, 60_000);
afterAll(() => rm(tiny.folder, { recursive: true }));

const settingsOf = (name: string, changes: Readonly<Record<string, unknown>> = {}) =>
  resolve(sftSettings, {
    ...common,
    out: join(tiny.folder, name),
    model: base,
    "data.train": chats,
    "data.valid": chats,
    "data.template": "plain",
    length: 28,
    batch: 8,
    steps: 30,
    "evaluation.every": 30,
    "checkpoint.every": 30,
    ...changes,
  });

const rates = { full: 0.01, freeze: 0.01, lora: 0.02, "ptuning-v2": 0.05, prompt: 0.3 } as const;

it.each(Object.entries(rates))("%s lowers the loss and trains only what it should", async (method, learningRate) => {
  const before = await sft(settingsOf(`${method}-0`, { method, steps: 1, learningRate: 1e-9 }), silent);
  const after = await sft(settingsOf(method, { method, learningRate, "freeze.layers": 1 }), silent);
  expect(after!.validLoss!).toBeLessThan(before!.validLoss! - (method === "prompt" ? 0.1 : 0.3));
  const run = join(tiny.folder, method);
  if (method === "full" || method === "freeze") {
    const old = new Map(flattenTree<HostTensor>((await loadModelParameters(base)).parameters));
    const changed = flattenTree<HostTensor>((await loadModelParameters(join(run, "model"))).parameters)
      .filter(([path, { data }]) => (data as Float32Array).some((value, i) => value !== old.get(path)!.data[i]))
      .map(([path]) => path);
    expect(changed.length).toBeGreaterThan(5);
    if (method === "freeze") expect(changed.every((path) => path.startsWith("model.layers.1."))).toBe(true);
    else expect(changed).toContain("model.embed_tokens.weight");
    return;
  }
  await expect(stat(join(run, "model"))).rejects.toThrow();
  const config = JSON.parse(await readFile(join(run, "adapter", "adapter_config.json"), "utf8"));
  const types = { lora: "LORA", "ptuning-v2": "PREFIX_TUNING", prompt: "PROMPT_TUNING" } as const;
  expect(config).toMatchObject({ peft_type: types[method as keyof typeof types], base_model_name_or_path: base });
});

/** Mean nats of the targets under a loaded model, from its logits, on the host. */
async function lossOf(model: Model, samples: readonly Sample[]): Promise<number> {
  let [nats, count] = [0, 0];
  for (const { ids, targets } of samples) {
    const { data, shape } = (await model.forward({ inputIds: ids })).logits;
    targets.forEach((target, t) => {
      if (target === ignored) return;
      const row = data.subarray(t * shape[2], (t + 1) * shape[2]);
      nats += Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - row[target]!;
      count++;
    });
  }
  return nats / count;
}

it.each(Object.entries(rates))(
  "what %s wrote, loaded as chat, generate and evaluate load it, gives the loss it was trained to",
  async (method, learningRate) => {
    const run = join(tiny.folder, `${method}-again`);
    const dropping = method === "lora" ? { "lora.dropout": 0.1, "training.dropout": 0.1 } : {};
    const settings = settingsOf(`${method}-again`, { method, learningRate, "prefix.projection": 8, ...dropping });
    const summary = await sft(settings, silent);
    const tokenizer = await loadTokenizer(base);
    const encode = chatEncoder(tokenizer, { template: "plain", learn: "all" });
    const data = openChatData(settings.data, { encode, length: 28, packing: false, padId: 0, seed: 0 });
    const samples = await data.validRows(4);
    const isModel = method === "full" || method === "freeze";
    const load = (adapter?: string) =>
      loadModel(isModel && adapter !== undefined ? join(run, "model") : base, {
        threads: 1,
        ...(isModel || adapter === undefined ? {} : { adapter }),
      });
    const [trained, bare] = [await load(join(run, "adapter")), await load()];
    try {
      expect(await lossOf(trained, samples)).toBeCloseTo(summary!.validLoss!, 4);
      expect(await lossOf(bare, samples)).toBeGreaterThan(summary!.validLoss! + 0.1);
      // With a cache, token by token, it says what it says about whole texts.
      const prompt = samples[0]!.ids.slice(0, 4);
      const [answer] = await trained.generate({ inputIds: prompt, maxNewTokens: 6, temperature: 0, endIds: [] });
      const ids = [...prompt];
      for (let i = 0; i < 6; i++) {
        const { data, shape } = (await trained.forward({ inputIds: ids })).logits;
        const last = [...data.subarray((ids.length - 1) * shape[2])];
        ids.push(last.indexOf(Math.max(...last)));
      }
      expect(answer!.ids).toEqual(ids.slice(prompt.length));
    } finally {
      await trained.dispose();
      await bare.dispose();
    }
  },
);

it("resumes with identical losses, replay included", async () => {
  const changes = { method: "lora", steps: 6, "checkpoint.every": 2, "replay.share": 0.25, "replay.files": tiny.texts };
  await sft(settingsOf("whole", changes), silent);
  const controller = new AbortController();
  const stream = { write: (text: string) => (text.includes(" 3/6") ? controller.abort() : undefined), isTTY: true };
  const broken = settingsOf("broken", changes);
  const interrupted = await sft(broken, { progress: { stream, now: clock() }, signal: controller.signal });
  expect(interrupted!.reason).toBe("interrupted");
  await sft(broken, { ...silent, resume: true });
  expect(await lossesOf("broken")).toEqual(await lossesOf("whole"));
  const last = (await lossesOf("whole")).at(-1)!;
  expect(last).toHaveProperty("generalLoss");
});

it("refuses what cannot be tuned, before anything is written", async () => {
  await expect(sft(settingsOf("x", { method: "freeze", "freeze.layers": 9 }), silent)).rejects.toThrow(/2 layers/);
  await expect(sft(settingsOf("x", { "data.train": tiny.texts }), silent)).rejects.toThrow(/nothing to learn/);
  const empty = join(tiny.folder, "empty.txt");
  await writeFile(empty, "");
  const replay = { "replay.share": 0.25, "replay.files": empty };
  await expect(sft(settingsOf("x", replay), silent)).rejects.toThrow(/replay.files give nothing to learn/);
  await expect(sft(settingsOf("x", { length: 33 }), silent)).rejects.toThrow(
    /training.length is 33.*at most 32 tokens/,
  );
  await expect(stat(join(tiny.folder, "x"))).rejects.toThrow();
});

/** A clock that lets the progress bar draw at every update. */
function clock(): () => number {
  let time = 0;
  return () => {
    time += 200;
    return time;
  };
}

async function lossesOf(name: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(tiny.folder, name, "metrics.jsonl"), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const { seconds: _, ...rest } = JSON.parse(line) as Record<string, unknown>;
      return rest;
    });
}

it("refuses an option of replay that there is not", async () => {
  const replay = { "replay.share": 0.3, "replay.files": tiny.texts, "replay.options.ratoi": 0.3 };
  await expect(sft(settingsOf("misspelt", replay), silent)).rejects.toThrow(/unknown setting "ratoi"/);
});
