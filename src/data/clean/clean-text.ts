/** One text through all cleaning rules, in the order in which they help each other. */
import { countClasses } from "../character-classes.ts";
import { removeBoilerplate } from "./boilerplate.ts";
import { decodeEntities, removeTags } from "./html.ts";
import { type Language, languageOf } from "./language.ts";
import { maskPersonal, withoutMasks, wordsForMasks } from "./personal.ts";
import { checkRules, type QualityPreset, type QualityRules, qualityFault, qualityPresets } from "./quality.ts";
import { loadSimplifier } from "./script.ts";
import { normalizeUnicode, removeInvisible, tidyWhitespace, type UnicodeForm } from "./unicode.ts";

/** Plain data, so that it travels to threads. */
export interface CleanSettings {
  /** Default "nfc". */
  readonly unicode?: UnicodeForm;
  /** Take out control and zero-width characters. Default true. */
  readonly invisible?: boolean;
  /** Take out HTML tags and decode entities. Default true; false for records that are conversations. */
  readonly html?: boolean;
  /** Take out lines of navigation, copyright and the like. Default true; false for conversations. */
  readonly boilerplate?: boolean;
  /** Default true. */
  readonly whitespace?: boolean;
  /** Traditional to simplified characters. Default false. */
  readonly simplify?: boolean;
  /** Mask phone, e-mail, identity-card and bank-card numbers. Default true. */
  readonly personal?: boolean;
  /** Default "light", which is "answers" for conversations; "none" keeps everything that is not empty. */
  readonly quality?: QualityPreset | "none";
  /** Changes to the preset. */
  readonly rules?: Partial<QualityRules>;
  /** Languages to keep; default: all. */
  readonly languages?: readonly Language[];
}

export interface CleanedText {
  readonly text: string;
  /** Names of the rules that changed it. */
  readonly changes: readonly string[];
}

export interface TextCleaner {
  /** Repairs a text; never removes it. */
  repair(text: string): CleanedText;
  /** Why a (repaired) text is not worth keeping, or undefined. */
  fault(text: string): string | undefined;
}

/** Throws `BAD_ARGUMENT` for rules out of range, `MISSING_PACKAGE` without opencc-js where it is needed. */
export async function createTextCleaner(settings: CleanSettings = {}): Promise<TextCleaner> {
  const { unicode = "nfc", invisible = true, html = true, boilerplate = true, whitespace = true } = settings;
  const { simplify = false, personal = true, quality = "light", languages } = settings;
  const simplifier = simplify ? await loadSimplifier() : undefined;
  const rules = quality === "none" ? undefined : { ...qualityPresets[quality], ...settings.rules };
  if (rules !== undefined) checkRules(rules);

  const repairs: (readonly [name: string, repair: (text: string) => string])[] = [];
  if (html) repairs.push(["HTML tags", removeTags], ["HTML entities", decodeEntities]);
  // After the entities, which may stand for invisible characters.
  if (invisible) repairs.push(["invisible characters", removeInvisible]);
  if (unicode !== "none") repairs.push([`Unicode ${unicode.toUpperCase()}`, (text) => normalizeUnicode(text, unicode)]);
  if (boilerplate) repairs.push(["boilerplate lines", removeBoilerplate]);
  if (whitespace) repairs.push(["whitespace", tidyWhitespace]);
  if (simplifier !== undefined) repairs.push(["traditional characters", simplifier]);

  return {
    repair(text) {
      const changes: string[] = [];
      let current = text;
      for (const [name, repair] of repairs) {
        const next = repair(current);
        if (next !== current) changes.push(name);
        current = next;
      }
      if (personal) {
        const masked = maskPersonal(current);
        for (const kind of Object.keys(masked.counts)) changes.push(`personal: ${kind}`);
        current = masked.text;
      }
      return { text: current, changes };
    },
    fault(text) {
      const judged = wordsForMasks(text);
      const fault =
        rules === undefined
          ? text.trim() === ""
            ? "empty"
            : undefined
          : qualityFault(judged, countClasses(judged), rules);
      if (fault !== undefined || languages === undefined) return fault;
      const language = languageOf(withoutMasks(text)) ?? "none";
      return (languages as readonly string[]).includes(language) ? undefined : `language: ${language}`;
    },
  };
}
