export type { Texts } from "./count-words.ts";
export { linesOf } from "./lines.ts";
export { type TrainedBpe, type TrainOptions, type TrainProgress, trainByteLevelBpe } from "./train.ts";
export {
  type TokenizerConfigOptions,
  tokenizerConfig,
  tokenizerJson,
  tokenizerOf,
  writeTokenizer,
} from "./write.ts";
