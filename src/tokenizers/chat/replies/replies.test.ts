/** Replies taken apart: tool calls of every generation, thoughts, broken calls, and the same while streaming. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../support/random.ts";
import { chatTemplates, type ParseReplyOptions, parsePythonCall, replyFromEvents, writePythonCall } from "../index.ts";

const calls = (name: keyof typeof chatTemplates, text: string, options?: ParseReplyOptions) => {
  const { message, problems } = chatTemplates[name].parseReply(text, options);
  return {
    content: message.content,
    calls: (message.tool_calls ?? []).map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments)]),
    problems: problems.map((problem) => problem.reason),
    ...(message.reasoning_content === undefined ? {} : { reasoning: message.reasoning_content }),
  };
};

describe("ChatGLM3", () => {
  test("text, a call, and both in a row", () => {
    expect(calls("chatglm3", "\n 你好\n再见 ")).toEqual({ content: "你好\n再见", calls: [], problems: [] });
    const call = "get_weather\n ```python\ntool_call(city='北京', days=3, tags=[\"a\", 'b'], deep=None, on=True)\n```";
    const expected = ["call_0", "get_weather", { city: "北京", days: 3, tags: ["a", "b"], deep: null, on: true }];
    expect(calls("chatglm3", call)).toEqual({ content: null, calls: [expected], problems: [] });
    expect(calls("chatglm3", `\n 我查一下<|assistant|>${call}`)).toEqual({
      content: "我查一下",
      calls: [expected],
      problems: [],
    });
  });
  test("the interpreter's program is its argument", () => {
    const text = "interpreter\n```python\nprint(1)\nprint('x')\n```";
    expect(calls("chatglm3", text).calls).toEqual([["call_0", "interpreter", { code: "print(1)\nprint('x')" }]]);
  });
  test("a broken call stays as text, with the reason", () => {
    const text = "get_weather\n```python\ntool_call(city=__import__('os').system('rm'))\n```";
    const { content, calls: none, problems } = calls("chatglm3", text);
    expect(content).toBe(text);
    expect(none).toEqual([]);
    expect(problems[0]).toContain("expected a literal value");
    expect(calls("chatglm3", "f\n```python\ntool_call(a=1)").problems).toEqual([
      "the block is not closed by a line with ```",
    ]);
    expect(calls("chatglm3", "Hello\nworld")).toEqual({ content: "Hello\nworld", calls: [], problems: [] });
  });
});

describe("GLM-4", () => {
  const tools = [{ type: "function", function: { name: "get_weather" } }];
  test("name and JSON", () => {
    const text = '\n好的<|assistant|>get_weather\n{"city": "北京"}<|assistant|>get_weather\n{"city": "上海"}\n';
    expect(calls("glm-4", text, { tools })).toEqual({
      content: "好的",
      calls: [
        ["call_0", "get_weather", { city: "北京" }],
        ["call_1", "get_weather", { city: "上海" }],
      ],
      problems: [],
    });
  });
  test("broken JSON and unknown names stay as text", () => {
    expect(calls("glm-4", 'get_weather\n{"city": ').content).toBe('get_weather\n{"city":');
    expect(calls("glm-4", 'get_weather\n{"city": ').problems[0]).toContain("not JSON");
    expect(calls("glm-4", 'other\n{"city": 1}', { tools })).toEqual({
      content: 'other\n{"city": 1}',
      calls: [],
      problems: ['no tool is called "other"'],
    });
    expect(calls("glm-4", "\n第一\n第二")).toEqual({ content: "第一\n第二", calls: [], problems: [] });
  });
  test("Z1 begins inside its thoughts", () => {
    expect(calls("glm-z1", "想一想</think>\n答案")).toEqual({
      content: "答案",
      calls: [],
      problems: [],
      reasoning: "想一想",
    });
    expect(calls("glm-z1", "还没想完")).toEqual({ content: "", calls: [], problems: [], reasoning: "还没想完" });
  });
});

describe("GLM-4.5", () => {
  const text =
    "\n<think>想</think>\n我看看\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>123</arg_value>\n" +
    '<arg_key>days</arg_key>\n<arg_value>[1, {"a": null}]</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>';
  test("thoughts, text and calls; the schema decides what is text", () => {
    const plain = calls("glm-4.5", text);
    expect(plain).toEqual({
      content: "我看看",
      reasoning: "想",
      calls: [
        ["call_0", "get_weather", { city: 123, days: [1, { a: null }] }],
        ["call_1", "now", {}],
      ],
      problems: [],
    });
    const tools = [
      { type: "function", function: { name: "get_weather", parameters: { properties: { city: { type: "string" } } } } },
      { name: "now" },
    ];
    expect(calls("glm-4.5", text, { tools }).calls[0]).toEqual([
      "call_0",
      "get_weather",
      { city: "123", days: [1, { a: null }] },
    ]);
  });
  test("a closing tag inside a value is no end; GLM-4.7 needs no line breaks", () => {
    const nested = "<tool_call>f<arg_key>code</arg_key><arg_value>print('</tool_call>')</arg_value></tool_call>done";
    expect(calls("glm-4.7", nested, { insideThinking: false })).toEqual({
      content: "done",
      calls: [["call_0", "f", { code: "print('</tool_call>')" }]],
      problems: [],
    });
  });
  test.each([
    ["<tool_call>f\n<arg_key>a</arg_key>", "the reply ends before </tool_call>"],
    ["<tool_call></tool_call>", "the call names no function"],
    ["<tool_call>f\n<arg_key>a</arg_key>\n</tool_call>", "expected <arg_key>"],
    [
      "<tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value><arg_key>a</arg_key><arg_value>2</arg_value></tool_call>",
      "given twice",
    ],
    ["<tool_call>two words</tool_call>", "is not a function name"],
  ])("%s is text", (broken, reason) => {
    const { content, calls: none, problems } = calls("glm-4.5", broken);
    expect(content).toBe(broken);
    expect(none).toEqual([]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(reason);
  });
  test("JSON between the tags", () => {
    const json = '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>';
    expect(calls("glm-4.5", json).calls).toEqual([["call_0", "f", { a: 1 }]]);
  });
});

test("streamed in any pieces, a reply says the same", () => {
  const replies = [
    ["chatglm3", "\n 先<|assistant|>f\n ```python\ntool_call(a=1)\n```<|assistant|>\n 后  文\n"],
    ["chatglm3", "Hello\nworld <|assist"],
    ["glm-4", '\n好 的\n<|assistant|>f\n{"a": 1}'],
    ["glm-4", "f\n{broken"],
    [
      "glm-4.5",
      "\n<think> 想 一 </think>\n文 < 字\n\n<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>\n尾<tool_",
    ],
    ["glm-4.5", "<tool_call>f<arg_key>a</arg_key><arg_value>1</tool_call> 后 <tool_call>g</tool_call>"],
    ["glm-z1", "<think>a</think>b"],
    ["chatglm2", "  a b \n"],
  ] as const;
  const random = createRandom(1);
  for (const [name, text] of replies) {
    const whole = chatTemplates[name].parseReply(text);
    for (let round = 0; round < 60; round++) {
      const stream = chatTemplates[name].replyStream();
      const events = [];
      for (let at = 0; at < text.length; ) {
        const length = 1 + random.integer(round < 2 ? 1 : 7);
        events.push(...stream.push(text.slice(at, at + length)));
        at += length;
      }
      events.push(...stream.end());
      expect(replyFromEvents(events)).toEqual(whole);
    }
  }
});

test("text streams before the reply is over", () => {
  const stream = chatTemplates["glm-4.5"].replyStream();
  expect(stream.push("<think>一")).toEqual([{ type: "reasoning", text: "一" }]);
  expect(stream.push("</think>\n二 三")).toEqual([{ type: "content", text: "二 三" }]);
});

describe("Python calls", () => {
  const parse = (inner: string) => {
    const parsed = parsePythonCall(`tool_call(${inner})`, "tool_call");
    return "json" in parsed ? JSON.parse(parsed.json) : parsed.reason;
  };
  test("literals", () => {
    expect(parse("")).toEqual({});
    expect(parse("a=-1, b=+2.5e3, c=.5, d=1_000, e=0x1F, f=0o17, g=0b11,")).toEqual({
      a: -1,
      b: 2500,
      c: 0.5,
      d: 1000,
      e: 31,
      f: 15,
      g: 3,
    });
    expect(parse(`a='it\\'s', b="\\u4f60\\x41\\101\\n", c=r'\\n', d='x' "y", e='''l1\nl2''', f='\\q'`)).toEqual({
      a: "it's",
      b: "你AA\n",
      c: "\\n",
      d: "xy",
      e: "l1\nl2",
      f: "\\q",
    });
    expect(parse("a=[1, (2, 3), (4), (5,), [], ()], b={'k': None, 1: true, False: {}}")).toEqual({
      a: [1, [2, 3], 4, [5], [], []],
      b: { k: null, "1": true, false: {} },
    });
    expect(parse("\n  a = 1, # comment\n  b = 'ü'\n")).toEqual({ a: 1, b: "ü" });
  });
  test("integers keep their digits", () => {
    expect(parsePythonCall("f(a=123456789012345678901234567890)", "f")).toEqual({
      json: '{"a": 123456789012345678901234567890}',
    });
  });
  test.each([
    ["a=os.system('x')", "literal value"],
    ["a=1+2", 'expected ")"'],
    ["1", "name=value"],
    ["a=f'x'", "literal value"],
    ["a='x", "not closed"],
    ["a=1, a=2", "given twice"],
    ["a={1, 2}", 'expected ":"'],
    ["a=[x for x in y]", "literal value"],
    ["a=lambda: 0", "literal value"],
    ["**{'a': 1}", "name=value"],
    ["a=012", "leading zeros"],
    ["a=1e999", "too large"],
    [`a=${"[".repeat(80)}`, "nested"],
    ["a='\\U00110000'", "not a character"],
  ])("%s is refused", (inner, reason) => {
    expect(parse(inner)).toContain(reason);
  });
  test("nothing may follow", () => {
    expect(parsePythonCall("f(a=1); import os", "f")).toEqual({
      reason: expect.stringContaining("nothing after the call"),
    });
    expect(parsePythonCall("g(a=1)", "f")).toEqual({ reason: expect.stringContaining("a call of f") });
  });
  test("what is written is read back", () => {
    const values = { a: 'it\'s "q"\n\\ \u0007', b: [1, 2.5, null, true, { "k k": "v" }], 名: "你" };
    const text = writePythonCall("tool_call", values);
    expect(parse(text.slice("tool_call(".length, -1))).toEqual(values);
  });
  test("random garbage is refused or read, never thrown on", () => {
    const random = createRandom(7);
    const letters = [..."tool_call(a='\"[]{}:,1.eEx_\\)#\nTrueNone -+"];
    for (let round = 0; round < 3000; round++) {
      const inner = Array.from({ length: random.integer(25) }, () => random.choice(letters)).join("");
      const parsed = parsePythonCall(`tool_call(${inner})`, "tool_call");
      if ("json" in parsed) JSON.parse(parsed.json);
      else expect(parsed.reason.length).toBeGreaterThan(0);
    }
  });
});
