/** Rows of one length made from the poems that ship with the repository. */
import { createRandom, type Random } from "../../../src/support/random.ts";
import { nextTokenSample, packSamples, type Sample } from "../../../src/training/objectives/samples.ts";
import { type Poem, readPoems } from "../../parts/shipped-poems.ts";
import { type Alphabet, createAlphabet } from "./alphabet.ts";
import type { TopicOptions } from "./topic.ts";

export interface RowShape {
  readonly batch: number;
  /** Tokens of a row. */
  readonly length: number;
  readonly padId: number;
  readonly random: Random;
}

/** Batch n: samples of items in an endless random order, packed without gaps. The same for everybody who asks. */
export function packedRows<T>(
  items: readonly T[],
  sampleOf: (item: T, random: Random) => Sample,
  { batch, length, padId, random }: RowShape,
): (n: number) => readonly Sample[] {
  function* endless(): Generator<Sample> {
    for (;;) for (const i of random.permutation(items.length)) yield sampleOf(items[i]!, random);
  }
  const rows = packSamples(endless(), length, padId);
  const made: (readonly Sample[])[] = [];
  return (n) => {
    while (made.length <= n) made.push(Array.from({ length: batch }, () => rows.next().value as Sample));
    return made[n]!;
  };
}

export interface PoemRows {
  readonly alphabet: Alphabet;
  readonly rowsOf: (shape: Pick<RowShape, "batch" | "length">) => (n: number) => readonly Sample[];
  /** Poems of the validation split, one a sample. */
  readonly held: readonly Sample[];
}

/** Whole poems, each behind `<sop>`, every token asking for the next: where the objective is not the question. */
export function poemRows({ seed, isTrial }: TopicOptions): PoemRows {
  const poems = readPoems("train").slice(0, isTrial ? 200 : undefined);
  const alphabet = createAlphabet(poems.map(({ text }) => text));
  const sampleOf = ({ text }: Poem) => nextTokenSample([alphabet.blanks.start, ...alphabet.encode(text)]);
  return {
    alphabet,
    rowsOf: (shape) =>
      packedRows(poems, sampleOf, { ...shape, padId: alphabet.padId, random: createRandom(seed).fork("rows") }),
    held: readPoems("valid")
      .slice(0, isTrial ? 8 : 400)
      .map(sampleOf),
  };
}
