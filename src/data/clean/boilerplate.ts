/**
 * Lines that belong to a web page and not to its text: navigation, copyright, filings, calls to share. After C4 (Raffel et al. 2020,
 * section 2.2: lines with "javascript", "terms of use", "cookie policy" …) with the Chinese lines of the same kind.
 *
 * Only short lines count: a sentence that speaks of copyright is text.
 */

/** Longest line that may be boilerplate, in characters; a guess. */
const longest = 60;

const chinese = [
  "版权所有|保留所有权利|未经(?:许可|授权|书面)|(?:转载|引用)请(?:注明|保留|联系)|免责声明",
  "[京沪粤浙苏川鲁闽鄂湘皖津渝冀豫赣黑吉辽陕晋甘宁青新藏蒙桂云贵琼]ICP[备证]|公网安备|增值电信业务",
  "^(?:上一[篇页章条]|下一[篇页章条]|返回(?:顶部|首页|列表|目录)|回到顶部|网站(?:首页|地图)|关于我们|联系我们|加入收藏|设为首页|友情链接)",
  "^(?:首页|当前位置|您的位置|您现在的位置)\\s*[:：>»›]",
  "^(?:点击|扫码|扫一扫|长按)(?:查看|关注|加载|下载|识别|阅读|这里|此处|上方|下方|图片|二维码)",
  "^(?:分享到|分享至|责任编辑|责编|编辑|来源|原标题|本文来源|阅读量|浏览次数|点击数|相关阅读|相关推荐|推荐阅读|热门推荐|猜你喜欢)\\s*[:：]",
  "^(?:阅读全文|查看更多|展开全文|加载更多|举报|收藏|点赞|评论|登录|注册|立即注册|忘记密码)$",
];
const english = [
  "all rights reserved|copyright\\s*(?:©|\\(c\\)|\\d{4})|©\\s*\\d{4}|powered by|terms of (?:use|service)|privacy policy|cookie policy",
  "(?:enable|requires?) javascript|uses? cookies|^skip to (?:main )?content|^(?:share|tweet|print|log ?in|sign (?:in|up)|subscribe)$",
];
const anyOf = (phrases: readonly string[], flags: string): RegExp =>
  new RegExp(phrases.map((phrase) => `(?:${phrase})`).join("|"), flags);

// Two patterns, because ignoring case makes the search through Chinese text several times slower.
const chinesePattern = anyOf(chinese, "m");
const englishPattern = anyOf(english, "im");
const isBoilerplate = (text: string): boolean =>
  chinesePattern.test(text) || (/[A-Za-z©]/.test(text) && englishPattern.test(text));

/** Removes such lines. A text without line breaks is never touched: there is nothing to tell the line from the text. */
export function removeBoilerplate(text: string): string {
  if (!text.includes("\n")) return text;
  // One search over the whole text is much faster than one a line, and most texts have nothing to find.
  if (!isBoilerplate(text)) return text;
  const lines = text.split("\n");
  const kept = lines.filter((line) => line.length > longest || !isBoilerplate(line.trim()));
  return kept.length === lines.length ? text : kept.join("\n");
}
