/**
 * llama.cpp as the judge of a GGUF file, through `node-llama-cpp`, in a process of its own.
 *
 * `node-llama-cpp` is no dependency of Congling. Users who have it installed get theirs; others a message.
 */
import { createRequire } from "node:module";
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import { CongError } from "../../support/index.ts";
import type { Answer } from "../answer.ts";
import { askInProcess } from "../judge-process.ts";

/** The part of `node-llama-cpp` (3.22) that is used here. */
interface LlamaCppModule {
  getLlama(options: object): Promise<{
    readonly llamaCppRelease: { readonly release: string };
    loadModel(options: object): Promise<{
      createContext(options: object): Promise<{ getSequence(): LlamaCppSequence }>;
      tokenize(text: string): readonly number[];
    }>;
    dispose(): Promise<void>;
  }>;
}

interface LlamaCppSequence {
  controlledEvaluate(
    input: readonly (number | [number, object])[],
  ): Promise<readonly ({ readonly next: { readonly logits?: ReadonlyMap<number, number> } } | undefined)[]>;
}

interface Request {
  readonly file: string;
  readonly prompt: readonly number[];
  /** What to feed after the prompt, whatever the model would choose; the answer has as many tokens. */
  readonly forced: readonly number[];
  readonly vocabulary: number;
  readonly threads: number;
  /** Element type of the key/value cache. */
  readonly cacheType: "F32" | "F16";
}

interface Reply {
  readonly tokens: readonly number[];
  readonly logits: readonly Float32Array[];
  readonly release: string;
}

export interface JudgeOptions {
  /** Folder of the `node-llama-cpp` package. Default: the one that can be imported from the working folder. */
  readonly nodeLlamaCpp?: string | undefined;
  /** Default 2. */
  readonly threads?: number;
  /** Default "F32", so that only the weights' type rounds. */
  readonly cacheType?: "F32" | "F16";
}

/** What llama.cpp answered, and which release it was. */
export interface Judgement extends Answer {
  readonly judge: string;
}

/**
 * The entry file of `node-llama-cpp`.
 * @throws CongError `VERIFIER_MISSING` with what to install
 */
export function findNodeLlamaCpp(folder?: string): string {
  const from = folder === undefined ? process.cwd() : isAbsolute(folder) ? folder : join(process.cwd(), folder);
  try {
    if (folder === undefined) return createRequire(join(from, "package.json")).resolve("node-llama-cpp");
    return createRequire(join(from, "package.json")).resolve(from);
  } catch (error) {
    throw new CongError(
      "VERIFIER_MISSING",
      `a GGUF file is verified by llama.cpp, and node-llama-cpp is not installed${folder === undefined ? "" : ` in ${folder}`}`,
      { folder, cause: error },
      "npm install node-llama-cpp (with --omit=optional and the package of your platform it is 85 MB), or pass verify: false (--no-verify)",
    );
  }
}

/**
 * What llama.cpp finds likeliest after a prompt and after each of the tokens in `forced` (ours), fed one by one through
 * its cache: where it agrees throughout, that is its greedy answer. `vocabulary` is the number of logits to return.
 * @throws CongError `VERIFIER_MISSING`, or `VERIFICATION_FAILED` when llama.cpp cannot load or run the file
 */
export async function askLlamaCpp(
  file: string,
  prompt: readonly number[],
  forced: readonly number[],
  vocabulary: number,
  { nodeLlamaCpp, threads = 2, cacheType = "F32" }: JudgeOptions = {},
): Promise<Judgement> {
  const entry = pathToFileURL(findNodeLlamaCpp(nodeLlamaCpp)).href;
  const request: Request = { file, prompt, forced, vocabulary, threads, cacheType };
  const { tokens, logits, release } = await askInProcess<LlamaCppModule, Request, Reply>({
    judge: "llama.cpp",
    file,
    library: entry,
    imports: "namespace",
    work: answer,
    request,
  });
  return { judge: `llama.cpp ${release}`, prompt, tokens, logits };
}

/** Runs in the child process and must not use anything from this file. */
async function answer(llamaCpp: LlamaCppModule, request: Request): Promise<Reply> {
  const { file, prompt, forced, vocabulary, threads, cacheType } = request;
  const llama = await llamaCpp.getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: threads });
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
  const context = await model.createContext({
    contextSize: prompt.length + forced.length,
    threads,
    flashAttention: false,
    experimentalKvCacheKeyType: cacheType,
    experimentalKvCacheValueType: cacheType,
  });
  const sequence = context.getSequence();
  const tokens: number[] = [];
  const logits: Float32Array[] = [];
  let next: readonly number[] = prompt;
  for (const token of forced) {
    const last: [number, object] = [next[next.length - 1] as number, { generateNext: { logits: true } }];
    const outputs = await sequence.controlledEvaluate([...next.slice(0, -1), last]);
    const scores = new Float32Array(vocabulary).fill(Number.NaN);
    let best = -1;
    for (const [id, logit] of outputs[outputs.length - 1]?.next.logits ?? []) {
      scores[id] = logit;
      if (best < 0 || logit > (scores[best] as number)) best = id;
    }
    tokens.push(best);
    logits.push(scores);
    next = [token];
  }
  await llama.dispose();
  return { tokens, logits, release: llama.llamaCppRelease.release };
}

/** The ids into which llama.cpp cuts texts, with the vocabulary of a file. Throws as `askLlamaCpp`. */
export function tokenizeWithLlamaCpp(
  file: string,
  texts: readonly string[],
  { nodeLlamaCpp }: Pick<JudgeOptions, "nodeLlamaCpp"> = {},
): Promise<readonly (readonly number[])[]> {
  return askInProcess<LlamaCppModule, { file: string; texts: readonly string[] }, number[][]>({
    judge: "llama.cpp",
    file,
    library: pathToFileURL(findNodeLlamaCpp(nodeLlamaCpp)).href,
    imports: "namespace",
    work: async (llamaCpp, request) => {
      const llama = await llamaCpp.getLlama({ gpu: false, build: "never", logLevel: "error" });
      const model = await llama.loadModel({ modelPath: request.file, gpuLayers: 0 });
      return request.texts.map((text) => [...model.tokenize(text)]);
    },
    request: { file, texts },
  });
}
