import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { CongError } from "../../support/index.ts";
import { createBatchParser, datasetEntry, type ReadOptions, readBatches, readRegistry, recordFormat } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "congling-sources-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function read(path: string, options: ReadOptions = {}, parse = {}) {
  const parser = createBatchParser(parse);
  const records: { line: number; value: unknown; format: string }[] = [];
  const bad: { line: number; reason: string }[] = [];
  for await (const batch of readBatches(path, options)) {
    parser(
      batch,
      ({ line, value, format }) => void records.push({ line, value, format: format.name }),
      ({ line, reason }) => void bad.push({ line, reason }),
    );
  }
  return { records, bad };
}

describe("lines", () => {
  test("JSON lines: empty ones are skipped, broken ones come out with line and reason, nothing is lost", async () => {
    const invalid = Buffer.concat([
      Buffer.from('{"text":"好"}\r\n\n{"text": \n[1]\n{"a":1}\n{"text":5}\n{"text":"'),
      Buffer.from([0xff]),
      Buffer.from('"}\n{"text":"末"}'),
    ]);
    const { records, bad } = await read(file("a.jsonl", invalid));
    expect(records.map(({ line, value }) => [line, value])).toEqual([
      [1, { text: "好" }],
      [8, { text: "末" }],
    ]);
    expect(bad.map(({ line }) => line)).toEqual([3, 4, 5, 6, 7]);
    expect(bad.map(({ reason }) => reason)).toEqual([
      expect.stringContaining("not JSON"),
      "a list, wanted a record",
      "no known format has the fields a",
      '"text" is a number, wanted text',
      "not valid UTF-8",
    ]);
  });

  test("what is not UTF-8 is set aside in tables, arrays and paragraphs, too; a replacement character of the file stays", async () => {
    const bytes = (before: string, after: string) =>
      Buffer.concat([Buffer.from(before), Buffer.from([0xcb, 0xec]), Buffer.from(after)]);
    const good = "本来就有的\ufffd";
    const contents: [name: string, content: Buffer, options: ReadOptions][] = [
      ["u.csv", bytes(`text\n${good}\n坏`, "坏\n末\n"), {}],
      ["u.json", bytes(`[{"text":"${good}"},\n{"text":"坏`, '坏"},\n{"text":"末"}]'), {}],
      ["u.txt", bytes(`${good}\n\n坏`, "坏\n\n末\n"), { textUnit: "paragraph" }],
    ];
    for (const [name, content, options] of contents) {
      const { records, bad } = await read(file(name, content), options);
      expect(records.map(({ value }) => value)).toEqual([{ text: good }, { text: "末" }]);
      expect(bad.map(({ reason }) => reason)).toEqual(["not valid UTF-8"]);
    }
    // Characters that the chunks of a file cut in two are none of it.
    const long = "字".repeat(200_000);
    expect((await read(file("long.csv", `x,text\n1,${long}\n`))).records[0]!.value).toEqual({ x: "1", text: long });
    await expect(read(file("gb.csv", bytes("text,", "\n一,二\n")))).rejects.toThrow(
      /first row is not valid UTF-8.*\n.*iconv/,
    );
  });

  test("batches end at the same lines however the bytes arrive, packed or not", async () => {
    const text = Array.from({ length: 5000 }, (_, i) => JSON.stringify({ text: `${"字".repeat(i % 97)}${i}` })).join(
      "\n",
    );
    const cut = async (path: string) => {
      const sizes: number[] = [];
      for await (const batch of readBatches(path, { batchBytes: 10_000 }))
        sizes.push(batch.lines[0]!, batch.lines.length);
      return sizes;
    };
    const plain = await cut(file("b.jsonl", text));
    expect(plain.length).toBeGreaterThan(20);
    expect(await cut(file("b.jsonl.gz", gzipSync(text)))).toEqual(plain);
  });

  test("texts: a line, a paragraph or the whole", async () => {
    const path = file("c.txt", "\ufeff一\n二\n\n\n三\n四\n");
    const texts = async (options: ReadOptions) =>
      (await read(path, options)).records.map(({ line, value }) => [line, (value as { text: string }).text]);
    expect(await texts({})).toEqual([
      [1, "一"],
      [2, "二"],
      [5, "三"],
      [6, "四"],
    ]);
    expect(await texts({ textUnit: "paragraph" })).toEqual([
      [1, "一\n二"],
      [5, "三\n四"],
    ]);
    expect(await texts({ textUnit: "document" })).toEqual([[1, "一\n二\n\n\n三\n四"]]);
  });

  test("a cut gzip file and a missing file are errors with the path", async () => {
    const packed = gzipSync("x\n".repeat(10_000));
    await expect(read(file("cut.txt.gz", packed.subarray(0, packed.length - 20)))).rejects.toThrow(
      /cut\.txt\.gz is not a whole gzip/,
    );
    await expect(read(join(folder, "none.txt"))).rejects.toThrow(CongError);
  });
});

