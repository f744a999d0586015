/**
 * Which room may import which: the table of docs/guide/rooms.md as data.
 *
 * A room is a folder of src/. Imports point to earlier rows only; rooms of one row do not know each other. A room that
 * does not exist yet has its place here already, so that its first file finds the rule waiting.
 */

/** Rows from the ground up. */
export const rows: readonly (readonly string[])[] = [
  ["support"],
  ["formats", "tokenizers"],
  ["engine"],
  ["nn", "data"],
  ["models", "adapters"],
  ["inference"],
  ["evaluation", "export"],
  ["training"],
  ["compression", "knowledge", "ensemble", "privacy", "interpret"],
  ["serving"],
  ["cli"],
];

/**
 * The same inside src/engine. Ops and autodiff share a row and may import each other: a gradient is made of ops, and
 * `scan` differentiates its own body.
 */
export const engineRows: readonly (readonly string[])[] = [["graph"], ["ops", "autodiff"], ["passes"], ["backends"]];

/** Backends do not know each other, except that onnxruntime runs ops which the x64 folder compiles to machine code. */
export const backendImports: Readonly<Record<string, readonly string[]>> = { onnxruntime: ["x64"] };

/** Where a name stands in a table of rows; -1 when it is in none. */
export const rowOf = (table: readonly (readonly string[])[], name: string): number =>
  table.findIndex((row) => row.includes(name));
