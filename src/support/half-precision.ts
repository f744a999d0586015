/**
 * Bulk conversion between float32 and the two 16-bit floats, on raw bits.
 *
 * Node 20 has no Float16Array and no runtime has a bfloat16 array, so both are carried as `Uint16Array` bits.
 *
 * - Rounding is to nearest, ties to even (IEEE 754-2019, 4.3.1), as hardware and PyTorch do it.
 * - Subnormals and signed zeros are exact; values beyond the range become infinities.
 * - A NaN stays a NaN with its sign and the top bits of its payload; it is made quiet, so that a payload whose top
 *   bits are all zero cannot turn into an infinity.
 * - Everything moves through integer views: reading a float32 NaN as a number may change its bits.
 *
 * Source and target must not overlap in memory.
 */
import { CongError } from "./errors.ts";

/** float32 to IEEE half precision bits. `target` (same length) is allocated when left out, and returned. */
export function float32ToFloat16(source: Float32Array, target = new Uint16Array(source.length)): Uint16Array {
  checkLengths("float32ToFloat16", source, target);
  const bits = bitsOf(source);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!;
    const magnitude = x & 0x7fffffff;
    // Normal half range [2^-14, 2^16): move the exponent bias from 127 to 15, then round 13 bits away. The carry of
    // the rounding runs into the exponent, which is right for every value, 65520 and above (infinity) included.
    target[i] =
      magnitude >= 0x38800000 && magnitude < 0x47800000
        ? ((x >>> 16) & 0x8000) | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
        : roundUncommon(x);
  }
  return target;
}

/** IEEE half precision bits to float32; exact. `target` (same length) is allocated when left out, and returned. */
export function float16ToFloat32(source: Uint16Array, target = new Float32Array(source.length)): Float32Array {
  checkLengths("float16ToFloat32", source, target);
  const bits = bitsOf(target);
  const table = widenTable();
  for (let i = 0; i < source.length; i++) bits[i] = table[source[i]!]!;
  return target;
}

/** float32 to bfloat16 bits. `target` (same length) is allocated when left out, and returned. */
export function float32ToBfloat16(source: Float32Array, target = new Uint16Array(source.length)): Uint16Array {
  checkLengths("float32ToBfloat16", source, target);
  const bits = bitsOf(source);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!;
    target[i] = (x & 0x7fffffff) > 0x7f800000 ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return target;
}

/** bfloat16 bits to float32; exact. `target` (same length) is allocated when left out, and returned. */
export function bfloat16ToFloat32(source: Uint16Array, target = new Float32Array(source.length)): Float32Array {
  checkLengths("bfloat16ToFloat32", source, target);
  const bits = bitsOf(target);
  for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16;
  return target;
}

/** Everything outside the normal half range: NaN, infinity, overflow, subnormals and zero. `x` is float32 bits. */
function roundUncommon(x: number): number {
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x33000000) return sign; // below 2^-25, half of the smallest subnormal
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23); // 14 for the largest subnormals, 24 for the smallest
  return sign | ((significand + (1 << (shift - 1)) - 1 + ((significand >>> shift) & 1)) >>> shift);
}

let widened: Uint32Array | undefined;

/** float32 bits of all 65,536 halves (256 KiB), built on first use. */
function widenTable(): Uint32Array {
  if (widened !== undefined) return widened;
  const table = new Uint32Array(65536);
  const scratch = new Float32Array(1);
  const scratchBits = bitsOf(scratch);
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) {
      scratch[0] = fraction * 2 ** -24; // subnormals are normal float32 numbers
      table[half] = sign | scratchBits[0]!;
    } else {
      table[half] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
    }
  }
  widened = table;
  return table;
}

function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
}

function checkLengths(where: string, source: { length: number }, target: { length: number }): void {
  if (source.length === target.length) return;
  throw new CongError(
    "LENGTH_MISMATCH",
    `${where}: source has ${source.length} elements, target has ${target.length}`,
    { source: source.length, target: target.length },
    "pass a target of the same length, or leave it out",
  );
}
