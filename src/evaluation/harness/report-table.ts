/** An evaluation as a table for the terminal. */
import type { Evaluation, TaskReport } from "./evaluate.ts";
import type { Figure } from "./summary.ts";

/** A value as it is written everywhere: shares as per cent. */
export const shown = (value: number, unit: Figure["unit"]): string =>
  unit === "share" ? `${(100 * value).toFixed(1)} %` : value.toPrecision(4);

/** One line for each figure, then what a reader must know. */
export function reportTable({ name, family, dtype, seed, tasks }: Evaluation): string {
  const rows = tasks.flatMap((task) => task.figures.map((figure) => rowOf(task, figure)));
  const head = ["task", "figure", "value", "95 % interval", "compare", "items"];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd();
  const remarks = tasks.flatMap(({ task, figures, warnings }) => [
    ...figures.flatMap((figure) => (figure.onChance === true ? [`${task}: ${chanceRemark(figure)}`] : [])),
    ...warnings.map((warning) => `${task}: ${warning}`),
  ]);
  return [
    `${name} (${family}, ${dtype}), seed ${seed}`,
    line(head),
    line(widths.map((width) => "-".repeat(width))),
    ...rows.map(line),
    ...remarks.map((remark) => `! ${remark}`),
    "",
  ].join("\n");
}

/** What standing on the chance line means. */
export const chanceRemark = ({ title, value, chance, unit }: Figure): string =>
  `${title} ${shown(value, unit)} does not differ from guessing (${shown(chance!, unit)})`;

function rowOf(
  { task, shots }: TaskReport,
  { name, value, low, high, unit, chance, reference, items }: Figure,
): string[] {
  const compare = [
    ...(chance === undefined ? [] : [`chance ${shown(chance, unit)}`]),
    ...(reference === undefined ? [] : [`people ${shown(reference, unit)}`]),
  ];
  return [
    shots === 0 ? task : `${task} (${shots} shots)`,
    name,
    shown(value, unit),
    `${shown(low, unit)} … ${shown(high, unit)}`,
    compare.join(", "),
    String(items),
  ];
}
