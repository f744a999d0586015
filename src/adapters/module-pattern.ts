/**
 * Regular expressions of adapter files, written for Python's `re`. They come from strangers, as do the names they are
 * tried on, and some pairs take longer than the age of the universe: matching stops after a fixed time.
 */
import { createContext, Script } from "node:vm";
import { CongError } from "../support/errors.ts";

const longestPattern = 4000;

/** Milliseconds that all matches of one expression may take together; a sound one needs some microseconds each. */
const patience = 2000;
const matchPatience = 250;

// A context of its own is how Node interrupts a match. Only this constant runs there.
const match = new Script("expression.test(name)");

/**
 * A test for whole names ("full", Python's fullmatch) or for their ends after a dot ("end", PEFT's rank patterns). The
 * test throws the same error when it runs out of time.
 * @throws CongError `BAD_CONFIG` for expressions that JavaScript cannot read, or reads otherwise
 */
export function modulePattern(pattern: string, where: "full" | "end"): (name: string) => boolean {
  if (pattern.length > longestPattern) {
    throw refused(pattern, `it has ${pattern.length} characters, the limit is ${longestPattern}`);
  }
  // Python's own spellings, which JavaScript reads as something else or not at all.
  if (/\\[AZ]|\(\?(?:P|[aiLmsux-]|\()/.test(pattern)) {
    throw refused(pattern, "it uses what only Python's expressions have");
  }
  const source = where === "full" ? `^(?:${pattern})$` : `^(?:.*\\.)?(?:${pattern})$`;
  const scope: { expression: RegExp; name: string } = { expression: compile(pattern, source), name: "" };
  const context = createContext(scope);
  let spent = 0;
  return (name) => {
    if (spent > patience) throw refused(pattern, `its matches took more than ${patience} ms`);
    scope.name = name;
    const start = performance.now();
    try {
      return match.runInContext(context, { timeout: matchPatience }) === true;
    } catch (error) {
      throw refused(pattern, error instanceof Error ? error.message : String(error));
    } finally {
      spent += performance.now() - start;
    }
  };
}

function compile(pattern: string, source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (error) {
    throw refused(pattern, error instanceof Error ? error.message : String(error));
  }
}

function refused(pattern: string, reason: string): CongError {
  return new CongError(
    "BAD_CONFIG",
    `the expression ${JSON.stringify(pattern.slice(0, 200))} cannot be used: ${reason}`,
    { pattern },
    "list the names of the modules instead",
  );
}
