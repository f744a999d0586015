/**
 * Rewrites text before it is cut into pieces, byte for byte as SentencePiece's normalizer.cc does.
 *
 * At each position the longest user-defined piece is taken as it stands; otherwise the longest rewriting rule applies;
 * otherwise the character is copied. Spaces are squeezed, escaped and put around the text as the settings say. All of it
 * works on UTF-8 in buffers that are kept between calls: one call allocates nothing once they are large enough.
 */
import { type ByteTrie, longestMatch } from "./byte-trie.ts";
import { type Charsmap, offsetOf, readCharsmap } from "./charsmap.ts";
import type { NormalizerSettings } from "./model.ts";
import { characterLength, replacementCharacter } from "./utf8.ts";

const space = 0x20;
/** U+2581 in UTF-8. */
const escaped0 = 0xe2;
const escaped1 = 0x96;
const escaped2 = 0x81;

const oneSpace = Uint8Array.of(space);

export interface NormalizerOptions {
  /** Put the dummy space after the text. Default false. */
  readonly whitespaceAsSuffix?: boolean;
  /** Pieces that pass unchanged wherever they stand. */
  readonly userDefined?: ByteTrie | undefined;
}

/** Owns two buffers; the bytes it returns are valid until the next call. */
export class Normalizer {
  private readonly settings: NormalizerSettings;
  private readonly asSuffix: boolean;
  private readonly charsmap: Charsmap | undefined;
  private readonly matcher: ByteTrie | undefined;
  private readonly encoder = new TextEncoder();
  private input = new Uint8Array(256);
  /** The normalised bytes; the first `length` of them count. */
  bytes = new Uint8Array(1024);
  length = 0;
  /** What the last `findPrefix` found: input bytes used, and where to copy from. */
  private taken = 0;
  private source: Uint8Array = this.input;
  private from = 0;
  private to = 0;

  constructor(settings: NormalizerSettings, options: NormalizerOptions = {}) {
    const { whitespaceAsSuffix = false, userDefined } = options;
    this.settings = settings;
    this.asSuffix = whitespaceAsSuffix;
    this.charsmap = settings.charsmap.length > 0 ? readCharsmap(settings.charsmap) : undefined;
    this.matcher = userDefined;
  }

  /** Normalises `text` into `bytes` and `length`. A half surrogate counts as U+FFFD. */
  run(text: string): void {
    const { removeExtraWhitespaces: squeeze, addDummyPrefix } = this.settings;
    this.length = 0;
    const end = this.load(text);
    let at = 0;
    if (squeeze) {
      while (at < end) {
        this.findPrefix(at, end);
        if (this.to - this.from !== 1 || this.source[this.from] !== space) break;
        at += this.taken;
      }
    }
    if (at >= end) return;
    if (addDummyPrefix && !this.asSuffix) this.addSpace();
    let afterSpace = squeeze;
    while (at < end) {
      this.findPrefix(at, end);
      at += this.taken;
      const { source, to } = this;
      let { from } = this;
      if (afterSpace) while (from < to && source[from] === space) from++;
      if (from === to) continue;
      this.copy(source, from, to);
      afterSpace = squeeze && source[to - 1] === space;
    }
    if (squeeze) this.trimEnd();
    if (addDummyPrefix && this.asSuffix) this.addSpace();
  }

  /** The normalised text as a string of its own. */
  toText(text: string): string {
    this.run(text);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.bytes.subarray(0, this.length));
  }

  /** Puts the text's UTF-8 into `input` and returns its length. */
  private load(text: string): number {
    if (this.input.length < 3 * text.length) this.input = new Uint8Array(4 * text.length);
    return this.encoder.encodeInto(text, this.input).written;
  }

  /** Looks at the input from `at`: sets how much of it is used up and which bytes stand for it. */
  private findPrefix(at: number, end: number): void {
    const { input } = this;
    const matched = this.matcher === undefined ? 0 : longestMatch(this.matcher, input, at, end);
    const lead = input[at]!;
    if (matched > 0) {
      this.take(matched, input, at, at + matched);
    } else if (this.charsmap !== undefined && this.findRule(this.charsmap, at, end)) {
      // Taken already.
    } else if ((lead & 0xc0) === 0x80) {
      // A rule may end inside a character; what is left of it is broken, and each byte becomes U+FFFD.
      this.take(1, replacementCharacter, 0, 3);
    } else {
      const length = characterLength(lead);
      this.take(length, input, at, at + length);
    }
  }

  private take(taken: number, source: Uint8Array, from: number, to: number): void {
    this.taken = taken;
    this.source = source;
    this.from = from;
    this.to = to;
  }

  /** Takes the longest rewriting rule that begins at `at`, if there is one. */
  private findRule({ units, replacements }: Charsmap, at: number, end: number): boolean {
    const { input } = this;
    let node = offsetOf(units[0]!);
    let longest = 0;
    let value = 0;
    for (let i = at; i < end; i++) {
      const byte = input[i]!;
      node ^= byte;
      if (node >= units.length) break;
      const unit = units[node]!;
      // No rule holds a null byte, and `readCharsmap` has not looked where one would lead.
      if (byte === 0 || (unit & 0x800000ff) >>> 0 !== byte) break;
      node ^= offsetOf(unit);
      if ((unit & 0x100) === 0) continue;
      longest = i + 1 - at;
      value = units[node]! & 0x7fffffff;
    }
    if (longest === 0) return false;
    this.take(longest, replacements, value, replacements.indexOf(0, value));
    return true;
  }

  private copy(source: Uint8Array, from: number, to: number): void {
    this.reserve(3 * (to - from));
    const { escapeWhitespaces } = this.settings;
    const { bytes } = this;
    let { length } = this;
    for (let i = from; i < to; i++) {
      const byte = source[i]!;
      if (byte === space && escapeWhitespaces) {
        bytes[length++] = escaped0;
        bytes[length++] = escaped1;
        bytes[length++] = escaped2;
      } else {
        bytes[length++] = byte;
      }
    }
    this.length = length;
  }

  private addSpace(): void {
    this.copy(oneSpace, 0, 1);
  }

  private trimEnd(): void {
    const { bytes } = this;
    if (!this.settings.escapeWhitespaces) {
      while (this.length > 0 && bytes[this.length - 1] === space) this.length--;
      return;
    }
    let { length } = this;
    while (
      length >= 3 &&
      bytes[length - 1] === escaped2 &&
      bytes[length - 2] === escaped1 &&
      bytes[length - 3] === escaped0
    ) {
      length -= 3;
    }
    this.length = length;
  }

  /** Makes room for `more` bytes. */
  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const wider = new Uint8Array(2 * (this.length + more));
    wider.set(this.bytes);
    this.bytes = wider;
  }
}
