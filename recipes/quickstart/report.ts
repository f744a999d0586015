/**
 * The report of a run as one HTML file that needs nothing else: tables, and curves drawn by uPlot, whose code is put into
 * the page. Everything a person reads is in Chinese and English.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

export interface Curve {
  readonly title: string;
  readonly x: readonly number[];
  readonly series: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

export type Section =
  | { readonly title: string; readonly text: string }
  | {
      readonly title: string;
      readonly head: readonly string[];
      readonly rows: readonly (readonly (string | number)[])[];
    }
  | { readonly title: string; readonly curves: readonly Curve[] }
  | { readonly title: string; readonly samples: readonly { readonly question: string; readonly answer: string }[] };

const escapeHtml = (value: string | number): string =>
  String(value).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);

const colours = ["#1f6f8b", "#d1495b", "#66a182", "#edae49", "#5c4d7d"];

const style = `
  body { font: 16px/1.6 system-ui, "Noto Sans CJK SC", "PingFang SC", sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
  h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ddd }
  table { border-collapse: collapse; width: 100% } td, th { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #eee }
  td:first-child, th:first-child { text-align: left } .question { color: #666 } .answer { white-space: pre-wrap; font-size: 1.1rem }
  .curves { display: flex; flex-wrap: wrap; gap: 1rem }
`;

/** The whole page. */
export function reportPage(title: string, sections: readonly Section[]): string {
  const require = createRequire(import.meta.url);
  const library = readFileSync(require.resolve("uplot/dist/uPlot.iife.min.js"), "utf8");
  const css = readFileSync(require.resolve("uplot/dist/uPlot.min.css"), "utf8");
  const curves = sections.flatMap((section) => ("curves" in section ? section.curves : []));
  // JSON inside a script element must not be able to end it.
  const data = JSON.stringify(curves).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${css}${style}</style></head><body>
<h1>${escapeHtml(title)}</h1>
${sections.map(sectionHtml).join("\n")}
<script>${library}</script>
<script>
const colours = ${JSON.stringify(colours)};
${data}.forEach((curve, i) => {
  const series = [{ label: "step" }, ...curve.series.map((each, j) => ({ label: each.label, stroke: colours[j % colours.length], width: 1.5, spanGaps: true }))];
  new uPlot({ title: curve.title, width: 460, height: 280, scales: { x: { time: false } }, series }, [curve.x, ...curve.series.map((each) => each.values)], document.getElementById("curve" + i));
});
</script></body></html>
`;

  function sectionHtml(section: Section): string {
    const head = `<h2>${escapeHtml(section.title)}</h2>`;
    if ("text" in section) return `${head}<p>${escapeHtml(section.text)}</p>`;
    if ("head" in section) return head + table(section.head, section.rows);
    if ("samples" in section) {
      return (
        head +
        section.samples
          .map(
            ({ question, answer }) =>
              `<p class="question">${escapeHtml(question)}</p><p class="answer">${escapeHtml(answer)}</p>`,
          )
          .join("")
      );
    }
    return `${head}<div class="curves">${section.curves.map((curve) => `<div id="curve${curves.indexOf(curve)}"></div>`).join("")}</div>`;
  }
}

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  `<table><tr>${head.map((cell) => `<th>${escapeHtml(cell)}</th>`).join("")}</tr>${rows
    .map((row) => `<tr>${row.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`)
    .join("")}</table>`;
