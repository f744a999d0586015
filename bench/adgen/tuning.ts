/** The three ways to tune the base, with their settings. */
import { join } from "node:path";
import { type Adapter, readAdapter } from "../../src/adapters/index.ts";
import { elementCount, flattenTree, type HostTensor } from "../../src/engine/index.ts";
import { loadModelParameters } from "../../src/models/index.ts";
import { type Override, resolveSettings, sft, sftSettings } from "../../src/training/index.ts";
import { say } from "../report.ts";
import { type Base, rowLength } from "./base.ts";

/**
 * Settings of `sft` in which the methods differ. Rates have the lowest loss on held-out adverts of those compared (docs/log.md); of
 * LoRA's two equal ones the lower. The prefix is 1.9 %, the factors 1.4 % of the base (rank 3 would be 2.1 %).
 */
export const methods = {
  full: { training: { learningRate: 2e-3 } },
  lora: { lora: { rank: 2, alpha: 4 }, training: { learningRate: 1e-2 } },
  "ptuning-v2": { prefix: { tokens: 26 }, training: { learningRate: 5e-2 } },
} as const;
export type Method = keyof typeof methods;

/** Share of the rows that are general text, where there is replay. */
export const replayShare = 0.25;
const rowsOfBatch = 16;

export interface Tuned {
  /** What `loadModel` takes. */
  readonly folder: string;
  readonly adapter: string | undefined;
  readonly seconds: number;
}

export interface TuningOptions {
  readonly method: Method;
  readonly out: string;
  readonly seed: number;
  readonly threads: number | null;
  readonly passes: number;
  readonly hasReplay: boolean;
  /** Settings of `sft` that are to differ from those above. */
  readonly overrides: readonly Override[];
}

/** One run of `sft`. Every method sees every advert equally often; with replay the general text comes on top. */
export async function tune(base: Base, options: TuningOptions): Promise<Tuned> {
  const { method, out, seed, threads, passes, hasReplay, overrides } = options;
  const own = methods[method];
  const file = {
    ...own,
    model: base.folder,
    method,
    out,
    seed,
    threads,
    data: { train: [base.files.train], validShare: 0, template: "plain" },
    replay: hasReplay ? { share: replayShare, files: [base.files.general] } : {},
    training: {
      length: rowLength,
      batch: rowsOfBatch,
      passes,
      optimizer: { name: "adamw", beta2: 0.95, weightDecay: 0 },
      ...own.training,
    },
    evaluation: { every: 0 },
  };
  const summary = await sft(resolveSettings(sftSettings, file, overrides).values, { say: () => {} });
  const { steps, seconds, loss } = summary!;
  say(`${out}: ${steps} steps, ${seconds} s, loss ${loss?.toFixed(3)}`);
  return method === "full"
    ? { folder: join(out, "model"), adapter: undefined, seconds }
    : { folder: base.folder, adapter: join(out, "adapter"), seconds };
}

/** Trained parameters as a share of the base's. */
export async function trainedShare(base: string, { adapter }: Tuned): Promise<number> {
  if (adapter === undefined) return 1;
  const { parameters } = await loadModelParameters(base);
  return countAdapter(await readAdapter(adapter)) / countAll(flattenTree<HostTensor>(parameters));
}

const countAll = (leaves: Iterable<readonly [string, HostTensor]>): number =>
  [...leaves].reduce((sum, [, { shape }]) => sum + elementCount(shape), 0);

const countAdapter = (adapter: Adapter): number =>
  adapter.kind === "lora"
    ? [...adapter.modules.values()].reduce((sum, { a, b }) => sum + elementCount(a.shape) + elementCount(b.shape), 0)
    : countAll(adapter.kind === "prompt" ? [["", adapter.embeddings]] : flattenTree<HostTensor>(adapter.parameters));
