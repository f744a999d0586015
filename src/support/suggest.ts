/** Did-you-mean for every name a user can mistype: models, recipes, metrics, tensors, command-line flags. */
import { CongError } from "./errors.ts";

/**
 * The candidate most like `name`, or undefined when none is near: at most two typing errors (insert, delete, replace,
 * swap neighbours), or a third of the longer word. Case, `-`, `_`, `.` and spaces are ignored.
 */
export function closest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = simplify(name);
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const offered = simplify(candidate);
    const longer = Math.max(wanted.length, offered.length);
    // Never as many errors as letters: any two short words would be near each other.
    const limit = Math.min(Math.max(2, Math.floor(longer / 3)), longer - 1);
    if (Math.abs(wanted.length - offered.length) > limit) continue;
    const distance = typingDistance(wanted, offered);
    if (distance <= limit && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/**
 * The entry of `table` called `name`. An unknown name is a CongError `UNKNOWN_NAME` with a suggestion and the list of
 * what there is. `kind` is the noun of the message, for example "optimizer". Only own keys count.
 */
export function pick<T>(kind: string, table: Readonly<Record<string, T>>, name: string): T {
  if (Object.hasOwn(table, name)) return table[name] as T;
  throw unknownName(kind, name, Object.keys(table));
}

/** The error `pick` throws, for tables that are not plain records. Lists at most 20 of the known names. */
export function unknownName(kind: string, name: string, known: Iterable<string>): CongError {
  const names = [...known];
  const near = closest(name, names);
  const listed = names.length === 0 ? "(none)" : names.slice(0, 20).join(", ") + (names.length > 20 ? ", …" : "");
  return new CongError(
    "UNKNOWN_NAME",
    `unknown ${kind} "${name}"`,
    { kind, name, suggestion: near },
    near === undefined ? `known: ${listed}` : `did you mean "${near}"? known: ${listed}`,
  );
}

function simplify(name: string): string {
  return name.toLowerCase().replace(/[-_. ]/g, "");
}

/** Optimal string alignment distance (Damerau 1964, restricted): neighbours swapped count as one error. */
function typingDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(row[j - 1]! + 1, last[j]! + 1, replace);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
      }
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
