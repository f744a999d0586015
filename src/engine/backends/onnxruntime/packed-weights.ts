/** Packed weights, shared by all programs that are compiled from the same tensors. */
import koffi from "koffi";
import type { HostTensor } from "../../graph/dtype.ts";
import type { WeightBits } from "../../ops/quantized.ts";
import { HeldTensor, type WeightHolder, type WeightSize } from "../held-weights.ts";
import type { EncodedFrom } from "../x64/quantized/encode.ts";
import { encodeRows } from "../x64/quantized/encoder.ts";
import {
  blockInputs,
  layoutFor,
  type PackedLayout,
  packedBytes,
  packRows,
  panelBytes,
  scalesOffset,
  unpackCodes,
  unpackScales,
} from "../x64/quantized/pack.ts";

/** Weights in the order of the kernels. Whoever uses the address keeps this object. */
export interface PackedWeights {
  readonly layout: PackedLayout;
  readonly bytes: Uint8Array;
  /** Of the first byte, a multiple of 64; array buffers do not move. */
  readonly address: bigint;
}

/** Packed by the compiler, by the array of codes: there while a program uses them. */
const known = new WeakMap<HostTensor["data"], { readonly packed: WeakRef<PackedWeights>; readonly scales: object }>();
/** Held by us from the start, by the tensor of codes. */
const held = new WeakMap<HostTensor, { readonly packed: PackedWeights; readonly scales: HostTensor }>();

/** The weights behind two constants, packed now unless they are already. They stay while somebody keeps the result. */
export function packedWeights(codes: HostTensor, scales: HostTensor, bits: WeightBits): PackedWeights {
  const own = held.get(codes);
  if (own !== undefined && own.scales === scales && own.packed.layout.bits === bits) return own.packed;
  const [codeData, scaleData] = [codes.data as Uint8Array, scales.data as Float32Array];
  const found = known.get(codeData);
  const shared = found?.scales === scaleData ? found.packed.deref() : undefined;
  if (shared !== undefined) return shared;
  const [rows, blocks, bytes] = codes.shape as [number, number, number];
  const packed = allocate(layoutFor(rows, (blocks * bytes * 8) / bits, bits, scaleData));
  packRows(packed.layout, 0, codeData, scaleData, packed.bytes);
  known.set(codeData, { packed: new WeakRef(packed), scales: scaleData });
  return packed;
}

/** Memory for a weight that arrives some rows at a time; its constants are recognised by `packedWeights`. */
export function holdWeight({ rows, columns, bits, lookedUp }: WeightSize): WeightHolder {
  const blocks = columns / blockInputs;
  if (lookedUp) return holdRows(rows, blocks);
  const packed = allocate({ rows, columns, bits, scaleBytes: 2 });
  const { layout, bytes, address } = packed;
  const stride = panelBytes(layout);
  const places = {
    codes: { address, stride },
    scales: { address: address + BigInt(scalesOffset(layout)), stride },
  };
  return {
    write(first, { dtype, data }) {
      encodeRows({ bits, from: dtype as EncodedFrom, order: "panels", blocks, ...places }, first, data);
    },
    finish() {
      const codes = new HeldTensor("uint8", [rows, blocks, (blockInputs * bits) / 8], () => unpackCodes(layout, bytes));
      const scales = new HeldTensor("float32", [rows, blocks], () => unpackScales(layout, bytes));
      held.set(codes, { packed, scales });
      return { codes, scales };
    },
  };
}

/** Codes of 8 bits and float32 scales, row after row. */
function holdRows(rows: number, blocks: number): WeightHolder {
  const codes: HostTensor = {
    dtype: "uint8",
    shape: [rows, blocks, blockInputs],
    data: new Uint8Array(rows * blocks * blockInputs),
  };
  const scales: HostTensor = { dtype: "float32", shape: [rows, blocks], data: new Float32Array(rows * blocks) };
  const places = {
    codes: { address: addressOf(codes.data), stride: blocks * blockInputs },
    scales: { address: addressOf(scales.data), stride: blocks * 4 },
  };
  return {
    write(first, { dtype, data }) {
      encodeRows({ bits: 8, from: dtype as EncodedFrom, order: "rows", blocks, ...places }, first, data);
    },
    finish: () => ({ codes, scales }),
  };
}

const addressOf = (data: HostTensor["data"]): bigint => BigInt(koffi.address(data));

const alignment = 64; // bytes of a vector register

function allocate(layout: PackedLayout): PackedWeights {
  const size = packedBytes(layout);
  const buffer = new ArrayBuffer(size + alignment); // zeroed by the system, page by page when they are written
  const start = addressOf(new Uint8Array(buffer));
  const shift = Number(-start & BigInt(alignment - 1));
  return { layout, bytes: new Uint8Array(buffer, shift, size), address: start + BigInt(shift) };
}
