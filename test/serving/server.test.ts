/** The server over a real socket: with `fetch`, and with the client that OpenAI publishes. */
import OpenAI from "openai";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type AppOptions, createApp, listen, type RunningServer } from "../../src/serving/index.ts";
import { type RecitingOptions, recitingModel } from "./reciting-model.fixture.ts";

const running: RunningServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

/** The last thing the user said. */
const question = (prompt: string): string => prompt.split("<|user|>\n").at(-1)!.split("<|assistant|>")[0]!;
const echo = (prompt: string): string => `你说“${question(prompt)}”。`;

async function start(reciting: Partial<RecitingOptions> = {}, options: Partial<AppOptions> = {}) {
  const model = recitingModel({ say: echo, ...reciting });
  const failures: unknown[] = [];
  const app = createApp(model, { name: "tiny", onFailure: (error) => failures.push(error), ...options });
  const server = await listen(app, { port: 0 });
  running.push(server);
  const { url } = server;
  const post = (path: string, body: unknown, init: RequestInit = {}) =>
    fetch(`${url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...init,
    });
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
  return { model, url, post, client, failures };
}

const hello = [{ role: "user" as const, content: "你好" }];
const weather = {
  type: "function" as const,
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

describe("chat completions with the openai client", () => {
  test("an answer at once, with usage", async () => {
    const { client, model } = await start();
    const answer = await client.chat.completions.create({ model: "tiny", messages: hello, temperature: 0 });
    expect(answer).toMatchObject({ object: "chat.completion", model: "tiny" });
    expect(answer.choices).toEqual([
      {
        index: 0,
        message: { role: "assistant", content: "你说“你好”。", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ]);
    const bytes = Buffer.byteLength("你说“你好”。");
    expect(answer.usage).toMatchObject({ completion_tokens: bytes + 1 });
    expect(answer.usage!.total_tokens).toBe(answer.usage!.prompt_tokens + bytes + 1);
    expect(model.open()).toBe(0);
  });

  test("a stream whose pieces are whole characters and join to the same answer", async () => {
    const { client } = await start();
    const stream = await client.chat.completions.create({
      model: "tiny",
      messages: hello,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const texts = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content ?? ""));
    expect(texts.join("")).toBe("你说“你好”。");
    expect(texts.join("|")).not.toContain("�");
    expect(texts.filter((text) => text !== "").length).toBeGreaterThan(3);
    expect(chunks[0]!.choices[0]!.delta.role).toBe("assistant");
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe("stop");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 22 } });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  test("tool calls, and the tool's answer going back", async () => {
    const call = "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>北京</arg_value>\n</tool_call>";
    const say = (prompt: string) => (prompt.includes("<tool_response>") ? "北京晴。" : `我查一下。${call}`);
    const { client, model } = await start({ say });
    const asked = await client.chat.completions.create({ model: "tiny", messages: hello, tools: [weather] });
    const [choice] = asked.choices;
    expect(choice!.finish_reason).toBe("tool_calls");
    expect(choice!.message.content).toBe("我查一下。");
    const made = choice!.message.tool_calls![0]!;
    expect(made).toMatchObject({ type: "function", function: { name: "get_weather", arguments: '{"city": "北京"}' } });
    const final = await client.chat.completions.create({
      model: "tiny",
      tools: [weather],
      messages: [...hello, choice!.message, { role: "tool", tool_call_id: made.id, content: "晴 25°C" }],
    });
    expect(final.choices[0]!.message.content).toBe("北京晴。");
    expect(model.heard[1]).toContain("<tool_response>\n晴 25°C");

    const runner = client.chat.completions.stream({ model: "tiny", messages: hello, tools: [weather] });
    const streamed = await runner.finalChatCompletion();
    expect(streamed.choices[0]!.finish_reason).toBe("tool_calls");
    expect(streamed.choices[0]!.message.tool_calls![0]!.function.arguments).toBe('{"city": "北京"}');
    expect(streamed.choices[0]!.message.tool_calls![0]!.id).not.toBe(made.id);
  });

  test("tool_choice none keeps the tools from the model", async () => {
    const { client, model } = await start();
    await client.chat.completions.create({ model: "tiny", messages: hello, tools: [weather], tool_choice: "none" });
    expect(model.heard[0]).not.toContain("get_weather");
  });

  test("thoughts are told apart from the answer", async () => {
    const { post } = await start({ say: () => "<think>先想想</think>\n好的" });
    const answer = (await (await post("/v1/chat/completions", { messages: hello })).json()) as OpenAI.ChatCompletion;
    expect(answer.choices[0]!.message).toMatchObject({ reasoning_content: "先想想", content: "好的" });
  });

  test("stop, max_tokens, n, seed", async () => {
    const { client } = await start();
    const create = (more: object) =>
      client.chat.completions.create({ model: "tiny", messages: hello, ...more, stream: false });
    const stopped = await create({ stop: ["你好"] });
    expect(stopped.choices[0]).toMatchObject({ message: { content: "你说“" }, finish_reason: "stop" });
    const cut = await create({ max_completion_tokens: 6 });
    expect(cut.choices[0]).toMatchObject({ message: { content: "你说" }, finish_reason: "length" });
    expect(cut.usage!.completion_tokens).toBe(6);
    const three = await create({ n: 3, seed: 5 });
    expect(three.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    const hot = {
      n: 2,
      temperature: 2,
      max_tokens: 12,
      logit_bias: Object.fromEntries([...Array(90)].map((_, i) => [33 + i, 29])),
    };
    const [first, again, other] = [
      await create({ ...hot, seed: 5 }),
      await create({ ...hot, seed: 5 }),
      await create({ ...hot, seed: 6 }),
    ];
    expect(again.choices).toEqual(first.choices);
    expect(other.choices).not.toEqual(first.choices);
    expect(first.choices[0]!.message).not.toEqual(first.choices[1]!.message);
    const streamed = await client.chat.completions.create({
      model: "tiny",
      messages: hello,
      ...hot,
      seed: 5,
      stream: true,
    });
    const texts = ["", ""];
    for await (const { choices } of streamed)
      for (const { index, delta } of choices) texts[index] += delta.content ?? "";
    expect(texts.map((text) => text.trim())).toEqual(first.choices.map(({ message }) => message.content));
  });

  test("log-probabilities of every token, streamed or not", async () => {
    const { client } = await start();
    const body = { model: "tiny", messages: hello, logprobs: true, top_logprobs: 2 };
    const answer = await client.chat.completions.create(body);
    const content = answer.choices[0]!.logprobs!.content!;
    expect(Buffer.from(content.flatMap(({ bytes }) => bytes!)).toString()).toBe("你说“你好”。");
    expect(content[0]!.top_logprobs).toHaveLength(2);
    expect(content[0]!.logprob).toBeCloseTo(0, 6);
    const logs: OpenAI.ChatCompletionTokenLogprob[] = [];
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
      for (const { logprobs } of chunk.choices) logs.push(...(logprobs?.content ?? []));
    }
    expect(logs).toEqual(content);
  });
});

describe("text completions and models", () => {
  test("texts, lists, ids, logprobs, streams", async () => {
    const { client } = await start({ say: (prompt) => `${prompt}!` });
    const ask = async (prompt: string | string[] | number[]) =>
      (await client.completions.create({ model: "tiny", prompt, max_tokens: 9 })).choices.map(({ text }) => text);
    expect(await ask("春眠")).toEqual(["春眠!"]);
    expect(await ask(["a", "b"])).toEqual(["a!", "b!"]);
    expect(await ask([...Buffer.from("hi")])).toEqual(["hi!"]);
    const scored = await client.completions.create({ model: "tiny", prompt: "ab", logprobs: 1 });
    expect(scored.choices[0]!.logprobs).toMatchObject({ tokens: ["a", "b", "!"], text_offset: [0, 1, 2] });
    let text = "";
    const stream = await client.completions.create({ model: "tiny", prompt: "春眠", stream: true });
    for await (const { choices } of stream) text += choices[0]!.text;
    expect(text).toBe("春眠!");
  });

  test("models and health", async () => {
    const { client, url } = await start();
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(["tiny"]);
    expect((await client.models.retrieve("tiny")).id).toBe("tiny");
    await expect(client.models.retrieve("other")).rejects.toMatchObject({ status: 404, code: "model_not_found" });
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: "ok", model: "tiny", waiting: 0 });
  });
});

describe("refusals in OpenAI's shape", () => {
  const cases: [what: string, body: unknown, status: number, param: string | null, text: RegExp][] = [
    ["no JSON", "{", 400, null, /parse the JSON/],
    ["no object", "[]", 400, null, /expected object/],
    ["no messages", {}, 400, "messages", /expected array/],
    ["empty conversation", { messages: [] }, 400, "messages", />=1/],
    ["unknown key", { messages: hello, temprature: 1 }, 400, "temprature", /Unrecognized request argument/],
    ["role", { messages: [{ role: "wizard", content: "" }] }, 400, "messages.0.role", /user/],
    ["temperature", { messages: hello, temperature: 3 }, 400, "temperature", /<=2/],
    ["picture", { messages: [{ role: "user", content: [{ type: "image_url" }] }] }, 400, null, /image_url/],
    ["forced tool", { messages: hello, tools: [weather], tool_choice: "required" }, 400, "tool_choice", /auto/],
    ["JSON mode", { messages: hello, response_format: { type: "json_object" } }, 400, "response_format.type", /text/],
    ["top_logprobs alone", { messages: hello, top_logprobs: 2 }, 400, "top_logprobs", /logprobs/],
    ["model", { messages: hello, model: "gpt-4o" }, 404, "model", /does not exist/],
    ["bias of a token that is not", { messages: hello, logit_bias: { 99999: 1 } }, 400, null, /99999/],
  ];
  test.each(cases)("%s", async (_, body, status, param, text) => {
    const { post, failures, model } = await start();
    const response = await post("/v1/chat/completions", body);
    expect(response.status).toBe(status);
    const { error } = (await response.json()) as { error: object };
    expect(error).toEqual({
      message: expect.stringMatching(text),
      type: "invalid_request_error",
      param,
      code: expect.toSatisfy((code) => code === null || typeof code === "string"),
    });
    expect(failures).toEqual([]);
    expect(model.open()).toBe(0);
  });

  test("a prompt beyond the context, also when streamed", async () => {
    const { client } = await start({ limit: 60 });
    const long = [{ role: "user" as const, content: "长".repeat(50) }];
    for (const stream of [true, false]) {
      const ask = client.chat.completions.create({ model: "tiny", messages: long, stream });
      await expect(ask).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
    }
  });

  test("unknown paths, large bodies", async () => {
    const { post } = await start({}, { bodyLimit: 100 });
    expect((await post("/v1/nothing", {})).status).toBe(404);
    expect((await post("/v1/completions", { prompt: "x".repeat(200) })).status).toBe(413);
  });

  test("keys", async () => {
    const { url } = await start({}, { apiKeys: ["sk-one", "sk-two"] });
    const get = (authorization?: string) =>
      fetch(`${url}/v1/models`, authorization === undefined ? {} : { headers: { authorization } });
    expect((await get()).status).toBe(401);
    expect((await get("Bearer sk-on")).status).toBe(401);
    expect((await get("Basic sk-one")).status).toBe(401);
    expect((await get("Bearer sk-two")).status).toBe(200);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  test("a failure of the server is logged, and no stack leaves it", async () => {
    const say = () => {
      throw new Error("secret");
    };
    const { post, failures } = await start({ say });
    const response = await post("/v1/chat/completions", { messages: hello });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(failures).toHaveLength(1);
    // The turn was given back.
    expect((await post("/v1/chat/completions", { messages: hello })).status).toBe(500);
  });
});

describe("many clients", () => {
  test("answers of concurrent requests never mix, and are computed one after the other", async () => {
    const { client, model } = await start({ pause: 1 });
    const most = { sessions: 0 };
    const watch = setInterval(() => {
      most.sessions = Math.max(most.sessions, model.open());
    }, 1);
    const asked = Array.from({ length: 8 }, (_, i) => `第${i}问`);
    const answers = await Promise.all(
      asked.map(async (content, i) => {
        const messages = [{ role: "user" as const, content }];
        if (i % 2 === 0) {
          const { choices } = await client.chat.completions.create({ model: "tiny", messages });
          return choices[0]!.message.content;
        }
        let text = "";
        for await (const { choices } of await client.chat.completions.create({
          model: "tiny",
          messages,
          stream: true,
        })) {
          text += choices[0]!.delta.content ?? "";
        }
        return text;
      }),
    );
    clearInterval(watch);
    expect(answers).toEqual(asked.map((content) => `你说“${content}”。`));
    expect(most.sessions).toBe(1);
  });

  test("other routes answer while a model computes", async () => {
    const { url, post, model } = await start({ pause: 20, say: () => "x".repeat(40) });
    const order: string[] = [];
    const long = post("/v1/chat/completions", { messages: hello }).then(() => order.push("answer"));
    await vi.waitFor(() => expect(model.open()).toBe(1));
    expect((await fetch(`${url}/health`)).status).toBe(200);
    order.push("health");
    await long;
    expect(order).toEqual(["health", "answer"]);
  });

  test("a full queue refuses with 429", async () => {
    const { post } = await start({ pause: 10, say: () => "x".repeat(30) }, { queueLimit: 1 });
    const asked = Array.from({ length: 4 }, () => post("/v1/chat/completions", { messages: hello }));
    const statuses = (await Promise.all(asked)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 200, 429, 429]);
  });

  test.each([true, false])("a client that leaves ends its work (stream: %s)", async (stream) => {
    const { post, model, failures } = await start({ pause: 5, say: () => "x".repeat(1500) });
    const leaving = new AbortController();
    const response = post("/v1/chat/completions", { messages: hello, stream }, { signal: leaving.signal });
    if (stream) {
      const reader = (await response).body!.getReader();
      await reader.read();
    } else {
      response.catch(() => {});
      await vi.waitFor(() => expect(model.open()).toBe(1));
    }
    expect(model.open()).toBe(1);
    leaving.abort();
    await vi.waitFor(() => expect(model.open()).toBe(0), { timeout: 5000 });
    const computed = model.computed();
    expect(computed).toBeLessThan(1500);
    const next = await post("/v1/chat/completions", { messages: hello, max_tokens: 2 });
    expect(next.status).toBe(200);
    expect(model.computed()).toBeLessThanOrEqual(computed + 2);
    expect(failures).toEqual([]);
  });

  test("a client that leaves while it waits loses its place only", async () => {
    const { post, model, url } = await start({ pause: 10, say: () => "x".repeat(80) });
    const first = post("/v1/chat/completions", { messages: hello });
    await vi.waitFor(() => expect(model.open()).toBe(1));
    const waiting = async () => ((await (await fetch(`${url}/health`)).json()) as { waiting: number }).waiting;
    const leaving = new AbortController();
    const second = post("/v1/chat/completions", { messages: hello }, { signal: leaving.signal });
    second.catch(() => {});
    await vi.waitFor(async () => expect(await waiting()).toBe(1));
    const third = post("/v1/chat/completions", { messages: hello, max_tokens: 1 });
    await vi.waitFor(async () => expect(await waiting()).toBe(2));
    leaving.abort();
    await vi.waitFor(async () => expect(await waiting()).toBe(1));
    expect((await first).status).toBe(200);
    expect((await third).status).toBe(200);
    expect(model.heard).toHaveLength(2);
  });

  test("a taken port is an error that says so", async () => {
    const { url } = await start();
    const port = Number(new URL(url).port);
    const app = createApp(recitingModel({ say: echo }), { name: "tiny" });
    await expect(listen(app, { port })).rejects.toMatchObject({ code: "PORT_IN_USE" });
  });
});
