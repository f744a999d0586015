/**
 * The rules of the repository that no compiler knows: import direction, file length, names, seeded randomness.
 * Pure functions from a file's path and text to complaints; each complaint says how to fix it.
 */
import { posix } from "node:path";
import { backendImports, engineRows, rowOf, rows } from "./rooms.ts";

/** One file: its path from the root of the repository with "/" between folders, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Longest file allowed, in lines. */
export const longestFile = 500;

const importPattern = /\b(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/g;
const randomPattern = /\bMath\s*\.\s*random\b/;
const emptyNames = /^(?:utils?|common|helpers?|misc)\.(?:test\.)?(?:ts|mjs)$/;

/** Everything that is wrong with a file. */
export function complaintsAbout(file: SourceFile): string[] {
  return [...aboutName(file), ...aboutLength(file), ...aboutRandomness(file), ...aboutImports(file)];
}

function aboutName({ path }: SourceFile): string[] {
  const name = posix.basename(path);
  return emptyNames.test(name) ? [`${path}: "${name}" says nothing; name the file after the one concept it holds`] : [];
}

function aboutLength({ path, text }: SourceFile): string[] {
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  if (lines <= longestFile) return [];
  return [`${path}: ${lines} lines, at most ${longestFile}; move one of its concepts to a file of its own`];
}

function aboutRandomness({ path, text }: SourceFile): string[] {
  return text.split("\n").flatMap((line, i) => {
    const isComment = /^\s*(?:\/\/|\/?\*)/.test(line);
    if (isComment || !randomPattern.test(line)) return [];
    return [`${path}:${i + 1}: unseeded random number; pass a Random of src/support/random.ts in`];
  });
}

function aboutImports({ path, text }: SourceFile): string[] {
  if (!path.startsWith("src/")) return [];
  const targets = [...text.matchAll(importPattern)].map(([, to]) => posix.join(posix.dirname(path), to!));
  return targets.flatMap((to) => {
    const reason = whyNot(path, to);
    return reason === undefined ? [] : [`${path} imports ${to}: ${reason}`];
  });
}

/** Why the file `from` (in src/) may not import the file `to`, and what to do; undefined when it may. */
export function whyNot(from: string, to: string): string | undefined {
  const [, fromRoom = "", ...fromRest] = from.split("/");
  const [top, toRoom = "", ...toRest] = to.split("/");
  if (top !== "src") return "src/ stands alone; move what both need into a room of src/";
  // src/index.ts puts the public interface together from all rooms, and no room may look back at it.
  if (fromRest.length === 0) return undefined;
  if (toRest.length === 0) return "src/index.ts is for users of the package; import from the room that has it";
  if (fromRoom === toRoom) return fromRoom === "engine" ? whyNotInEngine(fromRest, toRest) : undefined;
  const [row, target] = [rowOf(rows, fromRoom), rowOf(rows, toRoom)];
  if (row < 0) return `src/${fromRoom} is in no row; give it one in tools/structure/rooms.ts`;
  if (target < 0) return `src/${toRoom} is in no row; give it one in tools/structure/rooms.ts`;
  if (target < row) return undefined;
  const where = target === row ? `stand in one row` : `is built on ${fromRoom}, not the other way round`;
  const subject = target === row ? `${fromRoom} and ${toRoom}` : toRoom;
  return `${subject} ${where}; move the shared part down into an earlier row, or pass it in as an argument`;
}

/** Inside the engine. Tests and src/engine/testing may use every part; so may index.ts, which only re-exports. */
function whyNotInEngine(from: readonly string[], to: readonly string[]): string | undefined {
  const isTest = from.at(-1)!.endsWith(".test.ts") || from[0] === "testing";
  if (isTest || from.length === 1) return undefined;
  if (to.length === 1) return "engine/index.ts is for other rooms; import from the file that has it";
  if (to[0] === "testing") return "engine/testing is for tests; move what both need out of it";
  const [row, target] = [rowOf(engineRows, from[0]!), rowOf(engineRows, to[0]!)];
  if (row < 0) return `src/engine/${from[0]} is in no row; give it one in tools/structure/rooms.ts`;
  if (target > row) {
    return `inside the engine ${to[0]} comes after ${from[0]}; move the shared part down, or pass it in as an argument`;
  }
  const areBackends = from[0] === "backends" && to[0] === "backends" && from.length > 2 && to.length > 2;
  if (areBackends && from[1] !== to[1] && !backendImports[from[1]!]?.includes(to[1]!)) {
    return "backends do not know each other; share through engine/backends or a pass";
  }
  return undefined;
}
