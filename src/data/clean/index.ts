/** Cleaning of texts, a rule family a file. */
export { type CleanedText, type CleanSettings, createTextCleaner, type TextCleaner } from "./clean-text.ts";
export { decodeEntities, removeTags } from "./html.ts";
export { identifyLanguage, type Language } from "./language.ts";
export { isBankCard, isIdentityNumber, isMobile, maskPersonal, type PersonalKind, personalMasks } from "./personal.ts";
export { type QualityPreset, type QualityRules, qualityPresets } from "./quality.ts";
export { loadSimplifier, type Simplifier } from "./script.ts";
export { normalizeUnicode, removeInvisible, tidyWhitespace, type UnicodeForm } from "./unicode.ts";
