/** Rows of training: texts as blanks to fill, and instructions as conversations, packed to one length. */
import type { Random } from "../../src/support/random.ts";
import { encodeTrainingChat } from "../../src/tokenizers/index.ts";
import { causalBlankSample, drawBlanks } from "../../src/training/objectives/blank-infilling.ts";
import { ignored, packSamples, type Sample } from "../../src/training/objectives/samples.ts";
import type { Instruction } from "./instructions.ts";
import type { PoemTokenizer } from "./poem-model.ts";

/**
 * A poem with blanks. Half of the poems are one blank from the first to the last character, [gMASK] alone in Part A,
 * which is what writing a poem from nothing asks; the others get GLM's spans of tokens, sentences and long stretches.
 */
export function blankSample(text: string, { tokenizer, blanks }: PoemTokenizer, random: Random): Sample {
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  const isWhole = random.uniform() < 0.5;
  const drawn = drawBlanks(
    ids,
    blanks,
    {
      modes: isWhole ? { token: 0, sentence: 0, generation: 1 } : { token: 0.3, sentence: 0.3, generation: 0.4 },
      shortestGeneration: isWhole ? 1 : 0.25,
      endsSentence: (id) => /[。！？；]$/u.test(tokenizer.decode([id])),
    },
    random,
  );
  return causalBlankSample(drawn, blanks);
}

/** An instruction and its answer as GLM-4 lays a conversation out; only the answer and its end are asked for. */
export function chatSample({ instruction, answer }: Instruction, { tokenizer }: PoemTokenizer): Sample {
  const messages = [
    { role: "user", content: instruction },
    { role: "assistant", content: answer },
  ] as const;
  const { ids, learn } = encodeTrainingChat(tokenizer, messages, { template: "glm-4" });
  return { ids, targets: ids.map((_, i) => (learn[i + 1] ? ids[i + 1]! : ignored)) };
}

/**
 * Batch n of rows: samples drawn one after another from an endless shuffled sequence of items, packed without gaps.
 * Everything follows from the seed and n, so a resumed run sees what it would have seen.
 */
export function packedRows<T>(
  items: readonly T[],
  sampleOf: (item: T, random: Random) => Sample,
  { batch, length, padId, random }: { batch: number; length: number; padId: number; random: Random },
): (n: number) => readonly Sample[] {
  const rows = packSamples(endless(items, sampleOf, random), length, padId);
  const made: (readonly Sample[])[] = [];
  return (n) => {
    while (made.length <= n) made.push(Array.from({ length: batch }, () => rows.next().value as Sample));
    return made[n]!;
  };
}

function* endless<T>(items: readonly T[], sampleOf: (item: T, random: Random) => Sample, random: Random) {
  for (;;) for (const i of random.permutation(items.length)) yield sampleOf(items[i]!, random);
}
