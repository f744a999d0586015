/**
 * Generation against Hugging Face: logit filters on recorded scores; beam search, and greedy decoding with penalties, on
 * the model `glm-tiny` beside the file. Exact: an error is a count of wrong values.
 */
import { dirname, join } from "node:path";
import { type Backend, type HostTensor, toNumbers } from "../../src/engine/index.ts";
import {
  beamSearch,
  createSession,
  decode,
  type Filter,
  minP,
  noRepeatNgram,
  ProgramPool,
  repetitionPenalty,
  temperature,
  topK,
  topP,
  typical,
} from "../../src/inference/index.ts";
import { loadModelParameters } from "../../src/models/index.ts";
import { CongError } from "../../src/support/index.ts";
import type { Tensors } from "./model.ts";
import type { Quantity } from "./quantity.ts";
import { readTensors } from "./read-tensors.ts";

/** Filters by the name in the file, whose end is the setting: top_p_0_8. */
const filters: Readonly<Record<string, (value: number) => Filter>> = {
  temperature,
  top_k: topK,
  top_p: topP,
  min_p: minP,
  typical,
  repetition: repetitionPenalty,
  no_repeat_ngram: noRepeatNgram,
};

/** Settings of the recorded runs that the file does not hold (make_golden.py). */
const [endId, padId, beamTokens] = [7, 0, 12];
const penalised = { repetitionPenalty: 1.3, noRepeatNgramSize: 3, maxNewTokens: 16 };

export async function* checkGeneration(path: string, backend: Backend): AsyncIterable<Quantity> {
  const golden: Tensors = readTensors(path);
  const pool = new ProgramPool({ ...(await loadModelParameters(join(dirname(path), "glm-tiny"))), backend });
  try {
    for (const name of Object.keys(golden)) {
      if (["input_ids", "scores", "prompt"].includes(name)) continue;
      yield { name, error: await wrongValues(name, golden, pool), tolerance: 0 };
    }
  } finally {
    await pool.dispose();
  }
}

async function wrongValues(name: string, golden: Tensors, pool: ProgramPool): Promise<number> {
  const beam = /^beam(\d+)_lp([\d.]+)$/.exec(name);
  if (beam !== null) return wrongBeams(golden, name, Number(beam[1]), Number(beam[2]), pool);
  if (name === "rep") return wrongIds(await greedyRows(pool, rowsOf(golden.prompt!), penalised), golden.rep!);
  const [, filter, setting] = /^(.*?)_([\d_]+)$/.exec(name) ?? [];
  if (filter === undefined || filters[filter] === undefined) {
    throw new CongError("UNKNOWN_NAME", `the file records "${name}", which nothing compares`, { name }, "add it here");
  }
  return wrongScores(golden, name, filters[filter](Number(setting!.replace("_", "."))));
}

function wrongScores(golden: Tensors, name: string, filter: Filter): number {
  const texts = rowsOf(golden.input_ids!);
  const V = golden.scores!.shape[1]!;
  const scores = Float32Array.from(golden.scores!.data as Float32Array);
  texts.forEach((ids, row) => {
    filter(scores.subarray(row * V, (row + 1) * V), { ids, promptLength: ids.length });
  });
  const wanted = toNumbers(golden[name]!);
  return wanted.filter((value, i) => !Object.is(value, scores[i])).length;
}

async function wrongBeams(golden: Tensors, name: string, beams: number, lengthPenalty: number, pool: ProgramPool) {
  const prompts = rowsOf(golden.prompt!);
  const session = createSession(pool, { rows: prompts.length * beams });
  const options = { beams, lengthPenalty, endIds: [endId], padId, maxNewTokens: beamTokens };
  const results = await beamSearch(session, prompts, options);
  return wrongIds(
    results.map(([best], row) => [...prompts[row]!, ...best!.ids]),
    golden[name]!,
  );
}

/** The likeliest tokens after each prompt, through a cache. */
export async function greedyRows(
  pool: ProgramPool,
  prompts: readonly number[][],
  options: { readonly maxNewTokens: number; readonly repetitionPenalty?: number; readonly noRepeatNgramSize?: number },
): Promise<number[][]> {
  const rows = prompts.map((ids) => [...ids]);
  const session = createSession(pool, { rows: prompts.length });
  for await (const step of decode(session, prompts, { endIds: [], ...options })) {
    for (const { row, id } of step) rows[row]!.push(id);
  }
  return rows;
}

/** How many ids differ; rows that ended early are padded. */
export function wrongIds(rows: readonly (readonly number[])[], wanted: HostTensor): number {
  const target = rowsOf(wanted);
  return target.flatMap((row, i) => row.filter((id, j) => id !== (rows[i]?.[j] ?? padId))).length;
}

export const rowsOf = (tensor: HostTensor): number[][] => {
  const width = tensor.shape[1]!;
  const all = toNumbers(tensor);
  return Array.from({ length: tensor.shape[0]! }, (_, row) => all.slice(row * width, (row + 1) * width));
};
