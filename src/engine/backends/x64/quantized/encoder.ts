/** The functions of `encode.ts`, compiled when first needed and kept for the life of the process. */
import koffi from "koffi";
import type { WeightBits } from "../../../ops/quantized.ts";
import { makeExecutable } from "../executable-memory.ts";
import { type EncodedFrom, type EncodedOrder, encoderCode } from "./encode.ts";
import { blockInputs } from "./pack.ts";

/** A run of memory: where row 0 begins, and bytes to the next panel, or to the next row. */
export interface Place {
  readonly address: bigint;
  readonly stride: number;
}

export interface EncodeTarget {
  readonly bits: WeightBits;
  readonly from: EncodedFrom;
  readonly order: EncodedOrder;
  /** Of 32 inputs in a row. */
  readonly blocks: number;
  readonly codes: Place;
  readonly scales: Place;
}

type Encoder = (frame: BigInt64Array) => void;
const encoders = new Map<string, Encoder>();

/** Rounds whole rows to codes and scales. The caller answers for the addresses and for the room behind them. */
export function encodeRows(target: EncodeTarget, first: number, values: ArrayBufferView & { length: number }): void {
  const { bits, from, order, blocks, codes, scales } = target;
  const numbers = [first, values.length / (blocks * blockInputs), blocks, codes.stride, scales.stride];
  const frame = BigInt64Array.of(koffi.address(values), codes.address, scales.address, ...numbers.map(BigInt));
  encoderFor(bits, from, order)(frame);
}

function encoderFor(bits: WeightBits, from: EncodedFrom, order: EncodedOrder): Encoder {
  const name = `congling_encode_${bits}_${from}_${order}`;
  const found = encoders.get(name);
  if (found !== undefined) return found;
  const { address } = makeExecutable(encoderCode(bits, from, order));
  const made = koffi.decode(address, koffi.proto(`void ${name}(int64_t *frame)`)) as Encoder;
  encoders.set(name, made);
  return made;
}
