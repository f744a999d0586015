/**
 * A call that treats denormal numbers as zero while it runs, and only then.
 *
 * Moments of unused embedding rows decay into denormals, on which x86 arithmetic takes a microcode detour of a hundred
 * cycles. The switch is a flag of the thread (MXCSR, Intel SDM volume 1, section 10.2.3); onnxruntime sets it for its
 * own threads, but the thread that calls `Run` works too, and must have its flags back for the sake of other code.
 */
import { type ExecutableMemory, makeExecutable } from "./executable-memory.ts";

const flushToZero = 0x8000;
const denormalsAreZero = 0x0040;

/** Code that calls `target`, a function of eight integer or pointer arguments, with denormals flushed. */
export function flushingCall(target: bigint): ExecutableMemory {
  const flags = flushToZero | denormalsAreZero;
  const code = Uint8Array.of(
    ...[0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20], // push rbp; mov rbp, rsp; sub rsp, 32
    ...[0x0f, 0xae, 0x5d, 0xf8, 0x8b, 0x45, 0xf8], // stmxcsr [rbp−8]; mov eax, [rbp−8]
    ...[0x0d, flags & 0xff, flags >> 8, 0, 0, 0x89, 0x45, 0xf0], // or eax, flags; mov [rbp−16], eax
    ...[0x0f, 0xae, 0x55, 0xf0], // ldmxcsr [rbp−16]
    ...[0xff, 0x75, 0x18, 0xff, 0x75, 0x10], // push the eighth and seventh argument again
    ...[0x48, 0xb8, ...new Uint8Array(BigUint64Array.of(target).buffer), 0xff, 0xd0], // mov rax, target; call rax
    ...[0x48, 0x83, 0xc4, 0x10, 0x0f, 0xae, 0x55, 0xf8, 0xc9, 0xc3], // add rsp, 16; ldmxcsr [rbp−8]; leave; ret
  );
  return makeExecutable(code);
}
