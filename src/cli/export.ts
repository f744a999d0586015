/** `congling export`: a model for other programs, verified by running them. */
import { access, readdir } from "node:fs/promises";
import { Command, Option } from "commander";
import {
  type ExportSource,
  exportGguf,
  exportHf,
  exportOnnx,
  type GgufExportType,
  readGgufVocabulary,
  sourceOfCheckpoint,
  sourceOfMerged,
} from "../export/index.ts";
import { openCheckpoint, type SavedDtype, tokenizerFiles } from "../models/index.ts";
import { CongError } from "../support/index.ts";
import { resolveModel } from "./run-folders.ts";

interface ExportOptions {
  readonly to: "hf" | "gguf" | "onnx";
  readonly out: string;
  readonly type?: string;
  readonly verify: boolean;
  readonly nodeLlamaCpp?: string;
  readonly python?: string;
  readonly pre?: string;
  readonly adapter?: string;
}

const hfTypes: readonly SavedDtype[] = ["float32", "float16", "bfloat16"];
const ggufTypes: readonly GgufExportType[] = ["f32", "f16", "q8_0", "q4_0"];

const examples = `
  hf     a folder that transformers, vLLM and SGLang open: config.json, safetensors, tokenizer; read back bit for bit, and
         where a Python has transformers, that must answer as Congling does (--python to name it)
  gguf   one file for llama.cpp and Ollama, which must then answer as Congling does (needs the package node-llama-cpp)
  onnx   model.onnx for plain onnxruntime, which must then answer as Congling does

Examples:
  congling export runs/sft --to hf --out exported --type bfloat16
  congling export runs/sft --to gguf --type q4_0 --out poems-q4_0.gguf
  congling export runs/sft-int4 --to gguf --type q4_0 --out poems.gguf --no-verify
  congling export runs/quickstart/model --to gguf --pre glm4 --out poems.gguf   # words of one character: as in glm4 for Chinese
  congling export runs/sft --to onnx --out poems-onnx
  congling export runs/lora --to hf --out merged        # a LoRA adapter is merged into its base model
  congling export models/chatglm3-6b --adapter lora --to gguf --out merged.gguf
`;

export function exportCommand(): Command {
  return new Command("export")
    .description("write a model for other programs, and check that they answer alike")
    .argument("<dir>", "folder of a model, of the run that made it, or of a LoRA adapter")
    .addOption(new Option("--to <format>", "what to write").choices(["hf", "gguf", "onnx"]).makeOptionMandatory())
    .requiredOption("-o, --out <path>", "folder (hf, onnx) or file (gguf) to write")
    .option("--type <type>", `type of the weights: ${hfTypes.join(", ")} (hf); ${ggufTypes.join(", ")} (gguf)`)
    .option("--adapter <dir>", "folder of a LoRA adapter to merge into the model")
    .option("--no-verify", "do not run the other program (hf is read back all the same)")
    .option("--node-llama-cpp <dir>", "folder of the package node-llama-cpp, where it is not installed beside Congling")
    .option("--python <program>", "Python that has transformers, to verify hf with")
    .option(
      "--pre <name>",
      "llama.cpp's name of the rule that cuts texts into words, where its own is not known (gguf)",
    )
    .addHelpText("after", examples)
    .exitOverride()
    .showHelpAfterError("(see --help)")
    .action(run);
}

async function run(given: string, options: ExportOptions): Promise<void> {
  const type = typeOf(options);
  await checkNew(options.out);
  const { folder: from, adapter } = await resolveModel(given, options.adapter);
  const checkpoint = await openCheckpoint(from);
  try {
    const source = adapter === undefined ? sourceOfCheckpoint(checkpoint) : await sourceOfMerged(checkpoint, adapter);
    process.stdout.write(`${await write(from, source, { ...options, type })}\n`);
  } finally {
    await checkpoint.close();
  }
}

async function write(
  from: string,
  source: ExportSource,
  { to, out, type, verify, nodeLlamaCpp, python, pre }: ExportOptions,
): Promise<string> {
  if (to === "hf") {
    const { tensors, verification } = await exportHf(source, out, {
      dtype: type as SavedDtype,
      tokenizerFrom: from,
      ...(verify ? (python === undefined ? {} : { verify: { python } }) : { verify: false }),
    });
    const said = verification === undefined ? "transformers not asked" : verdict("transformers", verification);
    return `${out}: ${tensors} tensors in ${type}, read back bit for bit; ${said}`;
  }
  if (to === "onnx") {
    const { nodes, bytes, verification } = await exportOnnx(source, out, verify ? {} : { verify: false });
    return `${out}: ${nodes} nodes, ${megabytes(bytes)}; ${verdict("onnxruntime", verification)}`;
  }
  const vocabulary = (await hasTokenizer(from)) ? await readGgufVocabulary(from, { pre }) : undefined;
  const judge = nodeLlamaCpp === undefined ? {} : { nodeLlamaCpp };
  const { architecture, tensors, bytes, fallbacks, verification } = await exportGguf(source, out, {
    type: type as GgufExportType,
    vocabulary,
    verify: verify ? judge : false,
  });
  const other = fallbacks.length === 0 ? "" : `; ${fallbacks.length} matrices without whole blocks as f16`;
  const words = vocabulary === undefined ? "; made-up vocabulary, because the folder has no tokenizer" : "";
  const size = `${tensors} tensors, ${megabytes(bytes)}`;
  return `${out}: ${architecture}, ${type}, ${size}${other}${words}; ${verdict("llama.cpp", verification)}`;
}

/** An export is not written over what is there: it may be the very model, or one that somebody serves. */
async function checkNew(out: string): Promise<void> {
  const isThere = await access(out).then(
    () => true,
    () => false,
  );
  if (isThere)
    throw new CongError("FILE_EXISTS", `${out} is there already`, { out }, "delete it, or give another --out");
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

const verdict = (judge: string, verification: object | undefined): string =>
  verification === undefined ? "not verified" : `${judge} answers as Congling does`;

async function hasTokenizer(folder: string): Promise<boolean> {
  const names = await readdir(folder);
  return tokenizerFiles.some(
    (name) => /^(?:tokenizer\.(?:json|model)|ice_text\.model)$/.test(name) && names.includes(name),
  );
}

/** The type asked for, or the default of the format. */
function typeOf({ to, type }: ExportOptions): string {
  const allowed: readonly string[] = to === "hf" ? hfTypes : to === "gguf" ? ggufTypes : ["float32"];
  const chosen = type ?? (to === "gguf" ? "f16" : "float32");
  if (allowed.includes(chosen)) return chosen;
  const what = `--type ${chosen} is not a type of ${to}`;
  throw new CongError("BAD_ARGUMENT", what, { to, type }, `wanted one of ${allowed.join(", ")}`);
}
