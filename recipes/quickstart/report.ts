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
  /** What the y axis counts, in which unit; shown in both languages. */
  readonly y: string;
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
    /** Columns from this one on hold words: they begin at the left. */
    readonly wordsFrom?: number;
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

const colours = ["#2f8fb3", "#d1495b", "#4f9d69", "#c98a1b", "#5c4d7d"];

const style = `
  :root { color-scheme: light dark; --ink: #222; --soft: #666; --line: #ddd; --code: #f6f6f4; --paper: #fff; --bar: #1f6f8b }
  @media (prefers-color-scheme: dark) { :root { --ink: #e4e4e0; --soft: #a3a39c; --line: #3a3d42; --code: #22252a; --paper: #15171a; --bar: #4a9fbd } }
  body { font: 16px/1.6 system-ui, "Noto Sans CJK SC", "PingFang SC", sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--paper) }
  h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2.4rem; border-bottom: 1px solid var(--line) }
  body.zh [lang=en], body.en [lang=zh] { display: none } button { font: inherit; float: right; margin-left: 1rem }
  .wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; margin: .6rem 0 1.2rem }
  td, th { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums }
  td:first-child, th:first-child { text-align: left; min-width: 5.5rem } .words { text-align: left; min-width: 7rem }
  .soft { color: var(--soft); font-size: .85em; white-space: nowrap }
  td.bar { width: 50%; min-width: 11rem; text-align: left; white-space: nowrap }
  .bar i { display: inline-block; background: var(--bar); height: .8rem; border-radius: 2px; margin-right: .5rem }
  pre { background: var(--code); padding: .5rem .8rem; font-size: .85rem; white-space: pre-wrap; overflow-wrap: anywhere }
  .question { color: var(--soft); margin: .8rem 0 0 } .answer { white-space: pre-wrap; font-size: 1.1rem; margin: 0 }
  .curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem } .curves > div { min-width: 0 }
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
if (!navigator.language.startsWith("zh")) document.body.className = "en";
const colours = ${JSON.stringify(colours)};
const ink = getComputedStyle(document.body);
const axis = (label) => ({ label, labelSize: 22, stroke: ink.color, grid: { stroke: ink.getPropertyValue("--line"), width: 1 }, ticks: { show: false } });
const width = () => Math.floor(document.querySelector(".curves > div").clientWidth);
const drawn = ${data}.map((curve, i) => {
  const series = [{ label: "step 步" }, ...curve.series.map((each, j) => ({ label: each.label, stroke: colours[j % colours.length], width: 1.5, spanGaps: true, points: { show: false } }))];
  const settings = { width: width(), height: 300, scales: { x: { time: false } }, axes: [axis("step 步"), { ...axis(curve.y), size: 58 }], series };
  return new uPlot(settings, [curve.x, ...curve.series.map((each) => each.values)], document.getElementById("curve" + i));
});
addEventListener("resize", () => drawn.forEach((curve) => curve.setSize({ width: width(), height: 300 })));
</script></body></html>
`;
}

function sectionHtml({ title, text, commands, tables, curves, samples }: Section, all: readonly Curve[]): string {
  return [
    `<h2>${words(title)}</h2>`,
    ...(text ?? []).map((paragraph) => `<p>${words(paragraph)}</p>`),
    ...(commands === undefined ? [] : [`<pre>${commands.map((line) => `$ ${escapeHtml(line)}`).join("\n")}</pre>`]),
    ...(tables ?? []).map(table),
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

function table({ head, rows, wordsFrom = Number.POSITIVE_INFINITY }: NonNullable<Section["tables"]>[number]): string {
  const kind = (column: number): string => (column < wordsFrom ? "" : ' class="words"');
  const top = head.map((cell, column) => `<th${kind(column)}>${words(cell)}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell, column) => cellHtml(cell, kind(column))).join("")}</tr>`);
  return `<div class="wide"><table><tr>${top}</tr>${body.join("")}</table></div>`;
}

function cellHtml(cell: Cell, kind: string): string {
  if (cell === undefined) return `<td${kind}>–</td>`;
  if (typeof cell === "number") return `<td${kind}>${cell.toLocaleString("en")}</td>`;
  if (typeof cell === "string" || "zh" in cell) return `<td${kind}>${words(cell)}</td>`;
  if ("share" in cell) {
    // The longest bar leaves room for what stands beside it.
    const width = (60 * Math.min(1, Math.max(0, cell.share))).toFixed(1);
    return `<td class="bar"><i style="width:${width}%"></i>${words(cell.label)}</td>`;
  }
  return `<td${kind}>${shown(cell.value, cell.unit)}<br><span class="soft">${shown(cell.low, cell.unit).replace(" %", "")} – ${shown(cell.high, cell.unit)}</span></td>`;
}

/** A value as it is written everywhere: a share as per cent. */
export const shown = (value: number, unit: Figure["unit"]): string =>
  unit === "share" ? `${(100 * value).toFixed(1)} %` : value.toFixed(3);
