/** How often every pair of neighbouring ids occurs: an open-addressing table from a pair to a small number, and a count for each number. */

export interface PairCounts {
  /** The number of a pair; a new one for a new pair. Numbers count from 0. */
  indexOf(left: number, right: number): number;
  left(index: number): number;
  right(index: number): number;
  count(index: number): number;
  add(index: number, change: number): void;
}

export function createPairCounts(): PairCounts {
  let slots = new Int32Array(1 << 16).fill(-1);
  let lefts = new Int32Array(1 << 15);
  let rights = new Int32Array(1 << 15);
  let counts = new Float64Array(1 << 15);
  let size = 0;

  /** The slot of a pair, or the free slot where it belongs. */
  function slotOf(left: number, right: number): number {
    const mask = slots.length - 1;
    const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca77);
    let at = (mixed ^ (mixed >>> 15)) & mask;
    for (let index = slots[at]!; index !== -1; index = slots[at]!) {
      if (lefts[index] === left && rights[index] === right) break;
      at = (at + 1) & mask;
    }
    return at;
  }

  /** Twice the room; at most half of the slots are taken. */
  function grow(): void {
    lefts = copyInto(new Int32Array(size * 2), lefts);
    rights = copyInto(new Int32Array(size * 2), rights);
    counts = copyInto(new Float64Array(size * 2), counts);
    slots = new Int32Array(size * 4).fill(-1);
    for (let index = 0; index < size; index++) slots[slotOf(lefts[index]!, rights[index]!)] = index;
  }

  return {
    indexOf(left, right) {
      let at = slotOf(left, right);
      const known = slots[at]!;
      if (known !== -1) return known;
      if (size === lefts.length) {
        grow();
        at = slotOf(left, right);
      }
      lefts[size] = left;
      rights[size] = right;
      slots[at] = size;
      return size++;
    },
    left: (index) => lefts[index]!,
    right: (index) => rights[index]!,
    count: (index) => counts[index]!,
    add(index, change) {
      counts[index]! += change;
    },
  };
}

function copyInto<T extends Int32Array | Float64Array>(target: T, source: T): T {
  target.set(source);
  return target;
}
