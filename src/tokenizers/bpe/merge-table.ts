/**
 * The merges of a BPE vocabulary: which two neighbouring ids become which one, and in what order.
 *
 * An open-addressing hash table in one Int32Array, four numbers a slot (left, right, rank, result), because encoding asks
 * it several times for every byte of text: a Map would need a key object or a float key for each question.
 */

export interface MergeTable {
  /** Four numbers a slot: left id (−1 in a free slot), right id, rank, result id. */
  readonly slots: Int32Array;
  /** Slots − 1; the number of slots is a power of two. */
  readonly mask: number;
  readonly size: number;
}

/** One merge. The lower rank goes first; its place in the list when there is no other order. */
export interface Merge {
  readonly left: number;
  readonly right: number;
  readonly result: number;
}

/** Ranks must stay below this: the heap packs a rank and a position into one double. */
export const mostMerges = 2 ** 22;

/**
 * Builds the table. `ranks` gives the order; without it merges rank by their place. Of equal pairs the last one counts, as in
 * Hugging Face tokenizers.
 */
export function createMergeTable(merges: readonly Merge[], ranks?: ArrayLike<number>): MergeTable {
  // Most questions are answered with no, and the emptier the table, the sooner.
  let capacity = 16;
  while (capacity * 0.4 < merges.length) capacity *= 2;
  const slots = new Int32Array(capacity * 4).fill(-1);
  const mask = capacity - 1;
  let size = 0;
  merges.forEach(({ left, right, result }, index) => {
    let at = slotOf(left, right, mask);
    while (slots[at * 4] !== -1 && !(slots[at * 4] === left && slots[at * 4 + 1] === right)) at = (at + 1) & mask;
    if (slots[at * 4] === -1) size++;
    slots[at * 4] = left;
    slots[at * 4 + 1] = right;
    slots[at * 4 + 2] = ranks === undefined ? index : ranks[index]!;
    slots[at * 4 + 3] = result;
  });
  return { slots, mask, size };
}

/** Where in `slots` the rank of a pair stands (its result is the number after it), or −1 when the pair does not merge. */
export function findMerge(table: MergeTable, left: number, right: number): number {
  const { slots, mask } = table;
  let at = slotOf(left, right, mask) << 2;
  for (;;) {
    const found = slots[at]!;
    if (found === left && slots[at + 1] === right) return at + 2;
    if (found === -1) return -1;
    at = (at + 4) & ((mask << 2) | 3);
  }
}

/** Multiplicative hashing; the constants are 2^32 divided by the golden ratio, and a prime of xxHash. */
function slotOf(left: number, right: number, mask: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca77);
  return (mixed ^ (mixed >>> 15)) & mask;
}
