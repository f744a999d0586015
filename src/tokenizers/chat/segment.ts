/**
 * What a template makes: a list of segments, each known to come from the template or from people.
 *
 * Only the template can make a special token. Text from messages stays text whatever it spells, so a user who types
 * `<|assistant|>` opens no turn. Segments also carry the loss mask: what the assistant must learn to write.
 */
export interface Segment {
  /**
   * - `special`: one special token by name; the tokenizer must have it.
   * - `marker`: a special token where the tokenizer has it, the same letters where it has not (`<think>` in GLM-Z1).
   * - `end`: the tokenizer's end-of-text token.
   * - `text`: letters that never become a special token.
   */
  readonly kind: "special" | "marker" | "end" | "text";
  /** The token's name or the letters; empty for `end`. */
  readonly text: string;
  readonly learn: boolean;
}

export interface RenderedChat {
  readonly segments: readonly Segment[];
  /**
   * `joined`: neighbouring texts are encoded as one. `apart`: every text is encoded for itself, so that SentencePiece
   * puts its space in front of each (ChatGLM3). `whole`: no text from people could be taken for a special token, so
   * everything may be encoded in one call, exactly as Hugging Face does it.
   */
  readonly texts: "joined" | "apart" | "whole";
}

/** The prompt as one string, for reading and for tests; encoding this string would give up the protection above. */
export function segmentsText(segments: readonly Segment[]): string {
  return segments.map((segment) => segment.text).join("");
}

/**
 * Collects segments turn by turn. Inside a turn that is learnt, text and markers are learnt too; the special token that
 * opens the following turn belongs to them, because writing it is how the model ends its own turn.
 */
export interface SegmentWriter {
  readonly segments: Segment[];
  /** Opens a turn with a special token. */
  open(token: string, learnTurn?: boolean): void;
  special(token: string): void;
  text(text: string): void;
  marker(token: string): void;
  /** The tokenizer's end-of-text token. */
  end(): void;
  /** Text and markers up to the callback's end are given to the model as a prompt, never learnt. */
  given(write: () => void): void;
}

export function segmentWriter(): SegmentWriter {
  const segments: Segment[] = [];
  let learning = false;
  const push = (kind: Segment["kind"], text: string) => {
    if (text !== "" || kind === "end") segments.push({ kind, text, learn: learning });
  };
  return {
    segments,
    open(token, learnTurn = false) {
      push("special", token);
      learning = learnTurn;
    },
    special: (token) => push("special", token),
    text: (text) => push("text", text),
    marker: (token) => push("marker", token),
    end: () => push("end", ""),
    given(write) {
      const before = learning;
      learning = false;
      write();
      learning = before;
    },
  };
}
