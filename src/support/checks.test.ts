import { expect, it } from "vitest";
import { checkDivides, checkInteger, checkLength, checkOneOf, checkRange } from "./checks.ts";
import { CongError } from "./errors.ts";

it("accepts good values", () => {
  checkInteger("f", { a: 0, b: -3, c: Number.MAX_SAFE_INTEGER });
  checkInteger("f", { a: 1, b: 4 }, { min: 1, max: 4 });
  checkRange("f", { dropout: 0, other: 0.5, last: 1 }, { min: 0, max: 1 });
  checkDivides("f", { heads: 8 }, { hidden: 512, projection: 0 });
  checkOneOf("f", { device: "cpu" }, ["cpu", "gpu"]);
  checkLength("f", { labels: new Int32Array(3), ids: [1, 2, 3] }, 3);
});

it.each([1.5, Number.NaN, Infinity, "8", 8n, undefined, null, 2 ** 53])("refuses %s as an integer", (value) => {
  expect(() => checkInteger("glmConfig", { layers: value })).toThrow(CongError);
});

it("names function, value and bounds", () => {
  expect(() => checkInteger("glmConfig", { layers: 2, heads: 0 }, { min: 1 })).toThrow(
    /glmConfig: heads is 0\n.*heads must be an integer of at least 1/,
  );
  expect(() => checkRange("sample", { topP: 1.2 }, { min: 0, max: 1 })).toThrow(/topP must be .* from 0 to 1/);
  expect(() => checkRange("sample", { topP: Number.NaN })).toThrow(/topP is NaN/);
  expect(() => checkOneOf("open", { device: "tpu" }, ["cpu", "gpu"])).toThrow(/device is "tpu"\n.*"cpu", "gpu"/);
  expect(() => checkLength("loss", { labels: [1] }, 3)).toThrow(/labels has 1 elements, wanted 3/);
});

it("offers the nearest multiples", () => {
  expect(() => checkDivides("attention", { heads: 12 }, { hidden: 100 })).toThrow(
    /hidden \(100\) must be a multiple of heads \(12\)\n.*96 and 108/,
  );
  expect(() => checkDivides("attention", { heads: 0 }, { hidden: 100 })).toThrow(/heads must be an integer/);
});
