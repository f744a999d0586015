/**
 * The texts of the npm package chinese-poetry. Its folders have shapes of their own: lists of poems, books of chapters, books of parts of
 * chapters; the lines of a text are its `paragraphs`, `para` or `content`.
 */
import { isJsonObject, type JsonObject } from "../json.ts";

// Left out, because they hold the same texts again: 唐诗三百首, 宋词三百首, 千家诗, 水墨唐诗, 御定全唐诗 and the older 三字经.
export const poetryFiles = new RegExp(
  String.raw`^package/dist/(?:quantangshi/poet\.(?:tang|song)\.\d+|songci/ci\.song\.(?:\d+|2019y)|yuanqu/yuanqu` +
    String.raw`|(?:shijing|chuci|lunyu|sishuwujing|youmengying|caocaoshiji|nalanxingde)/[^/]+` +
    String.raw`|wudaishici/(?:huajianji/[^/]+|nantang/poetrys)` +
    String.raw`|mengxue/(?!tangshisanbaishou|qianjiashi|sanzijing-traditional)[^/]+)\.json$`,
);

const parts = [
  ["/poet.tang", "tang-shi", "唐"],
  ["/poet.song", "song-shi", "宋"],
  ["/songci/", "song-ci", "宋"],
  ["/yuanqu/", "yuan-qu", "元"],
  ["/huajianji/", "classics", "五代"],
  ["/nantang/", "classics", "五代"],
  ["", "classics", undefined],
] as const;
const partOf = (path: string) => parts.find(([place]) => path.includes(place))!;

export const poetryPart = (path: string): string => partOf(path)[1];

/** Records of one file; undefined for an item without a text. */
export function* poetryRecords(path: string, text: string): Generator<JsonObject | undefined> {
  const dynasty = partOf(path)[2];
  yield* itemsOf(JSON.parse(text), dynasty === undefined ? {} : { dynasty });
}

/** `outer` is what the book around says: an author, a title for texts that have none. */
function* itemsOf(value: unknown, outer: JsonObject): Generator<JsonObject | undefined> {
  if (Array.isArray(value)) {
    for (const item of value) yield* itemsOf(item, outer);
    return;
  }
  if (!isJsonObject(value)) {
    yield undefined;
    return;
  }
  const { author = outer.author ?? "", chapter, title, rhythmic } = value;
  const own = { ...outer, author, title: chapter ?? title ?? rhythmic ?? outer.title ?? "" };
  const lines = value.paragraphs ?? value.para ?? value.content;
  if (Array.isArray(lines) && lines.some(isJsonObject)) {
    yield* itemsOf(lines, own);
    return;
  }
  const whole = Array.isArray(lines) ? lines.join("\n") : lines;
  yield typeof whole === "string" && whole.trim() !== "" ? { ...own, text: whole } : undefined;
}
