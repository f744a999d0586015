/** Metrics: pure functions whose results name the settings they depend on. */
export {
  type BleuOptions,
  type BleuScore,
  type BleuSmoothing,
  type BleuStatistics,
  bleu,
  bleuFromStatistics,
  bleuStatistics,
  sentenceBleu,
} from "./bleu.ts";
export {
  type ChrfOptions,
  type ChrfScore,
  type ChrfStatistics,
  chrf,
  chrfFromStatistics,
  chrfStatistics,
} from "./chrf.ts";
export {
  accuracy,
  type ClassificationReport,
  type ConfusionMatrix,
  cohenKappa,
  confusionMatrix,
  type Label,
  matthewsCorrelation,
  type PrecisionRecallF1,
  precisionRecallF1,
} from "./classification.ts";
export { distinct } from "./distinct.ts";
export {
  type AnswerNormalization,
  answerF1,
  type ExactMatchScore,
  exactMatch,
  normalizeAnswer,
} from "./exact-match.ts";
export { bitsPerByte, bitsPerCharacter, perplexity } from "./likelihood.ts";
export {
  brierScore,
  type Calibration,
  type CalibrationBin,
  calibration,
  logLoss,
  rocAuc,
  rocAucOneVersusRest,
} from "./probability.ts";
export {
  longestCommonSubsequence,
  type RougeOptions,
  type RougeScore,
  type RougeScores,
  type RougeUnit,
  rouge,
  rougeUnits,
  sentenceRouge,
} from "./rouge.ts";
export {
  bootstrapInterval,
  bootstrapMean,
  type Interval,
  meanOf,
  type PairedTest,
  pairedBootstrap,
  pairedRandomization,
  type ResamplingOptions,
  type Statistic,
} from "./significance.ts";
export { type TerOptions, type TerScore, type TerStatistics, ter, terFromStatistics, terStatistics } from "./ter.ts";
export { type BleuTokenizer, bleuTokens } from "./text-units.ts";
export { wilsonInterval } from "./wilson.ts";
