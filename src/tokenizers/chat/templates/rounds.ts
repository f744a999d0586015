/** ChatGLM-6B and ChatGLM2 know questions and answers only. This puts turns together to rounds. */
import { CongError } from "../../../support/errors.ts";
import { type ChatMessage, readTurns } from "../message.ts";
import type { RenderOptions } from "../template.ts";

export interface Round {
  readonly question: string;
  readonly answer?: { readonly text: string; readonly learn: boolean };
}

/**
 * A leading system message goes in front of the first question, as in the official ChatGLM2 server (no separator).
 *
 * @throws CongError `UNSUPPORTED_BY_TEMPLATE` for tools and observations, `ROLE_ORDER` where questions and answers do not alternate
 */
export function readRounds(name: string, messages: readonly ChatMessage[], options: RenderOptions): Round[] {
  const turns = readTurns(messages);
  const hasTools = (options.tools?.length ?? 0) > 0 || turns.some((turn) => turn.tools.length + turn.calls.length > 0);
  if (hasTools || turns.some((turn) => turn.role === "observation" || turn.metadata !== "")) {
    throw new CongError(
      "UNSUPPORTED_BY_TEMPLATE",
      `${name} has no tool calls`,
      { template: name },
      "use ChatGLM3 or later, or describe the tool in the question",
    );
  }
  let system = "";
  const rounds: { question: string; answer?: Round["answer"] }[] = [];
  for (const [index, turn] of turns.entries()) {
    const open = rounds.at(-1);
    const isOpen = open !== undefined && open.answer === undefined;
    if (turn.role === "system" && index === 0) system = turn.text;
    else if (turn.role === "user" && !isOpen)
      rounds.push({ question: rounds.length === 0 ? system + turn.text : turn.text });
    else if (turn.role === "assistant" && isOpen) open.answer = { text: turn.text, learn: turn.learn };
    else throw badOrder(name, index, turn.role);
  }
  const last = rounds.at(-1);
  if (last === undefined) throw badOrder(name, turns.length, "nothing but the system message");
  if (options.addGenerationPrompt && last.answer !== undefined) throw badOrder(name, turns.length, "an answer already");
  return rounds as Round[];
}

function badOrder(name: string, index: number, got: string): CongError {
  return new CongError(
    "ROLE_ORDER",
    `${name}: at message ${index} stands ${got}`,
    { template: name, index, got },
    "after an optional system message, user and assistant alternate, and the user asks last",
  );
}
