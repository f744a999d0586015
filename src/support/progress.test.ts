import { expect, it } from "vitest";
import { Progress, type ProgressOptions } from "./progress.ts";

function fake(options: ProgressOptions & { isTTY: boolean; columns?: number }) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const { isTTY, columns = 120, ...rest } = options;
  const stream = { write: (text: string) => written.push(text), isTTY, columns };
  return { written, clock, progress: new Progress({ ...rest, stream, now: () => clock.ms }) };
}

it("redraws one line on a terminal with bar, rate, time left and fields", () => {
  const { written, clock, progress } = fake({ isTTY: true, label: "train", total: 200, unit: "step" });
  clock.ms = 10_000;
  progress.update(50, { loss: 2.34567, lr: 3e-4 });
  expect(written).toEqual([
    "\r\x1b[2Ktrain [######..................] 25% 50/200 5 step/s ETA 30 s loss 2.346 lr 0.0003",
  ]);
  clock.ms = 10_050; // too soon to draw again
  progress.update(51);
  expect(written).toHaveLength(1);
  clock.ms = 40_000;
  progress.update(200, { loss: 1 });
  clock.ms = 50_000;
  progress.finish();
  expect(written.slice(-2)).toEqual([
    "\r\x1b[2Ktrain [########################] 100% 200/200 4 step/s in 50 s loss 1",
    "\n",
  ]);
});

it("writes a plain line at every interval elsewhere, and a last one", () => {
  const { written, clock, progress } = fake({ isTTY: false, total: 100, plainSeconds: 5 });
  for (let i = 1; i <= 100; i++) {
    clock.ms = i * 120;
    progress.advance();
  }
  progress.finish();
  expect(written).toHaveLength(3); // 5.04 s, 10.08 s, end
  expect(written.every((line) => line.endsWith("\n") && !line.includes("\r") && !line.includes("\x1b"))).toBe(true);
  expect(written[0]).toContain("42/100 8.333 it/s ETA 7 s");
  expect(written[2]).toContain("100/100 8.333 it/s in 12 s");
});

it("follows a change of speed", () => {
  const { written, clock, progress } = fake({ isTTY: true, total: 10_000 });
  for (let second = 1; second <= 60; second++) {
    clock.ms = second * 1000;
    progress.advance(second <= 20 ? 100 : 10);
  }
  const rate = Number(/([\d.]+) it\/s/.exec(written.at(-1)!)![1]);
  expect(rate).toBeGreaterThan(9.9);
  expect(rate).toBeLessThan(11);
});

it("counts without a total", () => {
  const { written, clock, progress } = fake({ isTTY: true, unit: "doc", label: "clean" });
  clock.ms = 2000;
  progress.update(3000);
  expect(written[0]).toBe("\r\x1b[2Kclean 3000 doc 1500 doc/s");
});

it("shows long times as hours and minutes", () => {
  const { written, clock, progress } = fake({ isTTY: true, total: 3724 });
  clock.ms = 1000;
  progress.update(1);
  expect(written[0]).toContain("ETA 1:02:03");
});

it("stays within the terminal, counting Chinese characters twice", () => {
  const { written, clock, progress } = fake({ isTTY: true, columns: 11, label: "训练模型训练模型" });
  clock.ms = 1000;
  progress.update(1);
  expect(written[0]).toBe("\r\x1b[2K训练模型训"); // 10 columns: the last one stays free
});

it("prints a log line above the bar", () => {
  const { written, clock, progress } = fake({ isTTY: true, label: "a" });
  progress.log("before");
  clock.ms = 1000;
  progress.update(1);
  progress.log("after");
  expect(written[0]).toBe("before\n");
  expect(written[2]).toBe("\r\x1b[2Kafter\n");
  expect(written[3]).toContain("a 1 it");
});

it("is silent when asked, and after it has finished", () => {
  const silent = fake({ isTTY: true, silent: true, total: 2 });
  silent.progress.update(1);
  silent.progress.log("x");
  silent.progress.finish();
  expect(silent.written).toEqual([]);
  const finished = fake({ isTTY: false });
  finished.clock.ms = 1;
  finished.progress.finish();
  finished.progress.update(9);
  finished.progress.finish();
  expect(finished.written).toHaveLength(1);
});
