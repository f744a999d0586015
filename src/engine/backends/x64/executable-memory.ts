/**
 * Memory that the processor may execute: written first, then made read-only and executable, never both at once.
 * Linux and macOS on x86-64 with AVX2 and FMA; elsewhere `supportsMachineCode` is false and nothing here is called.
 */
import { arch, platform } from "node:process";
import koffi from "koffi";
import { CongError } from "../../../support/errors.ts";
import { createAssembler, gpr } from "./assembler.ts";

export interface ExecutableMemory {
  /** Address of the first byte. */
  readonly address: bigint;
  /** Unmaps it; nothing may call into it afterwards. Safe to call twice. */
  release(): void;
}

const protection = { read: 1, write: 2, execute: 4 } as const;
const isPrivate = 2;
const isAnonymous = platform === "darwin" ? 0x1000 : 0x20;
const page = 16_384; // a multiple of every page size in use

interface SystemCalls {
  readonly map: (at: null, bytes: number, access: number, flags: number, file: number, offset: number) => unknown;
  readonly protect: (memory: unknown, bytes: number, access: number) => number;
  readonly unmap: (memory: unknown, bytes: number) => number;
}

let calls: SystemCalls | undefined;

function systemCalls(): SystemCalls {
  if (calls !== undefined) return calls;
  const library = koffi.load(null);
  calls = {
    map: library.func("void *mmap(void *at, size_t bytes, int access, int flags, int file, int64_t offset)"),
    protect: library.func("int mprotect(void *memory, size_t bytes, int access)"),
    unmap: library.func("int munmap(void *memory, size_t bytes)"),
  };
  return calls;
}

/** Copies code to executable memory. @throws CongError `NO_EXECUTABLE_MEMORY` when the system refuses. */
export function makeExecutable(code: Uint8Array): ExecutableMemory {
  const { map, protect, unmap } = systemCalls();
  const bytes = Math.ceil(code.length / page) * page;
  const memory = map(null, bytes, protection.read | protection.write, isPrivate | isAnonymous, -1, 0);
  const address = BigInt(koffi.address(memory));
  if (BigInt.asIntN(64, address) === -1n) throw refused("mmap", bytes);
  new Uint8Array(koffi.view(memory, bytes)).set(code);
  if (protect(memory, bytes, protection.read | protection.execute) !== 0) {
    unmap(memory, bytes);
    throw refused("mprotect", bytes);
  }
  let alive = true;
  return {
    address,
    release() {
      if (alive) unmap(memory, bytes);
      alive = false;
    },
  };
}

const refused = (call: string, bytes: number): CongError =>
  new CongError(
    "NO_EXECUTABLE_MEMORY",
    `x64: the system refused ${bytes} bytes of executable memory (${call})`,
    { call, bytes },
    "use onnxruntimeBackend({ fuse: false })",
  );

let supported: boolean | undefined;

/** Whether code from this folder can run here: x86-64, System V calls, AVX2 and FMA, and executable memory allowed. */
export function supportsMachineCode(): boolean {
  supported ??= detect();
  return supported;
}

function detect(): boolean {
  if (arch !== "x64" || (platform !== "linux" && platform !== "darwin")) return false;
  let memory: ExecutableMemory | undefined;
  try {
    memory = makeExecutable(featureProbe());
    const probe = koffi.decode(memory.address, koffi.proto(`int ${probeName}()`)) as () => number;
    return probe() === 1;
  } catch {
    return false;
  } finally {
    memory?.release();
  }
}

const probeName = "congling_x64_features";

/**
 * Returns 1 when the processor has FMA (leaf 1, ecx bit 12) and AVX2 (leaf 7, ebx bit 5) and the system saves ymm
 * registers (leaf 1, ecx bits 27 and 28, and bits 1 and 2 of XCR0). Source: Intel SDM volume 1, section 14.3.
 */
function featureProbe(): Uint8Array {
  const assembler = createAssembler();
  const no = assembler.label();
  const yes = assembler.label();
  const cpuid = (leaf: number) => {
    assembler.moveConstant(gpr.rax, leaf);
    assembler.moveConstant(gpr.rcx, 0);
    assembler.data(Uint8Array.of(0x0f, 0xa2));
  };
  const need = (register: number, bits: number) => {
    assembler.and(register, bits);
    assembler.compareConstant(register, bits);
    assembler.jump(no, "notEqual");
  };
  assembler.push(gpr.rbx);
  cpuid(0);
  assembler.compareConstant(gpr.rax, 7);
  assembler.jump(no, "below");
  cpuid(1);
  need(gpr.rcx, (1 << 12) | (1 << 27) | (1 << 28));
  assembler.moveConstant(gpr.rcx, 0);
  assembler.data(Uint8Array.of(0x0f, 0x01, 0xd0)); // xgetbv
  need(gpr.rax, 6);
  cpuid(7);
  need(gpr.rbx, 1 << 5);
  assembler.moveConstant(gpr.rax, 1);
  assembler.jump(yes);
  assembler.place(no);
  assembler.moveConstant(gpr.rax, 0);
  assembler.place(yes);
  assembler.pop(gpr.rbx);
  assembler.ret();
  return assembler.finish().code;
}
