/** `congling generate`: answers to prompts, as text or as JSON lines. */
import { type FileHandle, open } from "node:fs/promises";
import { Command } from "commander";
import type { Answer, Model, TokenLogProbability } from "../inference/index.ts";
import { chatPrompt, tokenizerOf } from "../serving/index.ts";
import { CongError, Progress } from "../support/index.ts";
import type { ChatTemplate } from "../tokenizers/index.ts";
import { readTemplateOption, templateHelp } from "./chat-template-option.ts";
import { loadModelFor, type ModelOptions, withModelOptions } from "./model-options.ts";
import { collect, wholeNumber } from "./parse-number.ts";
import { type Prompt, readPrompts } from "./prompt-file.ts";
import { generationOptions, type SamplingOptions, withSamplingOptions } from "./sampling-options.ts";

interface GenerateOptions extends ModelOptions, SamplingOptions {
  readonly prompt?: readonly string[];
  readonly prompts?: string;
  readonly chat?: true;
  readonly template?: string;
  readonly samples: number;
  readonly logprobs?: number;
  readonly json?: true;
  readonly out?: string;
}

const examples = `
A record of --json and --out: {"index", "sample", "prompt" or "messages", "text", "finish", "tokens", "logprobs"}.
The i-th sample of a prompt follows from the prompt, the seed and i; other prompts change nothing.

Examples:
  congling generate runs/base --prompt "春眠不觉晓，" --max-tokens 30
  congling generate runs/sft --chat --prompt "写一首五言绝句" --samples 4 --temperature 0.9 --seed 1
  congling generate runs/sft --prompts prompts.jsonl --out answers.jsonl
  head -n 3 titles.txt | congling generate runs/sft --chat --prompts -
  congling generate runs/base --prompt "白日依山尽，" --json --logprobs 5
`;

export function generateCommand(): Command {
  const command = new Command("generate")
    .description("continue prompts, or answer them")
    .argument("<dir>", "folder of a model, or of a run: the model or adapter that it made")
    .option("-p, --prompt <text>", "a prompt (may be given several times)", collect)
    .option(
      "--prompts <file>",
      "prompts, one a line; or JSONL with prompt, text or messages; .gz too; - for standard input",
    )
    .option("--chat", "put each prompt into the model's chat template, as a user's message")
    .option("--template <name>", templateHelp)
    .option("-n, --samples <n>", "answers for each prompt", wholeNumber(1), 1)
    .option("--logprobs <k>", "log-probabilities of each token and of the k likeliest in its place", wholeNumber(0))
    .option("--json", "JSON lines on standard output")
    .option("-o, --out <file>", "JSON lines into a new file");
  return withSamplingOptions(withModelOptions(command), { temperature: 0, maxTokens: 256 })
    .addHelpText("after", examples)
    .exitOverride()
    .showHelpAfterError("(see --help)")
    .action(generate);
}

/** Rows computed together. */
const rowsAtOnce = 16;

async function generate(folder: string, options: GenerateOptions): Promise<void> {
  checkTogether(options);
  const prompts = await promptsOf(options);
  const template = await readTemplateOption(options.template);
  const file = options.out === undefined ? undefined : await createFile(options.out);
  const isPlain = file === undefined && options.json !== true;
  try {
    const model = await loadModelFor(folder, options);
    try {
      if (isPlain && prompts.length * options.samples === 1) {
        const request = requestOf(model, prompts[0]!, template, options, 0);
        let started = !isAnswer(request);
        for await (const { text } of model.stream(request)) {
          const shown = started ? text : text.trimStart();
          started ||= shown !== "";
          process.stdout.write(shown);
        }
        process.stdout.write("\n");
        return;
      }
      const total = prompts.length * options.samples;
      const progress = new Progress({ label: "generate", total, unit: "answers", silent: file === undefined });
      for await (const { index, sample, prompt, answer } of answersTo(model, prompts, template, options)) {
        const record = { index, sample, ...prompt, ...recordOf(model, answer) };
        if (isPlain)
          process.stdout.write(`--- prompt ${index + 1}, sample ${sample + 1}\n${answer.text ?? answer.ids}\n`);
        else if (file === undefined) process.stdout.write(`${JSON.stringify(record)}\n`);
        else await file.write(`${JSON.stringify(record)}\n`);
        progress.advance();
      }
      progress.finish();
    } finally {
      await model.dispose();
    }
  } finally {
    await file?.close();
  }
}

