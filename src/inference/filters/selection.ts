/**
 * Selecting without sorting: the k-th largest of many numbers, and the number at which accumulated weight passes a mass.
 *
 * Both are Hoare's quickselect (1961) with a median-of-three pivot and three-way partition: linear time on average, also
 * when many values are equal. A vocabulary has 150,000 entries and sorting them would cost more than everything else.
 */

/** The k-th largest value (k from 1). Reorders `values`. */
export function kthLargest(values: Float32Array, k: number): number {
  let low = 0;
  let high = values.length - 1;
  const target = values.length - k; // its place in ascending order
  while (low < high) {
    const pivot = medianOfThree(values[low]!, values[(low + high) >>> 1]!, values[high]!);
    let less = low;
    let greater = high;
    for (let i = low; i <= greater; ) {
      const value = values[i]!;
      if (value < pivot) swap(values, i++, less++);
      else if (value > pivot) swap(values, i, greater--);
      else i++;
    }
    if (target < less) high = less - 1;
    else if (target > greater) low = greater + 1;
    else return pivot;
  }
  return values[target]!;
}

/** Makes all scores −∞ but the `count` largest and those that tie with the last of them. */
export function keepLargest(count: number): (scores: Float32Array) => void {
  return (scores) => {
    if (count >= scores.length) return;
    const limit = kthLargest(scores.slice(), count);
    for (let i = 0; i < scores.length; i++) if (scores[i]! < limit) scores[i] = -Infinity;
  };
}

/** Where a mass is passed: the key, and the weight of all keys below it. */
export interface Crossing {
  readonly key: number;
  readonly below: number;
}

/**
 * Going through the entries by rising key, the first key at which the accumulated weight, this key's own included, is
 * more than `mass` (with `inclusive`: reaches it). When that never happens, the largest key.
 * @param keys no NaN
 * @param weights not negative
 * @param order the entries to look at; reordered
 */
export function weightedCrossing(
  keys: Float64Array | Float32Array,
  weights: Float64Array,
  order: Int32Array,
  mass: number,
  inclusive = false,
): Crossing {
  let low = 0;
  let high = order.length - 1;
  let below = 0;
  for (;;) {
    const pivot = medianOfThree(keys[order[low]!]!, keys[order[(low + high) >>> 1]!]!, keys[order[high]!]!);
    let less = low;
    let greater = high;
    let lessWeight = 0;
    let equalWeight = 0;
    for (let i = low; i <= greater; ) {
      const entry = order[i]!;
      const key = keys[entry]!;
      if (key < pivot) {
        lessWeight += weights[entry]!;
        swap(order, i++, less++);
      } else if (key > pivot) swap(order, i, greater--);
      else {
        equalWeight += weights[entry]!;
        i++;
      }
    }
    const passes = (weight: number) => (inclusive ? weight >= mass : weight > mass);
    if (less > low && passes(below + lessWeight)) {
      high = less - 1;
    } else if (greater === high || passes(below + lessWeight + equalWeight)) {
      return { key: pivot, below: below + lessWeight };
    } else {
      below += lessWeight + equalWeight;
      low = greater + 1;
    }
  }
}

const medianOfThree = (a: number, b: number, c: number): number =>
  Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));

function swap(values: Float32Array | Int32Array, i: number, j: number): void {
  const held = values[i]!;
  values[i] = values[j]!;
  values[j] = held;
}
