/**
 * Merges that could come next, the most frequent first. Of equally frequent ones the pair with the lower left id, then the lower right id,
 * goes first: the order of Hugging Face's trainer, so the same text gives the same vocabulary.
 */

export interface Candidate {
  /** How often the pair occurred when this was queued; a lower true count is found out when it comes up. */
  count: number;
  readonly left: number;
  readonly right: number;
  /** Number of the pair in the table of counts. */
  readonly pair: number;
  /** Words in which the pair occurs, or did. */
  readonly words: readonly number[];
}

export interface MergeQueue {
  push(candidate: Candidate): void;
  pop(): Candidate | undefined;
}

const before = (a: Candidate, b: Candidate): boolean =>
  a.count !== b.count ? a.count > b.count : a.left !== b.left ? a.left < b.left : a.right < b.right;

/** A binary heap. */
export function createMergeQueue(): MergeQueue {
  const heap: Candidate[] = [];
  return {
    push(candidate) {
      let at = heap.length;
      heap.push(candidate);
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!before(candidate, heap[parent]!)) break;
        heap[at] = heap[parent]!;
        at = parent;
      }
      heap[at] = candidate;
    },
    pop() {
      const top = heap[0];
      const moved = heap.pop();
      if (moved === undefined || heap.length === 0) return top;
      let at = 0;
      for (let child = 1; child < heap.length; child = 2 * at + 1) {
        if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
        if (!before(heap[child]!, moved)) break;
        heap[at] = heap[child]!;
        at = child;
      }
      heap[at] = moved;
      return top;
    },
  };
}
