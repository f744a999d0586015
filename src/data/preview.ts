/** A training sample as the model will see it: decoded after the chat template, with what it must learn to write set apart. */
import type { JinjaSource, LoadedTokenizer } from "../tokenizers/index.ts";
import { encodeTrainingChat, type Tokenizer } from "../tokenizers/index.ts";
import type { ParsedRecord } from "./sources/index.ts";

/** Neighbouring tokens of one kind. */
export interface PreviewSpan {
  readonly text: string;
  readonly isLearnt: boolean;
  readonly tokens: number;
}

export interface Preview {
  /** "chosen" and "rejected" for the two sides of a preference record. */
  readonly title: string;
  readonly spans: readonly PreviewSpan[];
  readonly tokens: number;
  readonly learnt: number;
}

/**
 * Previews a record, two for a preference pair. `template`: name of a GLM generation or Jinja text; default the tokenizer's own. A
 * record without anything to learn throws `NOTHING_TO_LEARN`.
 */
export function previewRecord(
  record: ParsedRecord,
  tokenizer: Tokenizer | LoadedTokenizer,
  template?: string | JinjaSource,
): Preview[] {
  const conversation = record.format.conversation(record.value);
  if (conversation === undefined) {
    const ids = tokenizer.encode(record.value.text as string);
    return [
      spansOf(
        "text",
        tokenizer,
        ids,
        ids.map(() => true),
      ),
    ];
  }
  const own = "chatTemplate" in tokenizer ? tokenizer.chatTemplate : undefined;
  const { messages, chosen, rejected, tools } = conversation;
  const sides =
    chosen === undefined || rejected === undefined
      ? ([["conversation", messages]] as const)
      : ([
          ["chosen", [...messages, ...chosen]],
          ["rejected", [...messages, ...rejected]],
        ] as const);
  return sides.map(([title, side]) => {
    const { ids, learn } = encodeTrainingChat(tokenizer, side, { template: template ?? own, tools });
    return spansOf(title, tokenizer, ids, learn);
  });
}

function spansOf(title: string, tokenizer: Tokenizer, ids: readonly number[], learn: readonly boolean[]): Preview {
  const spans: PreviewSpan[] = [];
  let start = 0;
  for (let i = 1; i <= ids.length; i++) {
    if (i < ids.length && learn[i] === learn[start]) continue;
    const part = ids.slice(start, i);
    spans.push({ text: showTokens(tokenizer, part), isLearnt: learn[start]!, tokens: part.length });
    start = i;
  }
  return { title, spans, tokens: ids.length, learnt: learn.filter(Boolean).length };
}

/** Decoded text with special tokens spelled out, which decoding as plain text would drop or hide. */
function showTokens(tokenizer: Tokenizer, ids: readonly number[]): string {
  const special = new Map([...tokenizer.specialTokens].map(([text, id]) => [id, text]));
  let text = "";
  let plain: number[] = [];
  const flush = (): void => {
    // Bytes, not decode(): a tokenizer may drop a leading space there, and a preview must show what is.
    text += new TextDecoder().decode(joined(plain.map((id) => tokenizer.bytesOf(id))));
    plain = [];
  };
  for (const id of ids) {
    const name = special.get(id) ?? (id === tokenizer.ids.end ? tokenizer.tokenOf(id) : undefined);
    if (name === undefined) plain.push(id);
    else {
      flush();
      text += name;
    }
  }
  flush();
  return text;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Green for what is learnt, grey for the rest; in brackets ⟦…⟧ where there are no colours. */
export function renderPreview(preview: Preview, hasColors: boolean): string {
  const start = String.fromCharCode(27);
  const body = preview.spans
    .map(({ text, isLearnt }) => {
      if (!hasColors) return isLearnt ? `⟦${text}⟧` : text;
      // A colour ends with its line: pagers and terminals lose it otherwise.
      const color = isLearnt ? `${start}[32m` : `${start}[90m`;
      return text
        .split("\n")
        .map((line) => `${color}${line}${start}[0m`)
        .join("\n");
    })
    .join("");
  return `${preview.title}: ${preview.tokens} tokens, ${preview.learnt} to learn\n${body}`;
}
