/**
 * What a model folder looks like to the rest of the package: its `config.json` and its tensors by name, read one at a
 * time. Where the tensors come from (safetensors, PyTorch pickles, an official int4 checkpoint under other names) is
 * the opener's business.
 */
import type { DType, HostTensor } from "../../engine/index.ts";
import type { JsonObject } from "../family.ts";
import type { RowRange } from "./pieces.ts";

/** Dtype and shape of a tensor, before it is read. */
export interface CheckpointSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Integer codes of a weight with one scale a row: weight[r, c] = codes[r, c]·scales[r]. */
export interface QuantizedRows {
  readonly bits: 4 | 8;
  /** [out, in] of the weight, unpacked. */
  readonly shape: readonly [number, number];
  /** −128 … 127, or −8 … 7 for 4 bits; one code an element, row-major. */
  readonly codes: Int8Array;
  /** [out] */
  readonly scales: Float32Array;
}

/** An open model folder. Reads may run at the same time; `close` it when done. */
export interface Checkpoint {
  /** Where it was opened. */
  readonly folder: string;
  /** The content of `config.json`, translated where the names are. */
  readonly config: JsonObject;
  /** The folder also holds a P-Tuning v2 prefix, which is not among the tensors; read it as an adapter. */
  readonly hasPrefixEncoder: boolean;
  /** All tensor names. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /**
   * Dtype and shape without reading the data. Types an engine tensor does not have widen: I8, I16 and U16 to int32;
   * F64 narrows to float32.
   * @throws CongError `UNKNOWN_NAME`, `DTYPE_UNSUPPORTED` (8-bit and smaller floats, complex numbers)
   */
  spec(name: string): CheckpointSpec;
  /** One tensor as stored. Quantised weights are dequantised to float32. */
  read(name: string): Promise<HostTensor>;
  /**
   * Rows of a matrix (all, unless told which) as stored, in order and in runs of some. A piece is good until the next
   * is asked for. Absent where tensors are not stored one by one.
   */
  pieces?(name: string, rows?: RowRange): AsyncGenerator<HostTensor, void, undefined>;
  /** Codes and scales of a weight that the folder stores quantised; undefined for all others. */
  readQuantized(name: string): Promise<QuantizedRows | undefined>;
  /** Closes all files. May be called twice. */
  close(): Promise<void>;
}
