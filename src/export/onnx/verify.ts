/**
 * Verifies an exported ONNX model: a bare onnxruntime session in a process of its own, which knows nothing of Congling,
 * answers a prompt through the model's cache; Congling answers without one; tokens and logits are compared.
 */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { type Answer, type AnswerComparison, answerOf, compareAnswers, spreadPrompt } from "../answer.ts";
import { askInProcess } from "../judge-process.ts";
import { allParameters, type ExportSource } from "../source.ts";

export interface VerifyOnnxOptions {
  /** Token ids to answer. Default: eight ids spread over the vocabulary. */
  readonly prompt?: readonly number[];
  /** Tokens of the answer. Default 16. */
  readonly newTokens?: number;
  /** What to expect instead of Congling's own answer. */
  readonly expected?: Answer;
  /** Allowed max|a − b| / max|reference| of the logits. Default 1e-4: float32 sums in another order. */
  readonly tolerance?: number;
}

export interface OnnxVerification extends AnswerComparison {
  readonly judge: string;
  readonly answer: Answer;
}

/**
 * Compares a bare session's answer with ours; returns how close they were.
 * @throws CongError `VERIFICATION_FAILED`
 */
export async function verifyOnnx(
  file: string,
  source: ExportSource,
  options: VerifyOnnxOptions = {},
): Promise<OnnxVerification> {
  const { config } = source;
  const { expected, newTokens = 16, tolerance = 1e-4 } = options;
  const prompt = expected?.prompt ?? options.prompt ?? spreadPrompt(config);
  const steps = Math.min(newTokens, config.contextLength - prompt.length);
  const ours = expected ?? (await answerOf({ ...source, parameters: await allParameters(source) }, prompt, steps));
  const { layers, keyValueHeads, headSize, vocabulary } = config;
  const theirs = await askOnnxruntime({
    file,
    prompt,
    forced: ours.tokens,
    layers,
    keyValueHeads,
    headSize,
    vocabulary,
  });
  const comparison = compareAnswers("onnxruntime", ours, theirs, { logits: tolerance });
  return { ...comparison, judge: "onnxruntime", answer: theirs };
}

interface Request {
  readonly file: string;
  readonly prompt: readonly number[];
  /** What to feed after the prompt, whatever the model would choose. */
  readonly forced: readonly number[];
  readonly layers: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly vocabulary: number;
}

interface OnnxTensorValue {
  readonly data: Float32Array;
}

/** The part of `onnxruntime-node` that is used here. */
interface OnnxruntimeModule {
  readonly InferenceSession: {
    create(path: string): Promise<{ run(feeds: object): Promise<Readonly<Record<string, OnnxTensorValue>>> }>;
  };
  readonly Tensor: new (type: string, data: Float32Array | BigInt64Array, dims: readonly number[]) => OnnxTensorValue;
}

type Reply = Omit<Answer, "prompt">;

async function askOnnxruntime(request: Request): Promise<Answer> {
  const reply = await askInProcess<OnnxruntimeModule, Request, Reply>({
    judge: "onnxruntime",
    file: request.file,
    library: pathToFileURL(createRequire(import.meta.url).resolve("onnxruntime-node")).href,
    imports: "default",
    work: answer,
    request,
  });
  return { prompt: request.prompt, ...reply };
}

/** Runs in the child process and must not use anything from this file. */
async function answer(onnxruntime: OnnxruntimeModule, request: Request): Promise<Reply> {
  const { file, prompt, forced, layers, keyValueHeads, headSize, vocabulary } = request;
  const { InferenceSession, Tensor } = onnxruntime;
  const session = await InferenceSession.create(file);
  const integers = (values: readonly number[]) =>
    new Tensor(
      "int64",
      BigInt64Array.from(values, (value) => BigInt(value)),
      [1, values.length],
    );
  let past: Record<string, OnnxTensorValue> = {};
  for (let layer = 0; layer < layers; layer++) {
    for (const kind of ["key", "value"]) {
      const name = `past_key_values.${layer}.${kind}`;
      past[name] = new Tensor("float32", new Float32Array(0), [1, keyValueHeads, 0, headSize]);
    }
  }
  const tokens: number[] = [];
  const logits: Float32Array[] = [];
  let ids = prompt;
  let done = 0;
  for (const token of forced) {
    const total = done + ids.length;
    const out = await session.run({
      input_ids: integers(ids),
      attention_mask: integers(Array.from({ length: total }, () => 1)),
      position_ids: integers(ids.map((_, i) => done + i)),
      ...past,
    });
    const last = (out.logits as OnnxTensorValue).data.slice(-vocabulary);
    let best = 0;
    for (let i = 1; i < last.length; i++) if ((last[i] as number) > (last[best] as number)) best = i;
    tokens.push(best);
    logits.push(last);
    past = Object.fromEntries(
      Object.keys(past).map((name) => [name, out[name.replace("past_key_values", "present")] as OnnxTensorValue]),
    );
    done = total;
    ids = [token];
  }
  return { tokens, logits };
}
