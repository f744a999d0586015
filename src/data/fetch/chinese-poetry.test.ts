import { expect, test } from "vitest";
import { catalogue } from "./catalogue.ts";

const { wants, part, records } = catalogue["chinese-poetry"]!;

test("the files wanted, and where their records go", () => {
  const placed = [
    "quantangshi/poet.tang.1000",
    "songci/ci.song.2019y",
    "yuanqu/yuanqu",
    "mengxue/guwenguanzhi",
    "nalanxingde/纳兰性德诗集",
    "wudaishici/huajianji/huajianji-1-juan",
  ].map((name) => `package/dist/${name}.json`);
  expect(placed.filter((path) => !wants.test(path))).toEqual([]);
  expect(placed.map((path) => part!(path))).toEqual([
    "tang-shi",
    "song-ci",
    "yuan-qu",
    "classics",
    "classics",
    "classics",
  ]);
  for (const name of ["songci/author.song", "songci/宋词三百首", "mengxue/tangshisanbaishou"])
    expect(wants.test(`package/dist/${name}.json`)).toBe(false);
});

test("poems, chapters of a book and single sentences; an item without a text is no record but counts", () => {
  const read = (path: string, value: unknown) => [...records(`package/dist/${path}`, JSON.stringify(value))];
  expect(
    read("yuanqu/yuanqu.json", [{ author: "甲", title: "乙", paragraphs: ["一", "二"] }, { paragraphs: [] }]),
  ).toEqual([{ dynasty: "元", author: "甲", title: "乙", text: "一\n二" }, undefined]);
  const book = {
    title: "书",
    author: "编者",
    content: [{ title: "卷一", content: [{ chapter: "章", paragraphs: ["文"] }] }],
  };
  expect(read("mengxue/x.json", book)).toEqual([{ author: "编者", title: "章", text: "文" }]);
  expect(read("youmengying/youmengying.json", [{ content: "句" }, 3])).toEqual([
    { author: "", title: "", text: "句" },
    undefined,
  ]);
});
