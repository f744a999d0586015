/**
 * A Jinja template, read and run as Hugging Face transformers does it: `trim_blocks` and `lstrip_blocks` on, loop controls,
 * `raise_exception`, `strftime_now`, `tojson` without escapes, ranges of at most 100,000.
 * Known differences of the library: `{{ none }}` writes nothing, booleans and lists are written as JSON writes them.
 */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { CongError } from "../../../support/index.ts";
import { rewriteStringMethods, stringFunctions } from "./string-methods.ts";
import { strftime } from "./time.ts";

/** Renders with the given variables. */
export type JinjaProgram = (variables: Readonly<Record<string, unknown>>, now: Date) => string;

/** Jinja2's sandbox has the same limit. */
const longestRange = 100_000;

class Refusal extends Error {}

/** @throws CongError `BAD_CHAT_TEMPLATE` when the text is not a template */
export function readJinja(source: string): JinjaProgram {
  let program: ReturnType<typeof parse>;
  try {
    program = parse(tokenize(source, { trim_blocks: true, lstrip_blocks: true }));
  } catch (error) {
    throw new CongError(
      "BAD_CHAT_TEMPLATE",
      `the chat template cannot be read: ${(error as Error).message}`,
      { cause: (error as Error).message },
      "it must be Jinja text, as in chat_template.jinja or in the chat_template field of tokenizer_config.json",
    );
  }
  rewriteStringMethods(program);
  return (variables, now) => {
    const environment = new Environment();
    const globals = { ...constants, ...stringFunctions, ...functions(now), ...variables };
    for (const [name, value] of Object.entries(globals)) environment.set(name, value);
    try {
      return String(new Interpreter(environment).run(program).value ?? "");
    } catch (error) {
      if (error instanceof Refusal) {
        throw new CongError(
          "TEMPLATE_REFUSED",
          `the chat template refuses this conversation: ${error.message}`,
          { reason: error.message },
          "change the order of the messages or their roles as the template asks",
        );
      }
      if (CongError.is(error)) throw error;
      throw new CongError(
        "TEMPLATE_FAILED",
        `the chat template failed: ${(error as Error).message}`,
        { cause: (error as Error).message },
        "check that the messages have the fields the template reads, and that it uses only what Hugging Face offers",
      );
    }
  };
}

const constants = { true: true, false: false, none: null, True: true, False: false, None: null };

function functions(now: Date): Readonly<Record<string, (...values: never[]) => unknown>> {
  return {
    raise_exception: (reason: unknown) => {
      throw new Refusal(String(reason));
    },
    strftime_now: (format: string) => strftime(now, format),
    range,
  };
}

/** Python's `range`. */
function range(...bounds: number[]): number[] {
  const [first = 0, second, step = 1] = bounds;
  const [from, to] = second === undefined ? [0, first] : [first, second];
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= longestRange)) throw new Error(`range of ${count} numbers; at most ${longestRange} are allowed`);
  return Array.from({ length: count }, (_, i) => from + i * step);
}
