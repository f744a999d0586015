/** Logit filters, one a file, and the chain that a request makes of them. */
export { createFilters, type FilterOptions, type FilterSetting, isSampling } from "./chain.ts";
export type { Filter, FilterContext, KeepOptions } from "./filter.ts";
export { logitBias } from "./logit-bias.ts";
export { minP } from "./min-p.ts";
export { noRepeatNgram } from "./no-repeat-ngram.ts";
export { type OccurrencePenalties, occurrencePenalties } from "./occurrence-penalties.ts";
export { repetitionPenalty } from "./repetition-penalty.ts";
export { exponentials, largest, logSumOfExponentials } from "./softmax.ts";
export { minimumNewTokens, suppressFrom, suppressIds } from "./suppress.ts";
export { temperature } from "./temperature.ts";
export { topK } from "./top-k.ts";
export { topP } from "./top-p.ts";
export { typical } from "./typical.ts";
