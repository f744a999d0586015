/**
 * The tokenizer of ChatGLM2-6B and ChatGLM3-6B: one BPE file, `tokenizer.model`, for both, and special tokens after it.
 *
 * - `[MASK] [gMASK] [sMASK] sop eop` follow the last piece in this order; ChatGLM3 adds the four roles. None of them is
 *   ever read from plain text.
 * - A text starts with [gMASK] sop; a pair of texts ends with the file's own </s>.
 * - Every call puts a space before its text, so pieces of a conversation must be encoded one by one: an empty header
 *   line of a ChatGLM3 message is "▁", line feed.
 *
 * Sources: tokenization_chatglm.py of the released models.
 */
import { CongError } from "../../support/errors.ts";
import { parseSentencePieceModel, type SentencePieceModel, sentencePieceTokenizer } from "../sentencepiece/index.ts";
import type { Tokenizer } from "../tokenizer.ts";

const sharedTokens = ["[MASK]", "[gMASK]", "[sMASK]", "sop", "eop"] as const;
const roleTokens = ["<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"] as const;

/** Makes ChatGLM2's tokenizer from `tokenizer.model`. Throws what `parseSentencePieceModel` throws. */
export const chatGlm2Tokenizer = (source: SentencePieceModel | Uint8Array): Tokenizer =>
  withAddedTokens(source, sharedTokens);

/** Makes ChatGLM3's tokenizer from `tokenizer.model`. Throws what `parseSentencePieceModel` throws. */
export const chatGlm3Tokenizer = (source: SentencePieceModel | Uint8Array): Tokenizer =>
  withAddedTokens(source, [...sharedTokens, ...roleTokens]);

function withAddedTokens(source: SentencePieceModel | Uint8Array, tokens: readonly string[]): Tokenizer {
  const model = source instanceof Uint8Array ? parseSentencePieceModel(source) : source;
  const first = model.pieces.length;
  const idOf = (piece: string): number => model.pieces.findIndex((row) => row.piece === piece);
  const begin = idOf(model.beginPiece);
  const end = idOf(model.endPiece);
  const unknown = model.pieces.findIndex(({ type }) => type === "unknown");
  return sentencePieceTokenizer(model, {
    added: new Map(tokens.map((token, i) => [token, first + i])),
    // The file has no padding piece; the released code pads with <unk>.
    ids: {
      ...(begin < 0 ? {} : { begin }),
      ...(end < 0 ? {} : { end }),
      pad: unknown,
      unknown,
      mask: first + tokens.indexOf("[MASK]"),
    },
    surround: (ids) => [first + tokens.indexOf("[gMASK]"), first + tokens.indexOf("sop"), ...ids],
  });
}

export interface ChatGlm3Message {
  readonly role: "system" | "user" | "assistant" | "observation";
  /** Name of the tool that an assistant calls; empty for plain text. Default "". */
  readonly metadata?: string;
  readonly content: string;
}

/** Ids of one message: the role, then the metadata with its line break, then the content, each text encoded apart. */
export function encodeChatGlm3Message(tokenizer: Tokenizer, message: ChatGlm3Message): number[] {
  const { role, metadata = "", content } = message;
  const plain = { addSpecialTokens: false };
  return [roleId(tokenizer, role), ...tokenizer.encode(`${metadata}\n`, plain), ...tokenizer.encode(content, plain)];
}

/** Ids of a whole conversation up to where the assistant goes on writing. */
export function encodeChatGlm3Chat(tokenizer: Tokenizer, messages: readonly ChatGlm3Message[]): number[] {
  const ids = tokenizer.encode("");
  for (const message of messages) for (const id of encodeChatGlm3Message(tokenizer, message)) ids.push(id);
  ids.push(roleId(tokenizer, "assistant"));
  return ids;
}

function roleId(tokenizer: Tokenizer, role: string): number {
  const id = tokenizer.specialTokens.get(`<|${role}|>`);
  if (id !== undefined) return id;
  throw new CongError(
    "BAD_ARGUMENT",
    `ChatGLM3 message: the tokenizer has no role "${role}"`,
    { role, roles: roleTokens },
    "roles are system, user, assistant and observation, and the tokenizer must be ChatGLM3's",
  );
}
