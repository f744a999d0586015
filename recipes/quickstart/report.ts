/**
 * The report of a run as one HTML file that needs nothing else: tables, bars, and curves drawn by uPlot, whose code is put
 * into the page. Everything a person reads is there in Chinese and in English; a button changes between them.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Figure } from "../../src/evaluation/index.ts";

/** A text in both languages. */
export interface Both {
  readonly en: string;
  readonly zh: string;
}

export const both = (en: string, zh: string): Both => ({ en, zh });

/** A share of a whole as a bar, with what stands beside it. */
export interface Bar {
  readonly share: number;
  readonly label: string | Both;
}

/** A figure is shown with its interval; undefined is a dash. */
export type Cell = string | number | Both | Bar | Figure | undefined;

export interface Curve {
  readonly title: Both;
  readonly x: readonly number[];
  readonly series: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

export interface Section {
  readonly title: Both;
  /** Paragraphs before everything else. */
  readonly text?: readonly Both[];
  /** Commands that do the same. */
  readonly commands?: readonly string[];
  readonly tables?: readonly {
    readonly head: readonly (string | Both)[];
    readonly rows: readonly (readonly Cell[])[];
  }[];
  readonly curves?: readonly Curve[];
  readonly samples?: readonly { readonly question: string | Both; readonly answer: string }[];
}

const escapeHtml = (value: string | number): string =>
  String(value).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);

const words = (text: string | Both): string =>
  typeof text === "string"
    ? escapeHtml(text)
    : `<span lang="zh">${escapeHtml(text.zh)}</span><span lang="en">${escapeHtml(text.en)}</span>`;

const colours = ["#1f6f8b", "#d1495b", "#4f9d69", "#c98a1b", "#5c4d7d"];

const style = `
  body { font: 16px/1.6 system-ui, "Noto Sans CJK SC", "PingFang SC", sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
  h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2.4rem; border-bottom: 1px solid #ddd }
  body.zh [lang=en], body.en [lang=zh] { display: none } button { font: inherit; float: right; margin-left: 1rem }
  .wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; margin: .6rem 0 }
  td, th { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #eee; font-variant-numeric: tabular-nums }
  td:first-child, th:first-child { text-align: left } .soft { color: #777; font-size: .85em; white-space: nowrap }
  td.bar { width: 45% } .bar div { background: #1f6f8b; height: .8rem; border-radius: 2px } .bar { text-align: left }
  pre { background: #f6f6f4; padding: .5rem .8rem; overflow-x: auto; font-size: .85rem }
  .question { color: #666; margin: .8rem 0 0 } .answer { white-space: pre-wrap; font-size: 1.1rem; margin: 0 }
  .curves { display: flex; flex-wrap: wrap; gap: 1rem }
`;

/** The whole page. */
export function reportPage(title: Both, sections: readonly Section[]): string {
  const require = createRequire(import.meta.url);
  const library = readFileSync(require.resolve("uplot/dist/uPlot.iife.min.js"), "utf8");
  const css = readFileSync(require.resolve("uplot/dist/uPlot.min.css"), "utf8");
  const curves = sections.flatMap((section) => section.curves ?? []);
  // JSON inside a script element must not be able to end it.
  const data = JSON.stringify(curves).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(`${title.zh} · ${title.en}`)}</title><style>${css}${style}</style></head><body class="zh">
<button onclick="document.body.classList.toggle('zh');document.body.classList.toggle('en')">中文 / English</button>
<h1>${words(title)}</h1>
${sections.map((section) => sectionHtml(section, curves)).join("\n")}
<script>${library}</script>
<script>
const colours = ${JSON.stringify(colours)};
${data}.forEach((curve, i) => {
  const series = [{ label: "step 步" }, ...curve.series.map((each, j) => ({ label: each.label, stroke: colours[j % colours.length], width: 1.5, spanGaps: true, points: { show: false } }))];
  new uPlot({ width: 470, height: 280, scales: { x: { time: false } }, series }, [curve.x, ...curve.series.map((each) => each.values)], document.getElementById("curve" + i));
});
</script></body></html>
`;
}

function sectionHtml({ title, text, commands, tables, curves, samples }: Section, all: readonly Curve[]): string {
  return [
    `<h2>${words(title)}</h2>`,
    ...(text ?? []).map((paragraph) => `<p>${words(paragraph)}</p>`),
    ...(commands === undefined ? [] : [`<pre>${commands.map((line) => `$ ${escapeHtml(line)}`).join("\n")}</pre>`]),
    ...(tables ?? []).map(({ head, rows }) => table(head, rows)),
    ...(curves === undefined
      ? []
      : [
          `<div class="curves">${curves.map((curve) => `<div><p class="question">${words(curve.title)}</p><div id="curve${all.indexOf(curve)}"></div></div>`).join("")}</div>`,
        ]),
    ...(samples ?? []).map(
      ({ question, answer }) => `<p class="question">${words(question)}</p><p class="answer">${escapeHtml(answer)}</p>`,
    ),
  ].join("\n");
}

const table = (head: readonly (string | Both)[], rows: readonly (readonly Cell[])[]): string =>
  `<div class="wide"><table><tr>${head.map((cell) => `<th>${words(cell)}</th>`).join("")}</tr>${rows
    .map((row) => `<tr>${row.map(cellHtml).join("")}</tr>`)
    .join("")}</table></div>`;

function cellHtml(cell: Cell): string {
  if (cell === undefined) return "<td>–</td>";
  if (typeof cell === "number") return `<td>${cell}</td>`;
  if (typeof cell === "string" || "zh" in cell) return `<td>${words(cell)}</td>`;
  if ("share" in cell) {
    const width = (100 * Math.min(1, Math.max(0, cell.share))).toFixed(1);
    return `<td class="bar"><div style="width:${width}%"></div>${words(cell.label)}</td>`;
  }
  return `<td>${shown(cell.value, cell.unit)} <span class="soft">${shown(cell.low, cell.unit)} – ${shown(cell.high, cell.unit)}</span></td>`;
}

/** A value as it is written everywhere: a share as per cent. */
export const shown = (value: number, unit: Figure["unit"]): string =>
  unit === "share" ? `${(100 * value).toFixed(1)} %` : value.toFixed(3);
