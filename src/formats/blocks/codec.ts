/**
 * What a block codec is. ggml stores a row of weights as blocks of 32 elements, each with its own scale in half
 * precision; types without blocks (f32, f16, bf16) are blocks of one element.
 */
import { checkDivides, checkLength } from "../../support/checks.ts";

/** Elements of one block in every block type handled here. */
export const blockElements = 32;

/** Turns float32 values into the bytes of one ggml type and back. Values never cross rows: rows are whole blocks. */
export interface BlockCodec {
  /** Elements of one block. */
  readonly elements: number;
  /** Bytes of one block. */
  readonly bytes: number;
  /** `values.length` is a multiple of `elements`. `target` (allocated when left out) is filled and returned. */
  encode(values: Float32Array, target?: Uint8Array): Uint8Array;
  /** `bytes.length` is a multiple of `bytes`. `target` (allocated when left out) is filled and returned. */
  decode(bytes: Uint8Array, target?: Float32Array): Float32Array;
}

/** Loops over whole arrays whose sizes are checked already. `blocks` is their number of blocks. */
interface BlockLoops {
  readonly elements: number;
  readonly bytes: number;
  readonly encode: (values: Float32Array, target: Uint8Array, blocks: number) => void;
  readonly decode: (bytes: Uint8Array, target: Float32Array, blocks: number) => void;
}

/** Wraps the loops of one type with the checks and allocations that are the same for all. */
export function blockCodec(name: string, loops: BlockLoops): BlockCodec {
  const { elements, bytes } = loops;
  return {
    elements,
    bytes,
    encode(values, target = new Uint8Array((values.length / elements) * bytes)) {
      checkDivides(`${name} encode`, { elements }, { values: values.length });
      const blocks = values.length / elements;
      checkLength(`${name} encode`, { target }, blocks * bytes);
      loops.encode(values, target, blocks);
      return target;
    },
    decode(source, target = new Float32Array((source.length / bytes) * elements)) {
      checkDivides(`${name} decode`, { blockBytes: bytes }, { bytes: source.length });
      const blocks = source.length / bytes;
      checkLength(`${name} decode`, { target }, blocks * elements);
      loops.decode(source, target, blocks);
      return target;
    },
  };
}
