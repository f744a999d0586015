/**
 * Quantised weights that a backend holds in an order of its own, with no second copy. To everybody else they look like
 * the codes and scales that they were made from.
 */
import type { DType, HostTensor, TypedArray } from "../graph/dtype.ts";
import type { WeightBits } from "../ops/quantized.ts";

/** Size of a weight in blocks of 32 inputs. */
export interface WeightSize {
  /** Outputs. */
  readonly rows: number;
  /** Inputs, a multiple of 32. */
  readonly columns: number;
  readonly bits: WeightBits;
  /** Its rows are looked up one by one, so they must lie apart; 8 bits only. Default false. */
  readonly lookedUp?: boolean;
}

/** A weight that is being taken over, some rows at a time. */
export interface WeightHolder {
  /**
   * Rounds rows from `first` on as ggml does for q4_0 or q8_0; the array may be used again afterwards.
   * @param values [n, columns], float32, float16 or bfloat16
   */
  write(first: number, values: HostTensor): void;
  /** Constants for `compile`, of this backend or any other. Ends the writing; rows never written are zero. */
  finish(): { readonly codes: HostTensor; readonly scales: HostTensor };
}

/** A tensor whose data are made anew whenever they are read: for saving, exporting and other backends. */
export class HeldTensor implements HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  private readonly make: () => TypedArray;

  constructor(dtype: DType, shape: readonly number[], make: () => TypedArray) {
    this.dtype = dtype;
    this.shape = shape;
    this.make = make;
  }

  /** As many elements as the shape says. Slow: keep the array while you need it. */
  get data(): TypedArray {
    return this.make();
  }
}
