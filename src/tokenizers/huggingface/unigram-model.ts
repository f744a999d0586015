/**
 * The Unigram model of tokenizer.json: the segmentation of highest total score (Viterbi). Same rules as Hugging Face's
 * `encode_optimized`: an unknown character costs the lowest score minus 10, neighbouring unknowns become one, the first of equal paths wins.
 */
import { toAlphabet } from "../byte-level/alphabet.ts";
import { byteTokens } from "./bpe-model.ts";
import { booleanField, broken, type Fields, field, integerField, listField, place } from "./fields.ts";
import type { WordModel } from "./model.ts";
import type { Vocabulary } from "./vocabulary.ts";

const unknownPenalty = 10;

export function unigramModel(fields: Fields, bytes: boolean): WordModel {
  const { vocabulary, scores } = piecesOf(fields);
  const unknownId = field(fields, "unk_id") === undefined ? undefined : integerField(fields, "unk_id");
  if (unknownId !== undefined && unknownId >= scores.length) {
    throw broken(place(fields, "unk_id"), unknownId, `below the number of pieces, ${scores.length}`);
  }
  const fallback = booleanField(fields, "byte_fallback", false) ? byteTokens(vocabulary) : undefined;
  const trie = createTrie(vocabulary.tokens);
  const unknownScore = scores.reduce((low, score) => Math.min(low, score), Infinity) - unknownPenalty;

  return {
    vocabulary,
    ...(unknownId === undefined ? {} : { unknownId }),
    encodeWord(text, out) {
      const word = bytes ? toAlphabet(text) : text;
      for (const piece of segment(word)) {
        const id = vocabulary.ids.get(piece);
        const spelled = id === undefined ? fallback?.(piece) : [id];
        if (spelled === undefined && unknownId === undefined) {
          throw broken(
            place(fields, "unk_id"),
            undefined,
            `an id, because the text has the unknown piece ${JSON.stringify(piece.slice(0, 40))}`,
          );
        }
        out.push(...(spelled ?? [unknownId!]));
      }
    },
  };

  /** Best path over UTF-16 positions; −1 marks an unknown character. */
  function segment(word: string): string[] {
    const best = new Float64Array(word.length + 1).fill(-Infinity);
    const from = new Int32Array(word.length + 1);
    const ids = new Int32Array(word.length + 1);
    best[0] = 0;
    for (let start = 0; start < word.length; ) {
      const step = word.codePointAt(start)! > 0xffff ? 2 : 1;
      let single = false;
      trie(word, start, (end, id) => {
        const score = best[start]! + scores[id]!;
        if (score > best[end]!) {
          best[end] = score;
          from[end] = start;
          ids[end] = id;
        }
        if (end === start + step) single = true;
      });
      if (!single && best[start]! + unknownScore > best[start + step]!) {
        best[start + step] = best[start]! + unknownScore;
        from[start + step] = start;
        ids[start + step] = unknownId ?? -1;
      }
      start += step;
    }
    const pieces: string[] = [];
    for (let end = word.length; end > 0; ) {
      let start = from[end]!;
      if (unknownId !== undefined && ids[end] === unknownId) {
        while (start > 0 && ids[start] === unknownId) start = from[start]!;
      }
      pieces.push(word.slice(start, end));
      end = start;
    }
    return pieces.reverse();
  }
}

function piecesOf(fields: Fields): { vocabulary: Vocabulary; scores: Float64Array } {
  const list = listField(fields, "vocab");
  if (list.length === 0) throw broken(place(fields, "vocab"), list, "at least one piece");
  const ids = new Map<string, number>();
  const tokens: string[] = [];
  const scores = new Float64Array(list.length);
  list.forEach((entry, id) => {
    const [piece, score] = Array.isArray(entry) ? entry : [];
    if (typeof piece !== "string" || typeof score !== "number") {
      throw broken(`${place(fields, "vocab")}[${id}]`, entry, '["piece", score]');
    }
    ids.set(piece, id);
    tokens.push(piece);
    scores[id] = score;
  });
  return { vocabulary: { ids, tokens }, scores };
}

/** Calls back with every piece that begins at a position: its end and id, shortest first. */
function createTrie(
  tokens: readonly (string | undefined)[],
): (text: string, start: number, visit: (end: number, id: number) => void) => void {
  interface Node {
    id: number;
    readonly next: Map<number, Node>;
  }
  const root: Node = { id: -1, next: new Map() };
  tokens.forEach((token, id) => {
    if (token === undefined || token === "") return;
    let node = root;
    for (let i = 0; i < token.length; i++) {
      const unit = token.charCodeAt(i);
      let next = node.next.get(unit);
      if (next === undefined) {
        next = { id: -1, next: new Map() };
        node.next.set(unit, next);
      }
      node = next;
    }
    node.id = id;
  });
  return (text, start, visit) => {
    let node: Node | undefined = root;
    for (let i = start; i < text.length; i++) {
      node = node.next.get(text.charCodeAt(i));
      if (node === undefined) return;
      if (node.id >= 0) visit(i + 1, node.id);
    }
  };
}
