/**
 * The rewriting rules inside a SentencePiece model: a double-array trie from byte strings to their replacements.
 *
 * Layout of the blob: trie size in bytes (uint32), the trie (uint32 units), then all replacements, each ended by a null
 * byte; a rule's value is the offset of its replacement. Units are those of the darts-clone library: bits 0-7 label and
 * bit 31 "this is a value" (compared together with the wanted byte), bit 8 "a value hangs below", bits 10-30 offset to
 * the children, times 256 when bit 9 is set. A child stands at (parent xor offset xor byte). All integers little-endian.
 */
import { badModel } from "./model.ts";

export interface Charsmap {
  readonly units: Uint32Array;
  readonly replacements: Uint8Array;
}

/** The rules of nmt_nfkc take 240 kB; the walk below is linear in this bound. */
const maximumBytes = 4 * 1024 * 1024;
/** The longest in Unicode's NFKC is 33 bytes (U+FDFA). Without a bound a tiny text could become gigabytes. */
const maximumReplacement = 1024;
const labelMask = 0x800000ff;

/** Where the children of a unit's node are counted from, to be combined with the node's index by xor. */
export const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);

/** Reads the blob and walks every rule. Throws SENTENCEPIECE_INVALID unless each leads to a bounded, valid replacement. */
export function readCharsmap(blob: Uint8Array): Charsmap {
  if (blob.length > maximumBytes) {
    throw badModel(`${blob.length} bytes of rewriting rules, at most ${maximumBytes} are read`, { got: blob.length });
  }
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const trieBytes = blob.length < 4 ? 0 : view.getUint32(0, true);
  // At least one unit, whole units, and something left for the replacements.
  if (trieBytes < 4 || trieBytes % 4 !== 0 || trieBytes > blob.length - 5) {
    throw badModel(`rewriting rules of ${blob.length} bytes say that their trie takes ${trieBytes}`, {
      got: trieBytes,
      bytes: blob.length,
    });
  }
  const units = new Uint32Array(trieBytes / 4);
  for (let i = 0; i < units.length; i++) units[i] = view.getUint32(4 + 4 * i, true);
  const replacements = blob.slice(4 + trieBytes);
  checkReplacements(replacements);
  checkTrie(units, replacements);
  return { units, replacements };
}

function checkReplacements(replacements: Uint8Array): void {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(replacements);
  } catch {
    throw badModel("the replacements of its rewriting rules are not UTF-8");
  }
  if (replacements.at(-1) !== 0) throw badModel("the last replacement of its rewriting rules has no end");
  let start = 0;
  for (let end = replacements.indexOf(0); end >= 0; end = replacements.indexOf(0, start)) {
    if (end - start > maximumReplacement) {
      throw badModel(`a rewriting rule gives ${end - start} bytes, at most ${maximumReplacement} are read`);
    }
    start = end + 1;
  }
}

/** Visits every node that some text can reach, once: a damaged trie may share nodes or run in circles. */
function checkTrie(units: Uint32Array, replacements: Uint8Array): void {
  const { length } = units;
  const { first, next } = childLists(units);
  const seen = new Uint8Array(length);
  const stack = [offsetOf(units[0]!)];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node >= length) throw badModel("the trie of its rewriting rules points outside itself");
    if (seen[node] === 1) continue;
    seen[node] = 1;
    for (let child = first[node]!; child >= 0; child = next[child]!) {
      const unit: number = units[child]!;
      const below: number = child ^ offsetOf(unit);
      stack.push(below);
      if ((unit & 0x100) === 0) continue;
      const value = (units[below] ?? 0) & 0x7fffffff;
      if (value >= replacements.length || (replacements[value]! & 0xc0) === 0x80) {
        throw badModel(`a rewriting rule points at byte ${value} of ${replacements.length}`, { got: value });
      }
    }
  }
}

/** For every node the units that hang below it, as linked lists (-1 ends one): a unit with label b is a child of i xor b. */
function childLists(units: Uint32Array): { readonly first: Int32Array; readonly next: Int32Array } {
  const first = new Int32Array(units.length).fill(-1);
  const next = new Int32Array(units.length).fill(-1);
  for (let i = 0; i < units.length; i++) {
    const label = (units[i]! & labelMask) >>> 0;
    const parent = i ^ label;
    // No rule holds a null byte, and labels above 255 are values.
    if (label === 0 || label > 255 || parent >= units.length) continue;
    next[i] = first[parent]!;
    first[parent] = i;
  }
  return { first, next };
}
