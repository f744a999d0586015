import { expect, it } from "vitest";
import { both, reportPage } from "./report.ts";

const figure = {
  name: "form",
  title: "",
  titleZh: "",
  value: 0.5,
  low: 0.4,
  high: 0.625,
  unit: "share",
  items: 8,
} as const;

const page = reportPage(both("Report", "报告"), [
  {
    title: both("Figures", "成绩"),
    text: [both("a < b", "甲 < 乙")],
    commands: ["npx congling data clean a.jsonl"],
    tables: [
      {
        head: ["", both("form", "体裁")],
        rows: [
          ["model", figure],
          [both("none", "无"), undefined],
          [59902, { share: 0.25, label: "25 %" }],
        ],
        wordsFrom: 1,
      },
    ],
  },
  {
    title: both("Curves", "曲线"),
    curves: [
      { title: both("loss", "损失"), y: "nats 纳特", x: [1, 2], series: [{ label: "</script>", values: [2, null] }] },
    ],
  },
  { title: both("Chats", "对话"), samples: [{ question: "写<诗>", answer: "白日依山尽\n黄河入海流" }] },
]);

it("shows every text in both languages, of which one is seen", () => {
  expect(page).toContain('<h2><span lang="zh">成绩</span><span lang="en">Figures</span></h2>');
  expect(page).toContain('<p><span lang="zh">甲 &lt; 乙</span><span lang="en">a &lt; b</span></p>');
  expect(page).toMatch(/body\.zh \[lang=en\], body\.en \[lang=zh\] \{ display: none \}/);
  expect(page).toContain('<body class="zh">');
});

it("writes figures with their interval, bars, and dashes for what was not measured", () => {
  expect(page).toContain('<td class="words">50.0 %<br><span class="soft">40.0 – 62.5 %</span></td>');
  expect(page).toContain('<td>59,902</td><td class="bar"><i style="width:15.0%"></i>25 %</td>');
  expect(page).toContain('<td><span lang="zh">无</span><span lang="en">none</span></td><td class="words">–</td>');
});

it("names both axes of a curve and the unit of its values", () => {
  expect(page).toContain('"y":"nats 纳特"');
  expect(page).toContain('axes: [axis("step 步"), { ...axis(curve.y)');
});

it("needs nothing beside it, and text cannot end its scripts", () => {
  expect(page).toContain("uPlot");
  expect(page).not.toMatch(/(?:src|href)="|url\(|@import/);
  expect(page).toContain("\\u003c/script>");
  expect(page.match(/<\/script>/g)?.length).toBe(2);
  expect(page).toContain("写&lt;诗&gt;");
  expect(page).toContain("$ npx congling data clean a.jsonl");
});
