import { expect, it } from "vitest";
import { CongError } from "./errors.ts";
import { closest, pick } from "./suggest.ts";

const optimizers = { sgd: 1, adamw: 2, adafactor: 3, muon: 4 };

it.each([
  ["adamv", "adamw"],
  ["AdamW", "adamw"],
  ["adamwx", "adamw"],
  ["mu-on", "muon"],
  ["moun", "muon"], // swapped neighbours
  ["adafctor", "adafactor"],
])("%s is near %s", (typed, meant) => expect(closest(typed, Object.keys(optimizers))).toBe(meant));

it("suggests nothing when nothing is near", () => {
  expect(closest("lion-king", Object.keys(optimizers))).toBeUndefined();
  expect(closest("x", ["ab"])).toBeUndefined();
  expect(closest("anything", [])).toBeUndefined();
});

it("prefers the nearest of several", () => {
  expect(closest("glm-4-9b-chta", ["glm-4-9b", "glm-4-9b-chat", "glm-4-9b-chat-1m"])).toBe("glm-4-9b-chat");
});

it("picks an own entry, even a falsy one", () => {
  expect(pick("optimizer", optimizers, "muon")).toBe(4);
  expect(pick("flag", { off: 0 }, "off")).toBe(0);
});

it("names the kind, the name, the suggestion and what is known", () => {
  const error = catchError(() => pick("optimizer", optimizers, "adamv"));
  expect(CongError.is(error) && error.code).toBe("UNKNOWN_NAME");
  expect(String(error)).toMatch(/unknown optimizer "adamv"\n.*did you mean "adamw"\? known: sgd, adamw/);
});

it("does not find what an object inherits", () => {
  expect(() => pick("optimizer", optimizers, "toString")).toThrow(CongError);
  expect(() => pick("optimizer", optimizers, "__proto__")).toThrow(CongError);
});

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
