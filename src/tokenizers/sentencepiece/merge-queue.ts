/**
 * The merges that wait in a long stretch of text: highest score first, and among equal scores the leftmost.
 *
 * A binary heap of single numbers: (worst rank − rank) · 2³¹ + position, exact in a double for up to 2²⁰ ranks. Entries
 * are never removed when a merge becomes impossible; whoever takes one must check that it still holds.
 */
const positions = 2 ** 31;

export class MergeQueue {
  private keys = new Float64Array(256);
  private size = 0;
  private readonly worst: number;

  /** Ranks run from 0 to `worst`; a higher rank is merged earlier. */
  constructor(worst: number) {
    this.worst = worst;
  }

  push(rank: number, position: number): void {
    if (this.size === this.keys.length) {
      const wider = new Float64Array(2 * this.size);
      wider.set(this.keys);
      this.keys = wider;
    }
    const { keys } = this;
    const key = (this.worst - rank) * positions + position;
    let hole = this.size++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[hole] = keys[parent]!;
      hole = parent;
    }
    keys[hole] = key;
  }

  /** Takes the next entry out; `undefined` when there is none. Read it with `rankOf` and `positionOf`. */
  pop(): number | undefined {
    if (this.size === 0) return undefined;
    const { keys } = this;
    const top = keys[0]!;
    const key = keys[--this.size]!;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= key) break;
      keys[hole] = keys[child]!;
      hole = child;
    }
    keys[hole] = key;
    return top;
  }

  rankOf(key: number): number {
    return this.worst - Math.floor(key / positions);
  }

  positionOf(key: number): number {
    return key % positions;
  }
}
