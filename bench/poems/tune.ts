/** From the pretrained poem model to one that takes requests: fine-tuning on instructions made from the training poems. */
import { join } from "node:path";
import type { Poem } from "../../recipes/parts/shipped-poems.ts";
import { writeInstructions } from "../../recipes/quickstart/instructions.ts";
import { resolveSettings, sft, sftSettings } from "../../src/training/index.ts";
import { say } from "../report.ts";

export interface TuneOptions {
  /** Where instructions and the run go. */
  readonly folder: string;
  readonly model: string;
  readonly poems: readonly Poem[];
  /** The poems' file: some of the rows go on with blank infilling, so that writing freely is not forgotten. */
  readonly replay: string;
  readonly steps: number;
  readonly seed: number;
  /** Null: one for each physical core. */
  readonly threads: number | null;
}

/** All weights are trained. @returns folder of the tuned model */
export async function tunePoems(options: TuneOptions): Promise<string> {
  const { folder, model, poems, replay, steps, seed, threads } = options;
  const [instructions, out] = [join(folder, "instructions.jsonl"), join(folder, "tuned")];
  await writeInstructions(instructions, poems, seed);
  const { values } = resolveSettings(sftSettings, {
    model,
    method: "full",
    out,
    seed,
    threads,
    data: { train: [instructions] },
    replay: {
      share: 0.25,
      files: [replay],
      objective: "blank-infilling",
      options: { token: 0.1, sentence: 0.1, generation: 0.8, shortestGeneration: 1 },
    },
    // Ten times what is usual for a large model: this one is small, and the steps are few.
    training: { steps, batch: 8, length: 256, packing: true, learningRate: 1e-3 },
    evaluation: { rows: 64, every: 0 },
    checkpoint: { keep: 1 },
  });
  await sft(values, { say });
  return join(out, "model");
}
