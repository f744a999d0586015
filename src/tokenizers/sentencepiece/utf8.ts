/**
 * UTF-8 as SentencePiece sees it: lengths of characters, and a repair that maps each broken byte to U+FFFD on its own.
 *
 * The platform's TextDecoder replaces a truncated character by one U+FFFD however many bytes are left of it, so it can't
 * stand in for `repairUtf8`.
 */

/** U+FFFD in UTF-8. */
export const replacementCharacter: Uint8Array = Uint8Array.of(0xef, 0xbf, 0xbd);

/** Bytes of the character that begins with `lead`; 1 for a byte that begins none. */
export const characterLength = (lead: number): number => (lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4);

/** Length of the well-formed character at `at` (shortest form, no surrogates, at most U+10FFFF), or 0 if there is none. */
function validLength(bytes: ArrayLike<number>, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 || lead > 0xf4 ? 0 : characterLength(lead);
  if (length === 0 || at + length > bytes.length) return 0;
  for (let i = 1; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1]!;
  if (lead === 0xe0 && second < 0xa0) return 0;
  if (lead === 0xed && second > 0x9f) return 0;
  if (lead === 0xf0 && second < 0x90) return 0;
  if (lead === 0xf4 && second > 0x8f) return 0;
  return length;
}

/** `bytes` with each byte that is not part of a well-formed character replaced by U+FFFD. */
export function repairUtf8(bytes: ArrayLike<number>): number[] {
  const repaired: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = validLength(bytes, at);
    if (length === 0) {
      repaired.push(...replacementCharacter);
      at++;
    } else {
      for (const stop = at + length; at < stop; at++) repaired.push(bytes[at]!);
    }
  }
  return repaired;
}
