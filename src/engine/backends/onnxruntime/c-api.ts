/**
 * onnxruntime's C interface, called directly through koffi.
 *
 * The JavaScript binding of onnxruntime-node copies every output of every run into a fresh ArrayBuffer, also when a
 * buffer was handed in, and computes on the event loop's thread. For training that means copying all parameters and
 * moments at every step. The C library inside the same npm package has neither limit
 * (`docs/decisions/onnxruntime-c-api.md`). The function table is append-only by onnxruntime's promise, so the
 * positions below hold for every version from 1.22 on.
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import koffi from "koffi";
import { CongError } from "../../../support/errors.ts";
import { supportsMachineCode } from "../x64/executable-memory.ts";
import { flushingCall } from "../x64/flush-denormals.ts";

/** An opaque native pointer. */
export type Pointer = unknown;
type Native = (...values: unknown[]) => unknown;

/** Version of `struct OrtApi` that we ask for. */
export const apiVersion = 22;
const out: unknown = koffi.out(koffi.pointer("void *"));
const pointer = "void *";

/** Positions in `struct OrtApi` and signatures; all return an OrtStatus pointer unless said otherwise. */
const signatures = {
  GetErrorMessage: [2, "str", [pointer]],
  CreateEnv: [3, pointer, ["int", "str", out]],
  CreateSession: [7, pointer, [pointer, "str", pointer, out]],
  CreateSessionFromArray: [8, pointer, [pointer, pointer, "size_t", pointer, out]],
  Run: [9, pointer, [pointer, pointer, pointer, pointer, "size_t", pointer, "size_t", pointer]],
  CreateSessionOptions: [10, pointer, [out]],
  EnableProfiling: [14, pointer, [pointer, "str"]],
  SetSessionGraphOptimizationLevel: [23, pointer, [pointer, "int"]],
  SetIntraOpNumThreads: [24, pointer, [pointer, "int"]],
  CreateCustomOpDomain: [26, pointer, ["str", out]],
  CustomOpDomain_Add: [27, pointer, [pointer, pointer]],
  AddCustomOpDomain: [28, pointer, [pointer, pointer]],
  CreateTensorWithDataAsOrtValue: [49, pointer, [pointer, pointer, "size_t", "int64_t *", "size_t", "int", out]],
  CreateTensorTypeAndShapeInfo: [57, pointer, [out]],
  SetTensorElementType: [58, pointer, [pointer, "int"]],
  SetDimensions: [59, pointer, [pointer, "int64_t *", "size_t"]],
  CreateCpuMemoryInfo: [69, pointer, ["int", "int", out]],
  AllocatorAlloc: [75, pointer, [pointer, "size_t", out]],
  AllocatorFree: [76, pointer, [pointer, pointer]],
  GetAllocatorWithDefaultOptions: [78, pointer, [out]],
  ReleaseStatus: [93, "void", [pointer]],
  ReleaseSession: [95, "void", [pointer]],
  ReleaseValue: [96, "void", [pointer]],
  ReleaseTensorTypeAndShapeInfo: [99, "void", [pointer]],
  ReleaseSessionOptions: [100, "void", [pointer]],
  ReleaseCustomOpDomain: [101, "void", [pointer]],
  SessionEndProfiling: [110, pointer, [pointer, pointer, out]],
  AddSessionConfigEntry: [130, pointer, [pointer, "str", "str"]],
  SetSymbolicDimensions: [271, pointer, [pointer, pointer, "size_t"]],
} as const satisfies Record<string, readonly [number, string, readonly unknown[]]>;

type FunctionName = keyof typeof signatures;

/** Positions of functions that emitted machine code calls (`custom-op-code.ts`). */
const calledByKernels = {
  GetTensorMutableData: 51,
  GetDimensions: 62,
  GetTensorTypeAndShape: 65,
  KernelContext_GetInput: 90,
  KernelContext_GetOutput: 91,
  ReleaseTensorTypeAndShapeInfo: 99,
  ShapeInferContext_SetOutputTypeShape: 270,
  KernelContext_ParallelFor: 274,
} as const;

export type KernelFunction = keyof typeof calledByKernels;

export interface OrtLibrary {
  readonly version: string;
  /** Calls a function that returns a status, and throws its message as a CongError. */
  check(name: FunctionName, ...values: unknown[]): void;
  /** As `check`, on another thread; the event loop stays free. */
  checkAsync(name: FunctionName, ...values: unknown[]): Promise<void>;
  /** As `check` for functions whose last parameter is an out pointer, which is returned. */
  create(name: FunctionName, ...values: unknown[]): Pointer;
  /** Calls a function that returns nothing. */
  release(name: FunctionName, value: Pointer): void;
  /** Where a function is, for machine code that calls it. */
  addressOf(name: KernelFunction): bigint;
  /** koffi unloads a library when this object is collected, and raw addresses do not keep it. */
  readonly handle: unknown;
  readonly environment: Pointer;
  readonly cpuMemory: Pointer;
  readonly allocator: Pointer;
}

