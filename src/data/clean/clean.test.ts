import { describe, expect, test } from "vitest";
import { countClasses } from "../character-classes.ts";
import { removeBoilerplate } from "./boilerplate.ts";
import {
  createTextCleaner,
  decodeEntities,
  identifyLanguage,
  isBankCard,
  isIdentityNumber,
  maskPersonal,
  normalizeUnicode,
  qualityPresets,
  removeInvisible,
  removeTags,
  tidyWhitespace,
} from "./index.ts";
import { qualityFault } from "./quality.ts";
import { repetition } from "./repetition.ts";

const character = (code: number): string => String.fromCharCode(code);

describe("unicode", () => {
  test("NFKC folds letters and digits but leaves the punctuation of Chinese", () => {
    expect(normalizeUnicode("ＡＢ１２㎏①，！？（甲）…　～", "nfkc")).toBe("AB12kg1，！？（甲）…　～");
    expect(normalizeUnicode("e\u0301，ＡＢ", "nfc")).toBe("é，ＡＢ");
    expect(normalizeUnicode("e\u0301", "none")).toBe("e\u0301");
  });

  test("invisible characters go, joiners of emoji stay, line breaks become line feeds", () => {
    const text = `a${character(0)}b\u200bc\ufeffd${character(27)}[31me${character(27)}[0m\r\nf\u2028g\ud800h\ue000i`;
    expect(removeInvisible(text)).toBe("abcde\nf\nghi");
    expect(removeInvisible("👩‍🚀𠮷")).toBe("👩‍🚀𠮷");
  });

  test("whitespace: runs, line ends, empty lines; indentation of code stays", () => {
    expect(tidyWhitespace("　　春眠 \u00a0 不觉晓  \n\n\n\n处处闻啼鸟\t\n")).toBe("春眠 不觉晓\n\n处处闻啼鸟");
    expect(tidyWhitespace("if x:\n    return  1")).toBe("if x:\n    return 1");
  });
});

describe("HTML", () => {
  test("tags and entities", () => {
    const page =
      '<div class="a>b"><p>甲&nbsp;乙</p><script>if (a<b) x()</script><!-- c --><a href=x>丙</a>&amp;lt;&#20013;&#x6587;&unknown;</div>';
    expect(decodeEntities(removeTags(page))).toBe("\n\n甲 乙\n丙&lt;中文&unknown;\n");
  });

  test.each(["若 a < b 且 b > c", "[gMASK]<sop><|user|> <gMASK>", "List<int> x", "a <- b", "3 <4> 5"])(
    "%s is no HTML",
    (text) => {
      expect(removeTags(text)).toBe(text);
    },
  );
});

describe("boilerplate", () => {
  test("lines of a page go, sentences about the same things stay", () => {
    const text =
      "上一篇：春\n正文第一行\n版权所有 转载请注明出处\nCopyright © 2020 X Inc. All rights reserved.\n责任编辑：张三";
    expect(removeBoilerplate(text)).toBe("正文第一行");
    const sentence = `第一行\n这篇文章讨论了版权所有人的权利，${"以及相关的法律问题，".repeat(6)}等等。`;
    expect(removeBoilerplate(sentence)).toBe(sentence);
    expect(removeBoilerplate("版权所有")).toBe("版权所有");
  });
});

describe("personal data", () => {
  test("identity numbers: the example of the standard, and every wrong check digit", () => {
    expect(isIdentityNumber("11010519491231002X")).toBe(true);
    for (const last of "0123456789") expect(isIdentityNumber(`11010519491231002${last}`)).toBe(false);
    expect(isIdentityNumber("44052418800101001" + "4")).toBe(true);
    expect(isIdentityNumber("990105194912310021")).toBe(false);
  });

  test("bank cards: the test numbers of the networks, and one wrong digit", () => {
    for (const number of [
      "4111111111111111",
      "5555555555554444",
      "378282246310005",
      "3530111333300000",
      "6200000000000005",
    ]) {
      expect(isBankCard(number)).toBe(true);
      expect(isBankCard(number.slice(0, -1) + ((Number(number.at(-1)) + 1) % 10))).toBe(false);
    }
  });

  test.each([
    ["打13812345678找我", "打<手机号>找我"],
    ["+86 138-1234-5678", "<手机号>"],
    ["身份证11010519491231002X。", "身份证<身份证号>。"],
    ["卡号 4111 1111 1111 1111，谢谢", "卡号 <银行卡号>，谢谢"],
    ["写信到 a.b+c@mail.example.cn。", "写信到 <邮箱>。"],
    ["13812345678/13912345678", "<手机号>/<手机号>"],
    ["13812345678,13912345678，4111111111111111", "<手机号>,<手机号>，<银行卡号>"],
    ["电话010-62345678转801", "电话<电话号码>转801"],
    ["（0571）8888 8888、+86-21-62345678", "<电话号码>、<电话号码>"],
    ["0755-2345678-12。", "<电话号码>。"],
    ["手机１３８１２３４５６７８，共１２３件", "手机<手机号>，共１２３件"],
    ["＋８６　１３８－１２３４－５６７８／13912345678", "<手机号>／<手机号>"],
    ["ａｂｃ＠ｅｘａｍｐｌｅ．ｃｏｍ、abc＠example.com", "<邮箱>、<邮箱>"],
    ["身份证１１０１０５１９４９１２３１００２Ｘ、（０５７１）８８８８８８８８", "身份证<身份证号>、<电话号码>"],
    ["４１１１　１１１１　１１１１　１１１１", "<银行卡号>"],
  ])("%s", (text, wanted) => {
    expect(maskPersonal(text).text).toBe(wanted);
  });

  test.each([
    "订单号20231123160211123456",
    "圆周率3.14159265358979",
    "12812345678 不是手机号",
    "1381234567890 太长",
    "0.13812345678",
    "2023-11-23 16:02:11",
    "4111111111111112",
    "110105194912310021",
    "价格 1 000 000 000 元",
    "https://example.com/13812345678/x",
    "版本1.13812345678.2",
    "@提到某人",
    "010-6234567890",
    "编号0101-12345678",
    "12010-62345678",
    "13812345678,5",
    "3,13812345678",
    "13812345678:30",
    "2020-12345678",
    "https://example.com/2020/13812345678",
    "０．１３８１２３４５６７８，Ａ１３８１２３４５６７８，１３８１２３４５６７８％",
    "全角　ＡＢＣ，１２３４５６７８９０１２",
  ])("%s stays", (text) => {
    expect(maskPersonal(text)).toEqual({ text, counts: {} });
  });
});

