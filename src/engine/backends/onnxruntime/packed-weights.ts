/** Packed weights in native memory, shared by all programs that are compiled from the same tensors. */
import type { HostTensor } from "../../graph/dtype.ts";
import type { WeightBits } from "../../ops/quantized.ts";
import { layoutFor, type PackedLayout, packedBytes, packWeights } from "../x64/quantized/pack.ts";
import { allocate, free, type NativeBuffer } from "./memory.ts";

export interface PackedWeights {
  readonly layout: PackedLayout;
  readonly buffer: NativeBuffer;
  /** Gives up one use; the memory is freed with the last. */
  release(): void;
}

interface Shared {
  readonly layout: PackedLayout;
  readonly buffer: NativeBuffer;
  readonly scales: HostTensor["data"];
  users: number;
}

/** By the array of codes. An entry is only there while somebody uses it. */
const known = new WeakMap<HostTensor["data"], Shared>();

export function acquireWeights(codes: HostTensor, scales: HostTensor, bits: WeightBits): PackedWeights {
  let shared = known.get(codes.data);
  if (shared === undefined || shared.scales !== scales.data) {
    shared = pack(codes, scales, bits);
    known.set(codes.data, shared);
  }
  const held = shared;
  held.users++;
  let alive = true;
  return {
    layout: held.layout,
    buffer: held.buffer,
    release() {
      if (!alive) return;
      alive = false;
      if (--held.users > 0) return;
      if (known.get(codes.data) === held) known.delete(codes.data);
      free(held.buffer);
    },
  };
}

function pack(codes: HostTensor, scales: HostTensor, bits: WeightBits): Shared {
  const [rows, blocks, bytes] = codes.shape as [number, number, number];
  const factors = scales.data as Float32Array;
  const layout = layoutFor(rows, (blocks * bytes * 8) / bits, bits, factors);
  const buffer = allocate(packedBytes(layout));
  const target = new Uint8Array(buffer.memory, 0, packedBytes(layout)).fill(0);
  packWeights(layout, codes.data as Uint8Array, factors, target);
  return { layout, buffer, scales: scales.data, users: 0 };
}
