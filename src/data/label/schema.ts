/** What a labelling task is: a field, its labels, and labellers that each give a label or abstain. */
import { CongError, unknownName } from "../../support/index.ts";
import { isJsonObject, kindOf } from "../json.ts";

export interface LabelSchema {
  /** Field that receives the label; default "label". */
  readonly field: string;
  readonly labels: readonly string[];
  readonly labellers: readonly LabellerSpec[];
}

export interface LabellerSpec {
  readonly name: string;
  /** The first rule whose pattern (a JavaScript regular expression, Unicode mode) is found gives the label. */
  readonly rules?: readonly { readonly label: string; readonly pattern: string }[];
  /** Words by label, each counting 1 or its own weight; the label with the greatest sum wins, a tie abstains. */
  readonly lexicon?: Readonly<Record<string, readonly string[] | Readonly<Record<string, number>>>>;
}

/** Gives a label, or undefined to abstain. */
export type Labeller = (text: string) => string | undefined;

/** Checks a parsed schema file. Throws `BAD_SCHEMA`, or `UNKNOWN_NAME` for a label that is not in the list. */
export function readSchema(value: unknown): LabelSchema {
  if (!isJsonObject(value)) throw bad(`a label schema is ${kindOf(value)}, wanted a record`);
  const { field = "label", labels, labellers } = value;
  if (typeof field !== "string" || field === "") throw bad("field is not a name");
  if (!isTexts(labels) || new Set(labels).size < 2) throw bad("labels is not a list of two names or more");
  if (!Array.isArray(labellers) || labellers.length === 0) throw bad("labellers is not a list");
  const names = new Set<string>();
  const specs = labellers.map((spec: unknown, i) => {
    if (!isJsonObject(spec)) throw bad(`labellers[${i}] is ${kindOf(spec)}, wanted a record`);
    const { name = `labeller-${i + 1}`, rules, lexicon } = spec;
    if (typeof name !== "string" || names.has(name)) throw bad(`labellers[${i}] needs a name of its own`);
    names.add(name);
    if ((rules === undefined) === (lexicon === undefined))
      throw bad(`labeller "${name}" needs either rules or a lexicon`);
    const typed = { name, ...(rules === undefined ? { lexicon } : { rules }) } as LabellerSpec;
    createLabeller(typed, labels);
    return typed;
  });
  return { field, labels, labellers: specs };
}

/** The function of a labeller. */
export function createLabeller(spec: LabellerSpec, labels: readonly string[]): Labeller {
  return spec.rules !== undefined ? ruleLabeller(spec, labels) : lexiconLabeller(spec, labels);
}

function ruleLabeller({ name, rules = [] }: LabellerSpec, labels: readonly string[]): Labeller {
  if (!Array.isArray(rules)) throw bad(`rules of "${name}" are not a list`);
  const compiled = rules.map((rule: unknown, i) => {
    const { label, pattern } = isJsonObject(rule) ? rule : {};
    if (typeof label !== "string" || typeof pattern !== "string")
      throw bad(`rule ${i + 1} of "${name}" has no label and pattern`);
    if (!labels.includes(label)) throw unknownName("label", label, labels);
    try {
      return { label, pattern: new RegExp(pattern, "u") };
    } catch (error) {
      throw bad(`labeller "${name}": ${(error as Error).message}`);
    }
  });
  return (text) => compiled.find(({ pattern }) => pattern.test(text))?.label;
}

function lexiconLabeller({ name, lexicon = {} }: LabellerSpec, labels: readonly string[]): Labeller {
  if (!isJsonObject(lexicon)) throw bad(`the lexicon of "${name}" is ${kindOf(lexicon)}, wanted words by label`);
  const weights = new Map<string, { label: string; weight: number }[]>();
  for (const [label, words] of Object.entries(lexicon)) {
    if (!labels.includes(label)) throw unknownName("label", label, labels);
    if (!Array.isArray(words) && !isJsonObject(words))
      throw bad(`labeller "${name}": the words of "${label}" are ${kindOf(words)}, wanted a list`);
    const pairs: [string, unknown][] = Array.isArray(words)
      ? words.map((word) => [String(word), 1])
      : Object.entries(words);
    for (const [word, weight] of pairs) {
      if (typeof weight !== "number" || word === "") throw bad(`labeller "${name}": "${word}" has no weight`);
      weights.set(word, [...(weights.get(word) ?? []), { label, weight }]);
    }
  }
  // Longer words first, so that 不好 is not also counted as 好.
  const words = [...weights.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(
    words.map((word) => word.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")).join("|") || "(?!)",
    "gu",
  );
  return (text) => {
    const sums = new Map<string, number>();
    for (const [word] of text.matchAll(pattern)) {
      for (const { label, weight } of weights.get(word)!) sums.set(label, (sums.get(label) ?? 0) + weight);
    }
    const sorted = [...sums].sort(([, a], [, b]) => b - a);
    return sorted.length === 0 || sorted[0]![1] === sorted[1]?.[1] ? undefined : sorted[0]![0];
  };
}

/** The label that most labellers gave, or undefined at a tie or without any. */
export function majority(votes: readonly (string | undefined)[]): string | undefined {
  const counts = new Map<string, number>();
  for (const vote of votes) if (vote !== undefined) counts.set(vote, (counts.get(vote) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.length === 0 || sorted[0]![1] === sorted[1]?.[1] ? undefined : sorted[0]![0];
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string");

const bad = (what: string): CongError =>
  new CongError(
    "BAD_SCHEMA",
    what,
    {},
    "wanted {labels: [a, b], labellers: [{name, rules: [{label, pattern}]} or {name, lexicon: {a: [word]}}]}",
  );
