/**
 * Line and bar charts as SVG, for pages that are read where no program runs (the report's uPlot draws in browsers only).
 * Panels stand in a grid. Colours and text follow the reader's light or dark mode.
 */

export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn in grey behind the others, as something to compare with. */
  readonly isBackground?: boolean;
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Written behind the bar; default the value. */
  readonly note?: string;
}

export interface LinePanel {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Default: what the lines need. */
  readonly yRange?: readonly [low: number, high: number];
  /** Powers of ten on the y axis. */
  readonly isLogarithmic?: boolean;
  readonly xLabel?: string;
}

export interface BarPanel {
  readonly title: string;
  readonly bars: readonly Bar[];
  /** Where bars begin; default 0. */
  readonly from?: number;
}

export type Panel = LinePanel | BarPanel;

const colours = ["#2f81c4", "#d1495b", "#3f9d6b", "#c98a1b", "#8a63c9", "#1a9ba8", "#b0608f"];
const [panelWidth, panelHeight, gap] = [300, 210, 16];
const [left, right, top, bottom] = [44, 8, 40, 30];

const style = `
text { font: 11px system-ui, "Noto Sans CJK SC", "PingFang SC", sans-serif; fill: #24292f }
.title { font-size: 12.5px; font-weight: 600 } .axis { stroke: #8b949e; stroke-width: 1 } .grid { stroke: #8b949e; stroke-opacity: .25 }
.soft { fill: #6e7781 } .line { fill: none; stroke-width: 1.8; stroke-linejoin: round } .back { stroke: #8b949e; stroke-opacity: .7; stroke-width: 1.2 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .soft { fill: #9da7b1 } }`;

const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);
const round = (x: number): string => String(Number(x.toFixed(1)));
const text = (x: number, y: number, words: string, attributes = ""): string =>
  `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escapeXml(words)}</text>`;

/** The whole picture: panels in rows of `columns`. */
export function chart(title: string, panels: readonly Panel[], columns: number): string {
  const [width, rows] = [columns * (panelWidth + gap) + gap, Math.ceil(panels.length / columns)];
  const height = rows * (panelHeight + gap) + gap;
  const drawn = panels.map((panel, i) => {
    const [x, y] = [gap + (i % columns) * (panelWidth + gap), gap + Math.floor(i / columns) * (panelHeight + gap)];
    const inner = "bars" in panel ? drawBars(panel) : drawLines(panel);
    return `<g transform="translate(${x} ${y})">${text(0, 12, panel.title, 'class="title"')}${inner}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img">
<title>${escapeXml(title)}</title><style>${style}</style>
${drawn.join("\n")}
</svg>
`;
}

function drawLines({ lines, yRange, isLogarithmic = false, xLabel }: LinePanel): string {
  const scale = isLogarithmic ? Math.log10 : (y: number) => y;
  // A logarithm has no place for 0: such points are left out.
  const kept = lines.map(({ points, ...rest }) => ({
    ...rest,
    points: points.filter(([, y]) => Number.isFinite(scale(y))).map(([x, y]) => [x, scale(y)] as const),
  }));
  const xs = kept.flatMap(({ points }) => points.map(([x]) => x));
  const ys = kept.flatMap(({ points }) => points.map(([, y]) => y));
  const [low, high] = yRange?.map(scale) ?? [Math.min(...ys), Math.max(...ys)];
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const place = (x: number) => left + ((x - first) / (last - first || 1)) * (panelWidth - left - right);
  const height = (y: number) => {
    const share = (y - low!) / (high! - low! || 1);
    return panelHeight - bottom - Math.min(1, Math.max(0, share)) * (panelHeight - bottom - top);
  };
  const ticks = ticksBetween(low!, high!, isLogarithmic).map((y) => {
    const label = isLogarithmic ? powerOfTen(y) : String(Number(y.toPrecision(6)));
    return `<path class="grid" d="M${left} ${round(height(y))}H${panelWidth - right}"/>${text(left - 5, height(y) + 4, label, 'class="soft" text-anchor="end"')}`;
  });
  const xTicks = ticksBetween(first, last, false).map((x) =>
    text(place(x), panelHeight - bottom + 14, String(x), 'class="soft" text-anchor="middle"'),
  );
  let next = 0;
  let legend = left;
  const drawn = kept.map(({ label, points, isBackground = false }) => {
    const colour = isBackground ? "" : `stroke="${colours[next++ % colours.length]!}"`;
    const path = points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${round(place(x))} ${round(height(y))}`).join("");
    const line = `<path class="line${isBackground ? " back" : ""}" ${colour} d="${path}"/>`;
    const key = `<path class="line${isBackground ? " back" : ""}" ${colour} d="M${round(legend)} 26h12"/>${text(legend + 15, 30, label)}`;
    legend += 24 + 11 * [...label].reduce((sum, letter) => sum + (letter > "\u2e80" ? 1 : 0.56), 0);
    return line + (label === "" ? "" : key);
  });
  const axes = `<path class="axis" d="M${left} ${panelHeight - bottom}H${panelWidth - right}"/>`;
  const under =
    xLabel === undefined ? "" : text(panelWidth - right, panelHeight - 3, xLabel, 'class="soft" text-anchor="end"');
  return [...ticks, ...xTicks, axes, ...drawn, under].join("");
}

function drawBars({ bars, from = 0 }: BarPanel): string {
  const most = Math.max(...bars.map(({ value }) => value));
  const [start, end] = [112, panelWidth - 80];
  const step = Math.min(24, (panelHeight - 26) / bars.length);
  return bars
    .map(({ label, value, note = String(value) }, i) => {
      const [y, width] = [24 + i * step, Math.max(0, ((value - from) / (most - from || 1)) * (end - start))];
      const bar = `<rect x="${start}" y="${round(y)}" width="${round(width)}" height="${round(step * 0.68)}" rx="2" fill="${colours[0]!}"/>`;
      const middle = y + step * 0.34 + 4;
      return (
        bar +
        text(start - 6, middle, label, 'text-anchor="end"') +
        text(start + width + 5, middle, note, 'class="soft"')
      );
    })
    .join("");
}

/** About four round numbers from `low` to `high`; whole ones (powers of ten) on logarithmic axes. */
function ticksBetween(low: number, high: number, isLogarithmic: boolean): number[] {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = isLogarithmic
    ? Math.max(1, Math.round(rough))
    : power * ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10);
  const ticks: number[] = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++)
    ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
}

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const powerOfTen = (power: number): string =>
  `10${[...String(power)].map((digit) => (digit === "-" ? "⁻" : superscripts[Number(digit)]!)).join("")}`;
