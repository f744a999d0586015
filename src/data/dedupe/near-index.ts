/**
 * The index of near duplicates: signatures of the texts kept so far, found again by their bands, and checked by exact Jaccard
 * similarity of their shingles.
 *
 * Memory a kept text: 144 bytes of signature and 4 to 8 bytes in each of 48 tables, about 430 bytes in all. The texts themselves lie in
 * a file (`TextSpool`), because only those of candidates are wanted again.
 */
import { bandCount, bandKey, estimateJaccard, signatureRows } from "./minhash.ts";
import { jaccard, ShingleSet, shinglesInto } from "./shingles.ts";
import type { TextSpool } from "./text-spool.ts";

export interface NearMatch {
  /** Number of the kept text, in the order of `add`. */
  readonly id: number;
  readonly similarity: number;
}

/** A candidate is compared exactly only when its signature comes this near the threshold: 4 standard errors. */
const margin = 0.16;

/**
 * Candidates looked at in one band. Past it lie only texts that share the same few phrases in great number; a true duplicate of one of
 * them is found through its other bands.
 */
const longestProbe = 64;

export class NearIndex {
  readonly #threshold: number;
  readonly #spool: TextSpool;
  #signatures = new Uint8Array(signatureRows << 10);
  #count = 0;
  /** One table a band: number of the text + 1, or 0. Linear probing, at most half full; keys are read from the signatures. */
  #tables = Array.from({ length: bandCount }, () => new Uint32Array(1 << 11));
  #lastSeen = new Uint32Array(1 << 10);
  #query = 0;
  #set = new ShingleSet();
  #shingles = new Uint32Array(1 << 12);
  #otherShingles = new Uint32Array(1 << 12);
  /** Exact comparisons made so far. */
  comparisons = 0;

  constructor(threshold: number, spool: TextSpool) {
    this.#threshold = threshold;
    this.#spool = spool;
  }

  get size(): number {
    return this.#count;
  }

  /** The most similar kept text, or undefined when none reaches the threshold. */
  find(units: Uint16Array, signatures: Uint8Array, at: number): NearMatch | undefined {
    this.#query++;
    let isPrepared = false;
    let best: NearMatch | undefined;
    const mask = this.#tables[0]!.length - 1;
    for (let band = 0; band < bandCount; band++) {
      const key = bandKey(signatures, at, band);
      const table = this.#tables[band]!;
      let slot = spread(key) & mask;
      for (let probes = 0; table[slot] !== 0 && probes < longestProbe; probes++, slot = (slot + 1) & mask) {
        const id = table[slot]! - 1;
        if (this.#lastSeen[id] === this.#query) continue;
        const other = id * signatureRows;
        if (bandKey(this.#signatures, other, band) !== key) continue;
        this.#lastSeen[id] = this.#query;
        if (estimateJaccard(signatures, at, this.#signatures, other) < this.#threshold - margin) continue;
        if (!isPrepared) {
          this.#shingles = withRoom(this.#shingles, units.length);
          this.#set.fill(this.#shingles, shinglesInto(units, 0, units.length, this.#shingles));
          isPrepared = true;
        }
        const similarity = this.#compare(id);
        if (similarity < this.#threshold || similarity <= (best?.similarity ?? 0)) continue;
        best = { id, similarity };
        // Nothing better is worth looking for.
        if (similarity > 0.95) return best;
      }
    }
    return best;
  }

  /** Adds a text that is kept. */
  add(units: Uint16Array, signatures: Uint8Array, at: number): void {
    const id = this.#count++;
    const start = id * signatureRows;
    if (start + signatureRows > this.#signatures.length) {
      const grown = new Uint8Array(2 * this.#signatures.length);
      grown.set(this.#signatures);
      this.#signatures = grown;
      const seen = new Uint32Array(2 * this.#lastSeen.length);
      seen.set(this.#lastSeen);
      this.#lastSeen = seen;
    }
    this.#signatures.set(signatures.subarray(at, at + signatureRows), start);
    this.#spool.add(units);
    if (2 * this.#count > this.#tables[0]!.length) this.#growTables();
    else for (let band = 0; band < bandCount; band++) this.#insert(this.#tables[band]!, band, id);
  }

  #compare(id: number): number {
    this.comparisons++;
    const other = this.#spool.read(id);
    this.#otherShingles = withRoom(this.#otherShingles, other.length);
    return jaccard(this.#set, this.#otherShingles, shinglesInto(other, 0, other.length, this.#otherShingles));
  }

  #insert(table: Uint32Array, band: number, id: number): void {
    const mask = table.length - 1;
    let slot = spread(bandKey(this.#signatures, id * signatureRows, band)) & mask;
    for (let probes = 0; table[slot] !== 0; probes++) {
      if (probes >= longestProbe) return; // a crowded key: see longestProbe
      slot = (slot + 1) & mask;
    }
    table[slot] = id + 1;
  }

  #growTables(): void {
    const size = 2 * this.#tables[0]!.length;
    for (let band = 0; band < bandCount; band++) {
      const table = new Uint32Array(size);
      this.#tables[band] = table;
      for (let id = 0; id < this.#count; id++) this.#insert(table, band, id);
    }
  }
}

/** Keys have 24 bits, and tables may have more places than that. */
const spread = (key: number): number => {
  const mixed = Math.imul(key ^ (key >>> 11), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
};

function withRoom(array: Uint32Array<ArrayBuffer>, count: number): Uint32Array<ArrayBuffer> {
  return array.length >= count ? array : new Uint32Array(2 * count);
}
