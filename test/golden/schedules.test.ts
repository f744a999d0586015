/**
 * Learning-rate schedules against the values PyTorch and Hugging Face transformers gave, recorded in
 * shared/golden/lr-schedules.json beside the program that made them. The comparison itself is tools/golden/schedules.ts.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readSchedules, scheduleConfigs, scheduleError } from "../../tools/golden/schedules.ts";

const path = fileURLToPath(new URL("../../../shared/golden/lr-schedules.json", import.meta.url));
const isThere = existsSync(path);
const golden = isThere ? readSchedules(path) : {};

describe.skipIf(!isThere)("schedules equal PyTorch and transformers (skipped without shared/golden)", () => {
  test("every recorded schedule is compared", () => {
    expect(Object.keys(scheduleConfigs).sort()).toEqual(Object.keys(golden).sort());
  });

  test.each(Object.entries(scheduleConfigs))("%s", (name, config) => {
    const expected = golden[name]!;
    expect(expected.length).toBe(60);
    expect(scheduleError(config, expected)).toBeLessThan(1e-9);
  });
});