describe("language", () => {
  test.each([
    ["床前明月光，疑是地上霜。", "zh"],
    ["這是一個用 JavaScript 和 TypeScript 寫的程式", "zh"],
    ["吾輩は猫である。名前はまだ無い。", "ja"],
    ["모든 인간은 태어날 때부터 자유로우며", "ko"],
    ["All human beings are born free and equal in dignity and rights.", "en"],
    ["Tous les êtres humains naissent libres et égaux en dignité et en droits.", "other"],
    ["Alle Menschen sind frei und gleich an Würde und Rechten geboren.", "other"],
    ["Все люди рождаются свободными", "other"],
    ["12345 !!!", undefined],
  ])("%s is %s", (text, wanted) => {
    expect(identifyLanguage(text)).toBe(wanted);
  });
});

describe("quality", () => {
  const fault = (text: string, preset: keyof typeof qualityPresets = "light") =>
    qualityFault(text, countClasses(text), qualityPresets[preset]);
  const prose =
    "山不在高，有仙则名。水不在深，有龙则灵。斯是陋室，惟吾德馨。苔痕上阶绿，草色入帘青。谈笑有鸿儒，往来无白丁。可以调素琴，阅金经。无丝竹之乱耳，无案牍之劳形。南阳诸葛庐，西蜀子云亭。孔子云：何陋之有？";

  test("good text passes, a poem as well", () => {
    expect(fault(prose, "web")).toBeUndefined();
    expect(fault("床前明月光，疑是地上霜。举头望明月，低头思故乡。")).toBeUndefined();
    expect(fault("42", "answers")).toBeUndefined();
  });

  test.each([
    ["", "empty"],
    ["短", "fewer than 8 characters"],
    ["20231123 138 4567 89 年", "too many digits"],
    ["★☆●◆■▲★☆●◆■▲好", "too many symbols"],
    ["，。！？；：（）、……好吧", "too few letters"],
    ["好".repeat(40), "one character repeated"],
    [`${prose}\ufffd\ufffd`, "broken encoding"],
    ["这是锟斤拷锟斤拷乱码文字", "broken encoding"],
    ["第一行文字\n".repeat(6), "repeated lines"],
    [prose + prose + prose + prose, "passages repeated"],
    ["买一送一快来抢购".repeat(20), "one phrase repeated"],
  ])("%j is removed: %s", (text, reason) => {
    expect(fault(text)).toBe(reason);
  });

  test("repetition, counted by hand", () => {
    const once = "abcdefghijklmnopqrst";
    expect(repetition(once)).toEqual({ longestRun: 1, topGram: 0, repeatedGrams: 0 });
    // The second half is covered by 10-grams that stood before.
    expect(repetition(once + once).repeatedGrams).toBe(0.5);
    expect(repetition("xyzw".repeat(10))).toMatchObject({ topGram: 1 });
  });
});

test("all rules together, in order, with the names of those that changed something", async () => {
  const cleaner = await createTextCleaner({ simplify: true });
  const { text, changes } = cleaner.repair("<p>學而時習之&nbsp;</p>\n分享到：微博\n電話 13812345678\u200b");
  expect(text).toBe("学而时习之\n\n电话 <手机号>");
  expect(changes).toEqual([
    "HTML tags",
    "HTML entities",
    "invisible characters",
    "boilerplate lines",
    "whitespace",
    "traditional characters",
    "personal: phone",
  ]);
  expect(cleaner.repair(text)).toEqual({ text, changes: [] });
});

test("masks are words to the quality rules, and of no language", async () => {
  const cleaner = await createTextCleaner({ languages: ["en", "zh"] });
  const numbers = cleaner.repair("电话：13812345678；13812345678，13912345678/13712345678").text;
  expect(numbers).toBe("电话：<手机号>；<手机号>，<手机号>/<手机号>");
  expect(cleaner.fault(numbers)).toBeUndefined();
  const { fault } = await createTextCleaner({ languages: ["en"] });
  expect(fault("Call us: <手机号>, <手机号> or <邮箱>.")).toBeUndefined();
  expect(fault("<>>><<<><><> Call <手机号>")).toBe("too many symbols");
});
