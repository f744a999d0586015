/**
 * MinHash signatures (Broder 1997) by one-permutation hashing (Li, Owen and Zhang 2012): a hash function puts every shingle into one of
 * 16 bins by its leading bits and each bin keeps its least value, so one multiplication does the work of 16. Nine such functions make
 * 144 values; of each only 8 bits are kept (b-bit MinHash, Li and König 2010). Two signatures agree at a place with probability
 * J + (1 − J)/256, where J is the Jaccard similarity.
 *
 * Bands of three values: two texts are compared when all three agree in some band. With 48 bands that happens with probability
 * 1 − (1 − J³)^48: 0.97 at J = 0.41, 0.995 at J = 0.48 (one character in five edited), and 0.006 at J = 0.05.
 */

export const signatureRows = 144;
export const bandRows = 3;
export const bandCount = signatureRows / bandRows;

const functions = 9;
const binBits = 4;
const bins = 1 << binBits;

// Multiply-shift hashing (Dietzfelbinger et al. 1997) wants odd multipliers; these are the golden ratio's multiples, made odd.
const multipliers = Uint32Array.from(
  { length: functions },
  (_, i) => (Math.imul(0x9e3779b1, 2 * i + 1) ^ (0x5bd1e995 >>> i)) | 1,
);
const offsets = Uint32Array.from({ length: functions }, (_, i) => Math.imul(0xc2b2ae3d, i + 1));

const least = new Uint32Array(signatureRows);
const empty = 0xffffffff;

/** Writes the signature of `count` shingles (at least one) into `into[at …]`, `signatureRows` bytes. */
export function signatureInto(shingles: Uint32Array, count: number, into: Uint8Array, at: number): void {
  least.fill(empty);
  for (let f = 0; f < functions; f++) {
    const multiplier = multipliers[f]!;
    const offset = offsets[f]!;
    const row = f * bins;
    for (let i = 0; i < count; i++) {
      // A second multiplication keeps functions independent where the first leaves two hashes in the same order.
      let value = Math.imul(shingles[i]! ^ offset, multiplier);
      value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) >>> 0;
      const bin = row + (value >>> (32 - binBits));
      if (value < least[bin]!) least[bin] = value;
    }
  }
  for (let row = 0; row < signatureRows; row++) {
    into[at + row] = Math.imul(least[nearestFilled(row)]!, 0x9e3779b1) >>> 24;
  }
}

/** Empty bins of short texts borrow from the next one of the same function that is filled (Shrivastava and Li 2014). */
function nearestFilled(row: number): number {
  const first = row & ~(bins - 1);
  for (let step = 0; step < bins; step++) {
    const other = first + ((row + step) & (bins - 1));
    if (least[other] !== empty) return other;
  }
  return row;
}

/** The key of a band: its three bytes. Rows of one band come from three different functions. */
export function bandKey(signatures: Uint8Array, at: number, band: number): number {
  return (
    signatures[at + band]! | (signatures[at + band + bandCount]! << 8) | (signatures[at + band + 2 * bandCount]! << 16)
  );
}

/** The Jaccard similarity that two signatures suggest, with a standard error of about 0.04. */
export function estimateJaccard(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number): number {
  let equal = 0;
  for (let i = 0; i < signatureRows; i++) if (a[aStart + i] === b[bStart + i]) equal++;
  return Math.max(0, (equal / signatureRows - 1 / 256) / (1 - 1 / 256));
}
