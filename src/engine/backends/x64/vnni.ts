/** Whether this processor multiplies bytes in 512-bit registers. */
import koffi from "koffi";
import { createAssembler, gpr } from "./assembler.ts";
import { supportsAvx512 } from "./avx512.ts";
import { makeExecutable } from "./executable-memory.ts";

let supported: boolean | undefined;

/** AVX-512 with VNNI: cpuid leaf 7, ecx bit 11 (Intel SDM volume 2, CPUID). */
export function supportsVnni(): boolean {
  supported ??= supportsAvx512() && probe();
  return supported;
}

function probe(): boolean {
  const assembler = createAssembler();
  const no = assembler.label();
  assembler.push(gpr.rbx);
  assembler.moveConstant(gpr.rax, 7);
  assembler.moveConstant(gpr.rcx, 0);
  assembler.data(Uint8Array.of(0x0f, 0xa2)); // cpuid
  assembler.moveConstant(gpr.rax, 0);
  assembler.and(gpr.rcx, 1 << 11);
  assembler.compareConstant(gpr.rcx, 1 << 11);
  assembler.jump(no, "notEqual");
  assembler.moveConstant(gpr.rax, 1);
  assembler.place(no);
  assembler.pop(gpr.rbx);
  assembler.ret();
  const memory = makeExecutable(assembler.finish().code);
  try {
    return (koffi.decode(memory.address, koffi.proto("int congling_x64_vnni()")) as () => number)() === 1;
  } finally {
    memory.release();
  }
}
