/**
 * GPT-2's way to write bytes in a JSON vocabulary: every byte has one printable character. Printable Latin-1 bytes stand for
 * themselves; the other 68, in order, are U+0100 and up (a space becomes Ġ, a newline Ċ).
 * Source: openai/gpt-2 `encoder.py`, `bytes_to_unicode`.
 */

const printable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

/** The character of each byte. */
export const byteCharacters: readonly string[] = (() => {
  let shifted = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : shifted++));
})();

/** The byte of each character; −1 for characters outside the alphabet. All of the alphabet is below U+0144. */
const characterBytes = new Int16Array(0x144).fill(-1);
byteCharacters.forEach((character, byte) => {
  characterBytes[character.charCodeAt(0)] = byte;
});

const encoder = new TextEncoder();

/** The bytes of a text as one character each. */
export function toAlphabet(text: string): string {
  let result = "";
  for (const byte of encoder.encode(text)) result += byteCharacters[byte]!;
  return result;
}

/**
 * The bytes that a vocabulary entry stands for. An entry with any character outside the alphabet (a special token with a space or
 * a Chinese letter) stands for its own UTF-8 bytes, as in Hugging Face's ByteLevel decoder.
 */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = characterBytes[token.charCodeAt(i)] ?? -1;
    if (byte < 0) return encoder.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}