describe("CSV", () => {
  test("quotes, separators and line breaks inside; a short row is set aside", async () => {
    const { records, bad } = await read(
      file("a.csv", 'text,label\r\n"他说""好"",\n走了",1\r\n无引号,0\r\n只有一列\r\n末,1'),
    );
    expect(records.map(({ line, value }) => [line, value])).toEqual([
      [2, { text: '他说"好",\n走了', label: "1" }],
      [4, { text: "无引号", label: "0" }],
      [6, { text: "末", label: "1" }],
    ]);
    expect(bad).toEqual([{ line: 5, reason: "a row of 1 fields where the header has 2" }]);
  });

  test("a quote that is never closed costs its line only", async () => {
    const { records, bad } = await read(file("b.csv", 'text,n\n"never closed,1\n二,2\n"三\n",3\n'));
    expect(records.map(({ line, value }) => [line, value])).toEqual([
      [3, { text: "二", n: "2" }],
      [4, { text: "三\n", n: "3" }],
    ]);
    expect(bad).toEqual([{ line: 2, reason: "a quote is opened and never closed" }]);
  });

  test("a quote inside a field is text", async () => {
    const { records, bad } = await read(file("c.tsv", '\ufefftext\tn\n他说"好\t1\n5" 盘\t2\n"甲"乙\t3'));
    expect(records.map(({ value }) => (value as { text: string }).text)).toEqual(['他说"好', '5" 盘', "甲乙"]);
    expect(bad).toEqual([]);
  });

  test("the whole row is set aside, line breaks included", async () => {
    const path = file("d.csv", 'a,b\n"一\n二"\n');
    const raws: string[] = [];
    const parse = createBatchParser({});
    for await (const batch of readBatches(path))
      parse(
        batch,
        () => {},
        ({ raw }) => void raws.push(raw),
      );
    expect(raws).toEqual(['"一\n二"']);
  });
});

describe("JSON arrays", () => {
  test("items with nested brackets, escapes and line breaks; a broken item does not end the file", async () => {
    const { records, bad } = await read(
      file("a.json", '[\n {"text": "a]},\\"[", "x": [1, {"y": 2}]},\n {"text": oops},\n {"text":\n  "c"}\n]\n'),
    );
    expect(records.map(({ line, value }) => [line, (value as { text: string }).text])).toEqual([
      [2, 'a]},"['],
      [4, "c"],
    ]);
    expect(bad.map(({ line }) => line)).toEqual([3]);
  });

  test("JSON lines under the name .json: a broken line costs itself only", async () => {
    const { records, bad } = await read(
      file("lines.json", '{"text": "a}"}\n{"text": "b\n\n{"text": {"c": 1}}\n{"text": "d"} x\n{"text": "e"}\n{"tex'),
    );
    expect(records.map(({ line, value }) => [line, (value as { text: string }).text])).toEqual([
      [1, "a}"],
      [6, "e"],
    ]);
    expect(bad.map(({ line }) => line)).toEqual([2, 4, 5, 7]);
  });

  test("records of several lines, one after the other", async () => {
    const { records } = await read(file("c.json", '{\n "text": "a"\n}\n{\n "text": "b"\n}\n'));
    expect(records.map(({ line }) => line)).toEqual([1, 4]);
  });

  test("a file that ends inside an item is an error", async () => {
    await expect(read(file("b.json", '[{"text": "a"}, {"text"'))).rejects.toThrow(/ends inside a record/);
  });
});

