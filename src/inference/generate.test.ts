/** Answers as text, over a fake model that recites. */
import { describe, expect, test } from "vitest";
import { byteTokenizer, endId } from "./byte-tokenizer.fixture.ts";
import { type FakeSession, fakeSession } from "./fake-session.fixture.ts";
import { type GenerationOptions, type Generator, generateAnswers, type StreamPart, streamAnswer } from "./generate.ts";

const vocabulary = 260;

/** A model that answers "PROMPT" with what the table says, byte by byte, and then ends. */
function reciting(table: Readonly<Record<string, string>>) {
  const sessions: (FakeSession & { disposed: boolean })[] = [];
  const logits = (text: readonly number[]): number[] => {
    const scores = Array.from({ length: vocabulary }, () => 0);
    scores[258] = 20; // no token of the tokenizer: must never come
    const all = byteTokenizer.decode(text);
    const prompt = Object.keys(table).find((key) => all.startsWith(key))!;
    const said = text.length - byteTokenizer.encode(prompt).length;
    scores[[...byteTokenizer.encode(table[prompt]!), endId][said] ?? endId] = 10;
    return scores;
  };
  const generator: Generator = {
    session({ rows }) {
      const spy = Object.assign(Object.create(fakeSession({ rows, vocabulary, limit: 200, logits })), {
        disposed: false,
        dispose: async () => {
          spy.disposed = true;
        },
      });
      sessions.push(spy);
      return spy;
    },
    tokenizer: byteTokenizer,
    vocabulary,
    limit: 200,
    endIds: [endId],
    padId: undefined,
    unusedIds: [257, 258, 259],
  };
  return { generator, sessions };
}

const story = { "A:": "你好, 世界! END of it", "Bb:": "ok 😀." };
const ask = (prompts: string[], options: GenerationOptions = {}) =>
  generateAnswers(
    reciting(story).generator,
    prompts.map((prompt) => byteTokenizer.encode(prompt)),
    options,
  );

async function listen(prompt: string, options: GenerationOptions = {}) {
  const { generator, sessions } = reciting(story);
  const parts: StreamPart[] = [];
  for await (const part of streamAnswer(generator, byteTokenizer.encode(prompt), options)) parts.push(part);
  return { parts, text: parts.map(({ text }) => text).join(""), sessions };
}

describe("whole answers", () => {
  test("a batch of texts", async () => {
    const [first, second] = await ask(["A:", "Bb:"]);
    expect(first).toMatchObject({ text: story["A:"], finish: "stop" });
    expect(second).toMatchObject({ text: story["Bb:"], finish: "stop" });
    expect(first!.ids.at(-1)).toBe(endId);
    expect(first!.stoppedBy).toBeUndefined();
  });
  test("stop strings cut the text, each row for itself", async () => {
    const [first, second] = await ask(["A:", "Bb:"], { stop: ["END", "没有"] });
    expect(first).toMatchObject({ text: "你好, 世界! ", finish: "stop", stoppedBy: "END" });
    expect(second).toMatchObject({ text: story["Bb:"] });
    expect((await ask(["A:"], { stop: "世" }))[0]).toMatchObject({ text: "你好, ", stoppedBy: "世" });
  });
  test("a stop string that only begins is part of the text", async () =>
    expect((await ask(["Bb:"], { stop: "😀.." }))[0]).toMatchObject({ text: "ok 😀.", finish: "stop" }));
  test("length, and what was open then", async () => {
    const [answer] = await ask(["Bb:"], { maxNewTokens: 5, stop: "xyz" });
    expect(answer).toMatchObject({ finish: "length" });
    expect(answer!.text).toBe("ok \ufffd"); // the emoji is not complete
  });
  test("with guesses the same", async () =>
    expect(await ask(["A:"], { promptLookup: true })).toEqual(await ask(["A:"])));
  test("log-probabilities", async () => {
    const [answer] = await ask(["Bb:"], { logProbabilities: 2, maxNewTokens: 2 });
    expect(answer!.logProbabilities!.map(({ id }) => id)).toEqual(answer!.ids);
    expect(answer!.logProbabilities![0]!.alternatives.map(({ id }) => id)).toEqual([258, "o".charCodeAt(0)]);
  });
  test("beams", async () => {
    const { generator } = reciting(story);
    const prompts = [byteTokenizer.encode("Bb:")];
    const [answer] = await generateAnswers(generator, prompts, { beams: 2, maxNewTokens: 20 });
    expect(answer).toMatchObject({ text: story["Bb:"], finish: "stop" });
    expect(answer!.score).toBeLessThan(0);
    const mixed = generateAnswers(generator, prompts, { beams: 2, temperature: 1 });
    await expect(mixed).rejects.toThrow(/temperature together with beams/);
  });
});

describe("streams", () => {
  test("give whole characters, and the same text", async () => {
    const { parts, text, sessions } = await listen("A:");
    expect(text).toBe(story["A:"]);
    for (const part of parts) expect(part.text).not.toContain("\ufffd");
    expect(parts.map(({ finish }) => finish).filter(Boolean)).toEqual(["stop"]);
    expect(parts.at(-1)).toMatchObject({ id: endId, finish: "stop" });
    expect(sessions[0]!.disposed).toBe(true);
  });
  test("never show part of a stop string", async () => {
    const { parts, text } = await listen("A:", { stop: "END" });
    expect(text).toBe("你好, 世界! ");
    expect(parts.at(-1)).toMatchObject({ finish: "stop", stoppedBy: "END" });
  });
  test("free their session when the reader leaves", async () => {
    const { generator, sessions } = reciting(story);
    for await (const _ of streamAnswer(generator, byteTokenizer.encode("A:"), {})) break;
    expect(sessions[0]!.disposed).toBe(true);
  });
  test("free their session when cancelled", async () => {
    const { generator, sessions } = reciting(story);
    const signal = AbortSignal.abort(new Error("gone"));
    const listening = async () => {
      for await (const _ of streamAnswer(generator, [65, 58], { signal }));
    };
    await expect(listening()).rejects.toThrow("gone");
    expect(sessions[0]!.disposed).toBe(true);
  });
});

test("without a tokenizer: ids, no text, and no stop strings", async () => {
  const generator = { ...reciting(story).generator, tokenizer: undefined };
  const [answer] = await generateAnswers(generator, [[65, 58]], { maxNewTokens: 3 });
  expect(answer).toMatchObject({ text: undefined, finish: "length" });
  await expect(generateAnswers(generator, [[65, 58]], { stop: "x" })).rejects.toMatchObject({ code: "NO_TOKENIZER" });
});
