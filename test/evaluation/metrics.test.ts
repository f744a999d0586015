/** Every entry of the recorded scores: sacreBLEU's BLEU, chrF and TER, scikit-learn's classification scores. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { checkMetrics } from "../../tools/golden/metrics.ts";
import { isWithin } from "../../tools/golden/quantity.ts";
import { pathOf } from "../nn/golden-files.fixture.ts";

const file = pathOf("metrics.json");

test.skipIf(!existsSync(file))("recorded scores within 1e-9", () => {
  const quantities = [...checkMetrics(file)];
  expect(quantities.length).toBeGreaterThan(40);
  expect(quantities.filter((quantity) => !isWithin(quantity))).toEqual([]);
});
