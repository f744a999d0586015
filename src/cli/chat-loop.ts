/** The conversation in the terminal: lines in, answers out as they are written, commands that begin with `/`. */
import { appendFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { CongError } from "../support/index.ts";
import type { ReplyEvent } from "../tokenizers/index.ts";
import type { ChatSession } from "./chat-session.ts";

export interface ChatLoopOptions {
  readonly session: ChatSession;
  readonly input: Readable;
  readonly output: Writable;
  /** The streams are a terminal: prompts, colours, line editing. */
  readonly isTerminal: boolean;
  /** Tells of Ctrl-C where there is no terminal to read it from; returns the function that stops telling. */
  readonly onInterrupt?: (listener: () => void) => () => void;
}

const help = `  /help          this list
  /reset         forget the conversation (the system message stays)
  /system TEXT   set the system message; without text, show it; /system - removes it
  /save FILE     append the conversation to a JSONL file, as {"messages": [...]}
  /exit          leave; so does Ctrl-D
  Ctrl-C         stop the answer being written
`;

/** Why an answer is not complete. */
const endings = { length: "--max-tokens", context: "the context is full", aborted: "stopped" } as const;

/** Runs until the input ends or the user leaves. */
export async function runChatLoop(options: ChatLoopOptions): Promise<void> {
  const { session, input, output, isTerminal, onInterrupt } = options;
  const lines = createInterface({ input, output, terminal: isTerminal, prompt: isTerminal ? "\n> " : "" });
  const say = (text: string): void => void output.write(text);
  const dim = (text: string): string => (isTerminal ? `\x1b[2m${text}\x1b[0m` : text);
  let answering: AbortController | undefined;
  let isLeaving = false;
  const interrupted = (): void => {
    if (answering !== undefined) answering.abort();
    else if (isLeaving || !isTerminal) lines.close();
    else {
      isLeaving = true;
      say(dim("\n(Ctrl-C again, Ctrl-D or /exit leaves)\n"));
      lines.prompt();
    }
  };
  lines.on("SIGINT", interrupted);
  const stopTelling = onInterrupt?.(interrupted);

  async function answer(text: string): Promise<void> {
    answering = new AbortController();
    const { signal } = answering;
    const started = performance.now();
    try {
      const onForget = (count: number) => say(dim(`(the context is full: the first ${count} messages are left out)\n`));
      const reply = session.ask(text, { signal, onForget });
      const write = answerWriter(say, dim);
      for (;;) {
        const { done, value } = await reply.next();
        if (done !== true) {
          write(value);
          continue;
        }
        const { tokens, ended } = value;
        say(ended === "stop" ? "\n" : dim(` … (${endings[ended]})\n`));
        const rate = tokens / ((performance.now() - started) / 1000);
        if (isTerminal) say(dim(`[${tokens} tokens, ${rate.toFixed(1)} tokens/s]\n`));
        return;
      }
    } catch (error) {
      if (!CongError.is(error)) throw error;
      say(`\n${error.message}\n`);
    } finally {
      answering = undefined;
    }
  }

  try {
    lines.prompt();
    for await (const line of lines) {
      isLeaving = false;
      const text = line.trim();
      if (text === "/exit" || text === "/quit") break;
      if (text.startsWith("/")) say(await runCommand(session, text));
      else if (text !== "") await answer(text);
      lines.prompt();
    }
  } finally {
    stopTelling?.();
    lines.close();
  }
}

/** Writes the events of one answer: thoughts dimmed and in brackets, tool calls as one line of JSON. */
function answerWriter(say: (text: string) => void, dim: (text: string) => string): (event: ReplyEvent) => void {
  let isThinking = false;
  return (event) => {
    if (event.type === "reasoning") {
      say(dim(isThinking ? event.text : `(${event.text}`));
      isThinking = true;
      return;
    }
    if (isThinking) say(dim(")\n"));
    isThinking = false;
    if (event.type === "content") say(event.text);
    else if (event.type === "tool_call") say(`${JSON.stringify(event.call.function)}\n`);
  };
}

/** Runs a command and returns what to show. */
async function runCommand(session: ChatSession, text: string): Promise<string> {
  const [, name = "", rest = ""] = /^\/(\S*)\s*(.*)$/s.exec(text) ?? [];
  switch (name) {
    case "help":
      return help;
    case "reset":
      session.reset();
      return "(a new conversation)\n";
    case "system":
      return setSystem(session, rest);
    case "save":
      return save(session, rest);
    default:
      return `there is no command /${name}; /help lists them\n`;
  }
}

function setSystem(session: ChatSession, text: string): string {
  if (text === "") {
    const [first] = session.messages;
    return first?.role === "system" ? `${first.content}\n` : "(no system message)\n";
  }
  session.system(text === "-" ? undefined : text);
  return text === "-" ? "(no system message)\n" : "(system message set)\n";
}

async function save(session: ChatSession, path: string): Promise<string> {
  if (path === "") return "give a file: /save conversations.jsonl\n";
  const { messages } = session;
  if (messages.length === 0) return "there is nothing to save yet\n";
  try {
    await appendFile(path, `${JSON.stringify({ messages })}\n`);
    return `(${messages.length} messages saved to ${path})\n`;
  } catch (error) {
    return `cannot write ${path}: ${(error as Error).message}\n`;
  }
}
