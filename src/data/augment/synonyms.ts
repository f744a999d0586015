/**
 * A small lexicon of Chinese synonyms: words of one line may stand for each other in nearly every sentence, with the same part of
 * speech and the same tone. Written for this project and kept small on purpose: a larger one from a thesaurus would also hold words
 * that are only related (苹果 and 香蕉), and replacing those changes what a sentence says. Give your own with `parseSynonyms`.
 */
const lexicon = `
但是 但 可是 不过
因为 由于
所以 因此
如果 假如 要是 倘若
虽然 尽管
而且 并且
或者 或
马上 立刻 立即
常常 经常 时常
已经 早已
非常 十分 特别 格外
比较 较为
几乎 差不多
大约 大概
突然 忽然
一起 一同
一直 始终
仍然 依然 仍旧
也许 可能 或许
必须 务必
特地 专门
全部 所有
许多 很多 众多
一些 若干
其他 其它
立场 态度
办法 方法
原因 缘故
结果 后果
目的 目标
困难 难题
错误 差错
优点 长处
缺点 短处 不足
经验 阅历
知识 学问
朋友 友人
父亲 爸爸
母亲 妈妈
妻子 太太
孩子 小孩
老师 教师
医生 大夫
地方 地点
时候 时刻
现在 如今 目前
以前 从前 过去
以后 之后
今天 今日
明天 明日
昨天 昨日
早晨 清晨 早上
夜晚 夜里
道路 马路
飞机 客机
自行车 单车
土豆 马铃薯
西红柿 番茄
电脑 计算机
手机 移动电话
饭店 餐馆
旅馆 宾馆
喜欢 喜爱
讨厌 厌恶
希望 盼望
觉得 认为 以为
知道 知晓
帮助 协助 帮忙
使用 运用
利用 借助
购买 买
出售 售卖
制造 制作
建造 修建
修理 维修
寻找 寻觅
发现 察觉
选择 挑选
准备 筹备
开始 着手
继续 接着
结束 终止
停止 中止
增加 增多
减少 降低
提高 提升
改变 转变
改进 改善
保护 爱护
参加 参与
讨论 商量
解释 说明
回答 答复
询问 打听
告诉 告知
邀请 约请
拒绝 回绝
批评 责备
表扬 称赞 夸奖
美丽 漂亮 好看
丑陋 难看
快乐 高兴 开心
悲伤 难过 伤心
生气 愤怒
害怕 恐惧
安静 宁静
热闹 喧闹
干净 洁净
宽阔 宽广
巨大 庞大
微小 细小
重要 要紧
简单 容易
复杂 繁杂
聪明 聪慧
勤劳 勤奋
懒惰 怠惰
勇敢 英勇
著名 知名 有名
珍贵 宝贵
便宜 实惠
昂贵 高价
迅速 快速
缓慢 迟缓
仔细 细心
清楚 清晰
正确 对
完全 彻底
`;

export type Synonyms = ReadonlyMap<string, readonly string[]>;

/** Reads groups of words, a group a line, separated by spaces. A word in two groups has the others of both. */
export function parseSynonyms(text: string): Synonyms {
  const words = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const group = line.trim().split(/\s+/).filter(Boolean);
    for (const word of group) {
      const others = group.filter((other) => other !== word);
      words.set(word, [...(words.get(word) ?? []), ...others]);
    }
  }
  return words;
}

let builtIn: Synonyms | undefined;

/** The lexicon above. */
export function builtInSynonyms(): Synonyms {
  builtIn ??= parseSynonyms(lexicon);
  return builtIn;
}
