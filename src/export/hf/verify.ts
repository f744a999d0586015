/**
 * Verifies an exported folder with the program that it is written for: Hugging Face transformers, in a Python of the
 * user's. It answers a prompt from the folder; Congling answers from the same folder; tokens and logits are compared.
 */
import { spawnSync } from "node:child_process";
import { openCheckpoint } from "../../models/checkpoint/index.ts";
import { CongError } from "../../support/index.ts";
import { type AnswerComparison, answerOf, compareAnswers, largestIndex, spreadPrompt } from "../answer.ts";
import { allParameters, sourceOfCheckpoint } from "../source.ts";

export interface VerifyHfOptions {
  /** Program that runs Python with torch and transformers. Default "python3". */
  readonly python?: string;
  /** Tokens of the answer. Default 16. */
  readonly newTokens?: number;
  /** Allowed max|a − b| / max|reference| of the logits. Default 1e-4: float32 sums in another order. */
  readonly tolerance?: number;
}

export interface HfVerification extends AnswerComparison {
  readonly judge: string;
}

const judge = "transformers";

/** One pass over prompt and answer; prints the logits behind each token of the answer as JSON. Nothing in the folder runs. */
const program = `
import json, sys, torch
from transformers import AutoModelForCausalLM
folder, start, ids = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False).eval()
with torch.no_grad():
    logits = model(input_ids=torch.tensor([ids])).logits[0, start:]
print(json.dumps(logits.tolist()))
`;

/** Whether a Python has what the comparison needs. */
export const hasTransformers = (python = "python3"): boolean =>
  spawnSync(python, ["-c", "import torch, transformers"], { stdio: "ignore" }).status === 0;

/**
 * Compares transformers' answer with ours; returns how close they were.
 * @throws CongError `JUDGE_MISSING`, `VERIFICATION_FAILED`
 */
export async function verifyHf(folder: string, options: VerifyHfOptions = {}): Promise<HfVerification> {
  const { python = "python3", newTokens = 16, tolerance = 1e-4 } = options;
  if (!hasTransformers(python)) {
    throw new CongError(
      "JUDGE_MISSING",
      `${python} has no torch and transformers to verify ${folder} with`,
      { python, folder },
      "name a Python that has them, or pass verify: false (--no-verify)",
    );
  }
  const checkpoint = await openCheckpoint(folder);
  try {
    const source = sourceOfCheckpoint(checkpoint);
    const prompt = spreadPrompt(source.config);
    const steps = Math.min(newTokens, source.config.contextLength - prompt.length);
    const ours = await answerOf({ ...source, parameters: await allParameters(source) }, prompt, steps);
    // The last token of the answer is chosen, not read.
    const ids = [...prompt, ...ours.tokens.slice(0, -1)];
    const logits = askTransformers(python, folder, prompt.length - 1, ids);
    const theirs = { prompt, tokens: logits.map(largestIndex), logits };
    return { ...compareAnswers(judge, ours, theirs, { logits: tolerance }), judge };
  } finally {
    await checkpoint.close();
  }
}

function askTransformers(python: string, folder: string, start: number, ids: readonly number[]): Float32Array[] {
  const { stdout, stderr, status, error } = spawnSync(
    python,
    ["-c", program, folder, String(start), JSON.stringify(ids)],
    { encoding: "utf8", maxBuffer: 2 ** 30 },
  );
  if (status === 0) {
    return (JSON.parse(stdout.trim().split("\n").at(-1)!) as number[][]).map((row) => Float32Array.from(row));
  }
  throw new CongError(
    "VERIFICATION_FAILED",
    `${judge} cannot run ${folder}: ${(error?.message ?? stderr).trim().slice(-2000)}`,
    { judge, folder, python },
    "the export is not usable with this program; its messages above say why",
  );
}
