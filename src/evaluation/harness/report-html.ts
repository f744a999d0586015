/** An evaluation as one HTML page that needs nothing beside it: figures with intervals as bars, groups, samples; Chinese and English. */
import type { Evaluation, TaskReport } from "./evaluate.ts";
import { shown } from "./report-table.ts";
import type { Figure } from "./summary.ts";

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** Both languages; a switch hides one. */
const both = (en: string, zh: string): string =>
  `<span lang="en">${escaped(en)}</span><span lang="zh">${escaped(zh)}</span>`;

const style = `
:root { color-scheme: light dark; --ink: #1d2330; --soft: #667085; --line: #d9dee7; --bar: #3b6fd4; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #9aa4b5; --line: #363d4a; --bar: #7aa2f0; --paper: #14171d; } }
body { font: 15px/1.55 system-ui, "PingFang SC", "Noto Sans CJK SC", sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .3rem; } .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; } th, td { text-align: left; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } svg { display: block; width: 100%; height: 26px; min-width: 12rem; } td:first-child { min-width: 7rem; }
@media (max-width: 40rem) { tr { display: flex; flex-wrap: wrap; border-bottom: 1px solid var(--line); } td { border: 0; } td:first-child { flex: 1; } td:has(svg) { flex: 1 0 100%; } }
.chance { color: #a15c00; } pre { white-space: pre-wrap; margin: .2rem 0 .8rem; padding: .5rem .8rem; border-left: 3px solid var(--line); font: inherit; }
body.zh [lang=en], body.en [lang=zh] { display: none; } button { font: inherit; float: right; }`;

export function reportHtml(evaluation: Evaluation): string {
  const { name, family, dtype, seed, date, tasks } = evaluation;
  return `<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(name)}</title><style>${style}</style></head>
<body class="zh"><button onclick="document.body.classList.toggle('zh');document.body.classList.toggle('en')">中文 / English</button>
<h1>${both("Evaluation", "评测报告")}</h1>
<p class="soft">${escaped(name)} · ${escaped(family)} · ${escaped(dtype)} · ${both(`seed ${seed}`, `种子 ${seed}`)} · ${escaped(date)}</p>
${tasks.map(section).join("\n")}
<p class="soft">${both(
    "Intervals: 95 % by bootstrap over items, by Wilson's formula where all came out alike; the line through a bar. Dashed: guessing. Dotted: texts that people wrote.",
    "区间：按题目自助抽样的 95% 区间（各题结果相同时用 Wilson 公式），即条形上的横线。虚线：乱猜。点线：人写的原文。",
  )}</p>
</body></html>
`;
}

function section(task: TaskReport): string {
  const { title, titleZh, note, noteZh, items, shots, seconds, figures, groups, samples, warnings } = task;
  const facts = both(
    `${items} items${shots > 0 ? `, ${shots} shots` : ""}, ${seconds.toFixed(1)} s`,
    `${items} 题${shots > 0 ? `，${shots} 个示例` : ""}，${seconds.toFixed(1)} 秒`,
  );
  return `<h2>${both(title, titleZh)}</h2>
<p class="soft">${facts}${note === undefined ? "" : `<br>${both(note, noteZh ?? note)}`}</p>
<table>${figures.map(figureRow).join("")}</table>
${figures
  .filter(({ onChance }) => onChance === true)
  .map(chanceLine)
  .join("")}
${warnings.map((warning) => `<p class="chance">${escaped(warning)}</p>`).join("")}
${groups.length === 0 ? "" : groupTable(groups)}
${samples.length === 0 ? "" : sampleList(samples)}`;
}

function figureRow(figure: Figure): string {
  const { title, titleZh, value, low, high, unit } = figure;
  const range = `${shown(low, unit)} – ${shown(high, unit)}`;
  return `<tr><td>${both(title, titleZh)}</td><td class="number"><b>${shown(value, unit)}</b></td><td class="number soft">${range}</td><td>${unit === "share" ? bar(figure) : ""}</td></tr>`;
}

/** The value as a bar from 0 to 1, its interval as a line, chance dashed, people's texts dotted. */
function bar({ value, low, high, chance, reference, unit }: Figure): string {
  const x = (share: number): string => (2 + 396 * Math.min(1, Math.max(0, share))).toFixed(1);
  const mark = (share: number, dash: string, label: string): string =>
    `<line x1="${x(share)}" x2="${x(share)}" y1="1" y2="25" stroke="var(--ink)" stroke-dasharray="${dash}"><title>${label} ${shown(share, unit)}</title></line>`;
  return `<svg viewBox="0 0 400 26" preserveAspectRatio="none" role="img" aria-label="${shown(value, unit)}">
<rect x="2" y="7" width="396" height="12" fill="var(--line)"/><rect x="2" y="7" width="${(396 * value).toFixed(1)}" height="12" fill="var(--bar)"/>
<line x1="${x(low)}" x2="${x(high)}" y1="13" y2="13" stroke="var(--ink)" stroke-width="2"/>
${chance === undefined ? "" : mark(chance, "4 3", "chance 乱猜")}${reference === undefined ? "" : mark(reference, "1 3", "people 人写的")}</svg>`;
}

const chanceLine = ({ title, titleZh, value, chance, unit }: Figure): string =>
  `<p class="chance">${both(
    `${title}: ${shown(value, unit)} does not differ from guessing (${shown(chance!, unit)}).`,
    `${titleZh}：${shown(value, unit)}，与乱猜（${shown(chance!, unit)}）没有差别。`,
  )}</p>`;

const groupTable = (groups: TaskReport["groups"]): string =>
  `<details><summary>${both(`${groups.length} subjects`, `${groups.length} 个科目`)}</summary><table>${groups
    .map(
      ({ group, items, value }) =>
        `<tr><td>${escaped(group)}</td><td class="number">${shown(value, "share")}</td><td class="number soft">${items}</td></tr>`,
    )
    .join("")}</table></details>`;

const sampleList = (samples: TaskReport["samples"]): string =>
  `<details open><summary>${both("What the model wrote", "模型的输出")}</summary>${samples
    .map(({ prompt, output }) => `<div class="soft">${escaped(prompt)}</div><pre>${escaped(output)}</pre>`)
    .join("")}</details>`;
