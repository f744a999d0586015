/** Whether this processor and system run AVX-512 code. */
import koffi from "koffi";
import { makeExecutable, supportsMachineCode } from "./executable-memory.ts";

let supported: boolean | undefined;

/** AVX-512 F, DQ, BW and VL, and an operating system that saves the 512-bit registers. */
export function supportsAvx512(): boolean {
  supported ??= supportsMachineCode() && probe();
  return supported;
}

/**
 * cpuid leaf 7, ebx bits 16 (F), 17 (DQ), 30 (BW), 31 (VL), and bits 5 to 7 of XCR0 (opmask, upper halves, upper
 * registers); Intel SDM volume 1, section 15.2.
 */
function probe(): boolean {
  const code = Uint8Array.of(
    ...[0x53, 0x31, 0xc9, 0xb8, 7, 0, 0, 0, 0x0f, 0xa2], // push rbx; xor ecx, ecx; mov eax, 7; cpuid
    ...[0x31, 0xc9, 0x0f, 0x01, 0xd0], // xor ecx, ecx; xgetbv
    ...[0x25, 0xe0, 0, 0, 0, 0xc1, 0xe0, 0x10], // and eax, 0xe0; shl eax, 16
    ...[0x81, 0xe3, 0x00, 0x00, 0x03, 0xc0], // and ebx, 0xc0030000
    ...[0x31, 0xd2, 0x81, 0xfb, 0x00, 0x00, 0x03, 0xc0, 0x0f, 0x94, 0xc2], // xor edx, edx; cmp ebx, …; sete dl
    ...[0x31, 0xc9, 0x3d, 0x00, 0x00, 0xe0, 0x00, 0x0f, 0x94, 0xc1], // xor ecx, ecx; cmp eax, 0xe00000; sete cl
    ...[0x89, 0xd0, 0x21, 0xc8, 0x5b, 0xc3], // mov eax, edx; and eax, ecx; pop rbx; ret
  );
  const memory = makeExecutable(code);
  try {
    return (koffi.decode(memory.address, koffi.proto("int CongLingAvx512()")) as () => number)() === 1;
  } finally {
    memory.release();
  }
}