interface PromptAnswer {
  readonly index: number;
  readonly sample: number;
  readonly prompt: Prompt;
  readonly answer: Answer;
}

/** Answers in the order of prompts and samples, some samples of one prompt at a time. */
async function* answersTo(
  model: Model,
  prompts: readonly Prompt[],
  template: ChatTemplate | undefined,
  options: GenerateOptions,
): AsyncGenerator<PromptAnswer, void, undefined> {
  for (const [index, prompt] of prompts.entries()) {
    for (let first = 0; first < options.samples; first += rowsAtOnce) {
      const request = requestOf(model, prompt, template, options, first);
      const { inputIds, ...settings } = request;
      const rows = Math.min(rowsAtOnce, options.samples - first);
      const answers = await model.generate({ ...settings, inputIds: Array.from({ length: rows }, () => inputIds) });
      for (const [row, answer] of answers.entries()) {
        const text = isAnswer(request) ? answer.text?.trimStart() : answer.text;
        yield { index, sample: first + row, prompt, answer: { ...answer, text } };
      }
    }
  }
}

/** @param first number of the first sample: rows that run together draw from one seed */
function requestOf(
  model: Model,
  prompt: Prompt,
  template: ChatTemplate | undefined,
  options: GenerateOptions,
  first: number,
) {
  const seed = BigInt(options.seed) * 1_000_003n + BigInt(first);
  const settings = { ...generationOptions(options), seed, logProbabilities: options.logprobs };
  if ("messages" in prompt || options.chat === true) {
    const messages = "messages" in prompt ? prompt.messages : [{ role: "user", content: prompt.prompt }];
    const { ids, endIds } = chatPrompt(model, messages, { template });
    return { ...settings, inputIds: ids, endIds };
  }
  return { ...settings, inputIds: tokenizerOf(model).encode(prompt.prompt) };
}

/** By a chat template, and not the prompt going on: several templates break the line before it, which says nothing. */
const isAnswer = (request: ReturnType<typeof requestOf>): boolean => "endIds" in request;

/** What a line of output says about an answer. */
function recordOf(model: Model, { text, finish, ids, logProbabilities }: Answer): object {
  const token = (id: number): string => model.tokenizer?.decode([id], { skipSpecialTokens: false }) ?? "";
  const entry = ({ id, logProbability }: TokenLogProbability) => ({ id, token: token(id), logprob: logProbability });
  return {
    text,
    finish,
    tokens: ids.length,
    ...(logProbabilities === undefined
      ? {}
      : { logprobs: logProbabilities.map((each) => ({ ...entry(each), top: each.alternatives.map(entry) })) }),
  };
}

async function promptsOf({ prompt = [], prompts }: GenerateOptions): Promise<Prompt[]> {
  const typed = prompt.map((text): Prompt => ({ prompt: text }));
  const all = [...typed, ...(prompts === undefined ? [] : await readPrompts(prompts))];
  if (all.length > 0) return all;
  const what = prompts === undefined ? "there is no prompt" : `${prompts} holds no prompts`;
  throw new CongError("BAD_ARGUMENT", what, { prompts }, "give --prompt TEXT or --prompts FILE");
}

/** Refuses options that would do nothing. */
function checkTogether({ samples, temperature, logprobs, json, out }: GenerateOptions): void {
  const refuse = (what: string, hint: string): never => {
    throw new CongError("BAD_ARGUMENT", what, {}, hint);
  };
  if (samples > 1 && temperature === 0) {
    refuse(`${samples} samples at temperature 0 would all be the same`, "set --temperature, for example 0.8");
  }
  if (logprobs !== undefined && json !== true && out === undefined) {
    refuse("--logprobs without --json or --out would not be shown", "add --json or --out FILE");
  }
}

async function createFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isThere = code === "EEXIST";
    throw new CongError(
      isThere ? "FILE_EXISTS" : "FILE_WRITE_FAILED",
      isThere ? `${path} is there already` : `cannot write ${path}: ${message}`,
      { path, cause: error },
      isThere ? "delete it, or give another name" : "check the folder of --out",
    );
  }
}
