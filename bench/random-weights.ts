/**
 * Random weights for measurements of size and speed, made about as fast as memory is written: pieces of one drawn bank,
 * from places of their own, in place of a fresh draw for every number (which takes a minute for 390 M parameters).
 */
import { type HostTensor, mapTree, type TensorSpec, type Tree } from "../src/engine/index.ts";
import { normal, ones } from "../src/nn/index.ts";
import type { Random } from "../src/support/random.ts";

const bankLength = 1 << 20;
const deviation = 0.02;

/** Draws the bank: N(0, 0.02²), as float32. */
export const drawBank = (random: Random): Float32Array =>
  normal({ std: deviation })([bankLength], random).data as Float32Array;

/** Fills an array with pieces of the bank, each starting at a drawn place. Works on halves as on floats. */
export function fillFrom<A extends Float32Array | Uint16Array>(target: A, bank: A, random: Random): A {
  const piece = 1 << 16;
  for (let at = 0; at < target.length; at += piece) {
    const count = Math.min(piece, target.length - at);
    const from = random.integer(bank.length - count + 1);
    target.set(bank.subarray(from, from + count), at);
  }
  return target;
}

export const isNorm = (path: string): boolean => /norm\.weight$/.test(path);

/** Parameters of a family: norms are 1, everything else comes from the bank. */
export function quickParameters(specs: Tree<TensorSpec>, random: Random): Tree<HostTensor> {
  const bank = drawBank(random);
  return mapTree<TensorSpec, HostTensor>(specs, ({ shape }, path) => {
    const sizes = shape as readonly number[];
    if (isNorm(path)) return ones(sizes, random);
    const count = sizes.reduce((product, size) => product * size, 1);
    return { dtype: "float32", shape: sizes, data: fillFrom(new Float32Array(count), bank, random) };
  });
}
