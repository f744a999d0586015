#!/usr/bin/env node
/** The program `congling`: a table of verbs, each loaded when it is called. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command, CommanderError } from "commander";
import { CongError, closest } from "../support/index.ts";

interface Verb {
  readonly summary: string;
  /** Makes the command; called for the verb that was typed only, so that `congling data` loads no model code. */
  readonly load: () => Promise<Command>;
}

const verbs: Readonly<Record<string, Verb>> = {
  data: {
    summary: "prepare text: clean, dedupe, label, split, mix, check …",
    load: async () => (await import("./data.ts")).dataCommand(),
  },
  tokenizer: {
    summary: "train tokenizers, and see what they make of text",
    load: async () => (await import("./tokenizer.ts")).tokenizerCommand(),
  },
  pretrain: {
    summary: "train a language model on text",
    load: async () => (await import("./pretrain.ts")).pretrainCommand(),
  },
  sft: { summary: "fine-tune a model on conversations", load: async () => (await import("./sft.ts")).sftCommand() },
  chat: { summary: "talk with a model", load: async () => (await import("./chat.ts")).chatCommand() },
  generate: {
    summary: "continue prompts, or answer them",
    load: async () => (await import("./generate.ts")).generateCommand(),
  },
  serve: {
    summary: "serve a model over HTTP, as OpenAI's API does",
    load: async () => (await import("./serve.ts")).serveCommand(),
  },
  evaluate: {
    summary: "measure a model on tasks",
    load: async () => (await import("./evaluate.ts")).evaluateCommand(),
  },
  quantize: {
    summary: "weights in 4 or 8 bits, and what they cost",
    load: async () => (await import("./quantize.ts")).quantizeCommand(),
  },
  export: {
    summary: "write a model for other programs, verified",
    load: async () => (await import("./export.ts")).exportCommand(),
  },
};

const program = new Command("congling")
  .version(await ownVersion(), "-V, --version", "print the version")
  .description("Congling (从零): develop a language model from zero")
  .helpCommand(false)
  .exitOverride()
  .showSuggestionAfterError()
  .addHelpText("after", "\nHelp on a command: congling COMMAND --help");

/** From the package this file lies in, built or not. */
async function ownVersion(): Promise<string> {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const text = await readFile(join(folder, "package.json"), "utf8").catch(() => undefined);
    const found = text === undefined ? {} : (JSON.parse(text) as { readonly name?: string; readonly version?: string });
    if (found.name === "congling" && found.version !== undefined) return found.version;
  }
  return "unknown";
}

// A reader such as `head` has seen enough: that is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

const typed = process.argv[2];
for (const [name, { summary, load }] of Object.entries(verbs)) {
  program.addCommand(name === typed ? await load() : new Command(name).description(summary));
}

try {
  if (typed === undefined) program.outputHelp();
  else if (!typed.startsWith("-") && !Object.hasOwn(verbs, typed)) {
    const near = closest(typed, Object.keys(verbs));
    process.stderr.write(
      `congling: there is no command "${typed}"${near === undefined ? "" : `; did you mean "${near}"?`}\n`,
    );
    process.exitCode = 2;
  } else await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (CongError.is(error)) {
    process.stderr.write(`congling: ${error.message}\n`);
    process.exitCode = 1;
  } else {
    process.stderr.write(
      `congling: this should not happen; please report it.\n${error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exitCode = 70;
  }
}
