/** f32, f16 and bf16 as codecs: little-endian floats, "blocks" of one element. */
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../support/half-precision.ts";
import { type BlockCodec, blockCodec } from "./codec.ts";

export const f32 = blockCodec("f32", {
  elements: 1,
  bytes: 4,
  encode(values, target) {
    target.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  },
  decode(source, target) {
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(source);
  },
});

export const f16 = halfCodec("f16", float32ToFloat16, float16ToFloat32);
export const bf16 = halfCodec("bf16", float32ToBfloat16, bfloat16ToFloat32);

function halfCodec(
  name: string,
  narrow: (source: Float32Array) => Uint16Array,
  widen: (source: Uint16Array) => Float32Array,
): BlockCodec {
  return blockCodec(name, {
    elements: 1,
    bytes: 2,
    encode(values, target) {
      const halves = narrow(values);
      target.set(new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength));
    },
    decode(source, target, blocks) {
      const halves = new Uint16Array(blocks);
      new Uint8Array(halves.buffer).set(source);
      target.set(widen(halves));
    },
  });
}
