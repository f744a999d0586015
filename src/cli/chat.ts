/** `congling chat`: a conversation with a model in the terminal. */
import { Command } from "commander";
import { runChatLoop } from "./chat-loop.ts";
import { checkChat, createChatSession } from "./chat-session.ts";
import { readTemplateOption, templateHelp } from "./chat-template-option.ts";
import { loadModelFor, type ModelOptions, withModelOptions } from "./model-options.ts";
import { generationOptions, type SamplingOptions, withSamplingOptions } from "./sampling-options.ts";

interface ChatCommandOptions extends ModelOptions, SamplingOptions {
  readonly template?: string;
  readonly system?: string;
  readonly think?: boolean;
}

const examples = `
Examples:
  congling chat runs/quickstart/model
  congling chat models/chatglm3-6b --dtype int4 --system "你是一位诗人。"
  congling chat runs/base --adapter runs/lora --temperature 0
  echo "写一首五言绝句" | congling chat runs/sft --seed 7
`;

export function chatCommand(): Command {
  const command = new Command("chat")
    .description("talk with a model; answers appear as they are written")
    .argument("<dir>", "folder of a model, or of a run: the model or adapter that it made")
    .option("--template <name>", templateHelp)
    .option("--system <text>", "system message")
    .option("--think", "ask for thoughts before the answer (GLM-4.5 and later)")
    .option("--no-think", "ask for an answer without thoughts");
  return withSamplingOptions(withModelOptions(command), { temperature: 0.8, maxTokens: 1024 })
    .addHelpText("after", examples)
    .exitOverride()
    .showHelpAfterError("(see --help)")
    .action(chat);
}

async function chat(folder: string, options: ChatCommandOptions): Promise<void> {
  const template = await readTemplateOption(options.template);
  const model = await loadModelFor(folder, options);
  try {
    const settings = { template, enableThinking: options.think };
    checkChat(model, settings);
    const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
    if (isTerminal) process.stdout.write(`${folder} (${model.dtype}). /help lists commands, Ctrl-D leaves.\n`);
    await runChatLoop({
      session: createChatSession(model, {
        chat: settings,
        generation: generationOptions(options),
        system: options.system,
      }),
      input: process.stdin,
      output: process.stdout,
      isTerminal,
      onInterrupt(listener) {
        process.on("SIGINT", listener);
        return () => process.off("SIGINT", listener);
      },
    });
  } finally {
    await model.dispose();
  }
}
