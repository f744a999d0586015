/** Every filter equals Hugging Face transformers on the recorded scores. */
import { expect, test } from "vitest";
import { toNumbers } from "../../src/engine/index.ts";
import {
  type Filter,
  minP,
  noRepeatNgram,
  repetitionPenalty,
  temperature,
  topK,
  topP,
  typical,
} from "../../src/inference/filters/index.ts";
import { hasGolden, readGolden } from "../nn/golden-files.fixture.ts";

const file = "generation.safetensors";
const isThere = hasGolden(file);

test.skipIf(!isThere).each<[string, Filter]>([
  ["temperature_0_7", temperature(0.7)],
  ["top_k_5", topK(5)],
  ["top_p_0_8", topP(0.8)],
  ["min_p_0_1", minP(0.1)],
  ["typical_0_9", typical(0.9)],
  ["repetition_1_2", repetitionPenalty(1.2)],
  ["no_repeat_ngram_2", noRepeatNgram(2)],
])("%s is exact", (name, filter) => {
  const golden = readGolden(file);
  const [rows, length] = golden.input_ids!.shape as [number, number];
  const vocabulary = golden.scores!.shape[1]!;
  const scores = Float32Array.from(golden.scores!.data as Float32Array);
  const ids = toNumbers(golden.input_ids!);
  for (let row = 0; row < rows; row++) {
    const own = ids.slice(row * length, (row + 1) * length);
    filter(scores.subarray(row * vocabulary, (row + 1) * vocabulary), { ids: own, promptLength: length });
  }
  expect([...scores]).toEqual(toNumbers(golden[name]!));
});
