import { describe, expect, test } from "vitest";
import { createRandom } from "../support/random.ts";
import { createStopMatcher } from "./stop-strings.ts";

function feed(stops: string[], pieces: string[]) {
  const matcher = createStopMatcher(stops);
  const shown = pieces.map((piece) => matcher.push(piece));
  return { shown, rest: matcher.finish(), found: matcher.found };
}

describe("stop strings", () => {
  test("are found across pieces and never shown in part", () =>
    expect(feed(["END", "\n\n"], ["ab", "E", "N", "Dx"])).toEqual({
      shown: ["ab", "", "", ""],
      rest: "",
      found: "END",
    }));
  test("text held back comes when it was none", () =>
    expect(feed(["END"], ["aE", "N", "N"])).toEqual({ shown: ["a", "", "ENN"], rest: "", found: undefined }));
  test("text held back comes at the end", () =>
    expect(feed(["END"], ["aEN"])).toMatchObject({ shown: ["a"], rest: "EN" }));
  test("the first to be complete wins", () =>
    expect(feed(["cd", "bc"], ["abcd"])).toMatchObject({ shown: ["a"], found: "bc" }));
  test("without stop strings nothing is held", () => expect(feed([], ["a", "b"]).shown).toEqual(["a", "b"]));
  test("an empty one is refused", () => expect(() => createStopMatcher(["a", ""])).toThrow(/empty/));

  test("however the text is cut, the result is that of searching the whole", () => {
    const random = createRandom(2);
    for (let round = 0; round < 2000; round++) {
      const letters = (count: number) => Array.from({ length: count }, () => "ab好"[random.integer(3)]!).join("");
      const stops = Array.from({ length: 1 + random.integer(3) }, () => letters(1 + random.integer(4)));
      const text = letters(random.integer(20));
      const pieces: string[] = [];
      for (let at = 0; at < text.length; ) {
        const size = 1 + random.integer(4);
        pieces.push(text.slice(at, at + size));
        at += size;
      }
      const ends = Array.from({ length: text.length + 1 }, (_, end) =>
        stops.filter((stop) => text.slice(0, end).endsWith(stop)).map((stop) => end - stop.length),
      );
      const places = ends.find((starts) => starts.length > 0) ?? []; // where those begin that end first
      const { shown, rest, found } = feed(stops, pieces);
      expect(shown.join("") + rest).toBe(places.length === 0 ? text : text.slice(0, Math.min(...places)));
      expect(found === undefined).toBe(places.length === 0);
    }
  });
});