describe("record formats", () => {
  const cases = {
    text: [{ text: "床前明月光" }, undefined],
    alpaca: [
      { instruction: "翻译", input: "月亮", output: "moon", history: [["问", "答"]], system: "你是译者" },
      ["system:你是译者", "user:问", "assistant:答", "user:翻译\n月亮", "assistant:moon"],
    ],
    sharegpt: [
      {
        conversations: [
          { from: "human", value: "在吗" },
          { from: "function_call", value: '{"name":"f","arguments":{"a":1}}' },
          { from: "observation", value: "1" },
          { from: "gpt", value: "在" },
        ],
        tools: '[{"name":"f"}]',
      },
      ["user:在吗", "assistant:", "observation:1", "assistant:在"],
    ],
    messages: [
      {
        messages: [
          { role: "user", content: [{ type: "text", value: "你好" }] },
          { role: "assistant", content: "好" },
        ],
      },
      ["user:你好", "assistant:好"],
    ],
    preference: [{ prompt: "选一个", chosen: "甲", rejected: "乙" }, ["user:选一个"]],
    adgen: [{ content: "类型#裙", summary: "这条裙子" }, ["user:类型#裙", "assistant:这条裙子"]],
  } as const;

  test.each(Object.entries(cases))(
    "%s is found by its fields and makes its conversation",
    async (name, [record, wanted]) => {
      const { records } = await read(file(`${name}.jsonl`, JSON.stringify(record)));
      expect(records.map(({ format }) => format)).toEqual([name]);
      const conversation = recordFormat(name).conversation(structuredClone(record) as never);
      const shown = conversation?.messages.map(
        ({ role, content }) =>
          `${role}:${typeof content === "string" ? content : ((content as { text: string }[] | null)?.map(({ text }) => text).join("") ?? "")}`,
      );
      expect(shown).toEqual(wanted);
    },
  );

  test("a prompt repeated in chosen and rejected is taken out of both", () => {
    const prompt = [{ role: "user", content: "问" }];
    const conversation = recordFormat("preference").conversation({
      prompt: "问",
      chosen: [...prompt, { role: "assistant", content: "好" }],
      rejected: [...prompt, { role: "assistant", content: "差" }],
    })!;
    expect(conversation.messages).toEqual(prompt);
    expect(conversation.chosen).toEqual([{ role: "assistant", content: "好" }]);
    expect(conversation.rejected).toEqual([{ role: "assistant", content: "差" }]);
  });

  test.each([
    [{ conversations: [] }, '"conversations" is an empty list'],
    [{ conversations: [{ from: "alien", value: "x" }] }, '"conversations"[0] has the unknown role "alien"'],
    [{ messages: [{ role: "user", content: 5 }] }, '"messages"[0].content is a number, wanted text'],
    [{ instruction: "a", output: "b", history: [["x"]] }, '"history" is not a list of [question, answer]'],
  ])("%j is set aside: %s", async (record, reason) => {
    expect((await read(file("bad.jsonl", JSON.stringify(record)))).bad).toEqual([{ line: 1, reason }]);
  });
});

describe("registry", () => {
  const info = {
    ads: { file_name: "ads.jsonl", columns: { prompt: "content", response: "summary" } },
    chats: {
      file_name: "chats.jsonl",
      formatting: "sharegpt",
      columns: { messages: "messages" },
      tags: { role_tag: "role", content_tag: "content", user_tag: "user", assistant_tag: "assistant" },
    },
    pairs: {
      file_name: "pairs.jsonl",
      ranking: true,
      columns: { prompt: "question", chosen: "good", rejected: "poor" },
    },
    remote: { hf_hub_url: "x/y" },
  };

  test("columns are renamed to the fields of the formats", async () => {
    const registry = await readRegistry(file("dataset_info.json", JSON.stringify(info)));
    expect([...registry.keys()]).toEqual(["ads", "chats", "pairs", "remote"]);
    const mapped = async (name: string, record: object) => {
      const mapping = registry.get(name)!;
      return (await read(file(`${name}.jsonl`, JSON.stringify(record)), {}, { mapping })).records[0];
    };
    expect(await mapped("ads", { content: "类型#裙", summary: "裙子" })).toMatchObject({
      format: "alpaca",
      value: { instruction: "类型#裙", output: "裙子" },
    });
    expect(
      await mapped("chats", {
        messages: [
          { role: "user", content: "a" },
          { role: "assistant", content: "b" },
        ],
      }),
    ).toMatchObject({
      format: "sharegpt",
      value: {
        conversations: [
          { from: "human", value: "a" },
          { from: "gpt", value: "b" },
        ],
      },
    });
    expect(await mapped("pairs", { question: "q", good: "g", poor: "p" })).toMatchObject({
      format: "preference",
      value: { prompt: "q", chosen: "g", rejected: "p" },
    });
  });

  test("a data set that lies elsewhere is known, and refused with what it names", async () => {
    const registry = await readRegistry(file("dataset_info.json", JSON.stringify(info)));
    expect(() => datasetEntry(registry, "remote")).toThrow(/"remote" has no file_name \(only .*hf_hub_url/);
    expect(() => datasetEntry(registry, "chat")).toThrow(/did you mean "chats"/);
  });

  test("a missing column is the record's fault, a misspelt one the registry's", async () => {
    const registry = await readRegistry(file("dataset_info.json", JSON.stringify(info)));
    const { bad } = await read(file("short.jsonl", '{"content":"x"}'), {}, { mapping: registry.get("ads")! });
    expect(bad).toEqual([{ line: 1, reason: 'the column "summary" (response) is missing' }]);
    const misspelt = file("bad_info.json", '{"a": {"file_name": "a", "columns": {"promt": "x"}}}');
    await expect(readRegistry(misspelt)).rejects.toThrow(/prompt/);
  });
});
