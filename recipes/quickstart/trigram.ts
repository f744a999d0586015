/** The baseline: an interpolated Kneser–Ney trigram over characters, counted on the same training poems. */
import { boundary, trainNGram } from "./n-gram.ts";

const unknown = 1;

/** Bits a character of `held` under a trigram of `learned`; characters seen once count as unknown, like rare ones. */
export function trigramBits(learned: readonly string[], held: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const text of learned) for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  const known = [...counts].filter(([, count]) => count >= 2).map(([character]) => character);
  const ids = new Map(known.sort().map((character, i) => [character, i + 2]));
  const encode = (text: string) => Array.from(text, (character) => ids.get(character) ?? unknown);
  const model = trainNGram(learned.map(encode), 3, known.length + 2);
  let [nats, characters] = [0, 0];
  for (const text of held) {
    const history = [boundary, boundary];
    for (const id of encode(text)) {
      nats -= Math.log(model(history.slice(-2), id));
      history.push(id);
      characters++;
    }
  }
  return nats / Math.LN2 / characters;
}