let loaded: OrtLibrary | undefined;
/** The library, loaded once per process. @throws CongError `ONNXRUNTIME_MISSING` when it cannot be found or is too old. */
export function ortLibrary(): OrtLibrary {
  loaded ??= load();
  return loaded;
}

function load(): OrtLibrary {
  const path = libraryPath();
  const library = koffi.load(path);
  const base = library.func("void *OrtGetApiBase()")() as Pointer;
  const [getApi, getVersion] = koffi.decode(base, koffi.array("void *", 2, "Array")) as [Pointer, Pointer];
  const version = koffi.call(getVersion, koffi.proto("const char *OrtVersion()")) as string;
  const api = koffi.call(getApi, koffi.proto("void *OrtGetApi(uint32_t)"), apiVersion) as Pointer | null;
  if (api === null) {
    throw new CongError(
      "ONNXRUNTIME_MISSING",
      `onnxruntime ${version} at ${path} is older than 1.${apiVersion}`,
      { path, version },
      "run npm ci",
    );
  }
  const last = Math.max(...Object.values(signatures).map(([position]) => position), ...Object.values(calledByKernels));
  const table = koffi.decode(api, koffi.array("void *", last + 1, "Array")) as Pointer[];
  const functions = Object.fromEntries(
    Object.entries(signatures).map(([name, [position, result, parameters]]) => {
      const proto = koffi.proto(`Ort${name}`, result, [...parameters] as string[]);
      const address = name === "Run" ? runAddress(table[position]) : table[position];
      return [name, koffi.decode(address, proto) as Native & { async: Native }];
    }),
  ) as Record<FunctionName, Native & { async: Native }>;

  const raise = (name: FunctionName, status: unknown): void => {
    if (status === null) return;
    const message = functions.GetErrorMessage(status) as string;
    functions.ReleaseStatus(status);
    throw new CongError("ONNXRUNTIME_FAILED", `onnxruntime: ${name} failed: ${message}`, { name, message });
  };
  const check = (name: FunctionName, ...values: unknown[]) => raise(name, functions[name](...values));
  const create = (name: FunctionName, ...values: unknown[]): Pointer => {
    const result: [Pointer] = [null];
    check(name, ...values, result);
    return result[0];
  };
  const logErrorsOnly = 3;
  return {
    version,
    check,
    checkAsync: (name, ...values) =>
      new Promise((resolve, reject) => {
        functions[name].async(...values, (error: unknown, status: unknown) => {
          try {
            if (error) throw error;
            resolve(raise(name, status));
          } catch (failure) {
            reject(failure);
          }
        });
      }),
    create,
    release: (name, value) => void functions[name](value),
    addressOf: (name) => BigInt(koffi.address(table[calledByKernels[name]])),
    handle: library,
    environment: create("CreateEnv", logErrorsOnly, "congling"),
    cpuMemory: create("CreateCpuMemoryInfo", 0, 0),
    allocator: create("GetAllocatorWithDefaultOptions"),
  };
}

/** `Run`, wrapped so that the calling thread flushes denormals meanwhile. The wrapper lives as long as the process. */
const runAddress = (run: Pointer): Pointer | bigint =>
  supportsMachineCode() ? flushingCall(BigInt(koffi.address(run))).address : run;

/** The shared library inside the installed onnxruntime-node package. */
function libraryPath(): string {
  const require = createRequire(import.meta.url);
  const missing = (why: string): never => {
    throw new CongError(
      "ONNXRUNTIME_MISSING",
      `onnxruntime: ${why}`,
      {},
      "run npm ci; the CPU library is inside the onnxruntime-node package",
    );
  };
  let root: string;
  try {
    root = dirname(require.resolve("onnxruntime-node/package.json"));
  } catch {
    return missing("the package onnxruntime-node is not installed");
  }
  const binaries = join(root, "bin");
  for (const napi of existsSync(binaries) ? readdirSync(binaries) : []) {
    const folder = join(binaries, napi, process.platform, process.arch);
    const file =
      existsSync(folder) &&
      readdirSync(folder).find((name) => /^(lib)?onnxruntime[.\d]*\.(so[.\d]*|dylib|dll)$/.test(name));
    if (file) return join(folder, file);
  }
  return missing(`no library for ${process.platform}/${process.arch} in ${binaries}`);
}
