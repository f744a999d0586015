/** One onnxruntime session: a compiled ONNX model with its threads. */
import koffi from "koffi";
import { writeOnnx } from "../../../formats/onnx/index.ts";
import { ortLibrary, type Pointer } from "./c-api.ts";
import type { CustomOps } from "./custom-ops.ts";
import { free, type NativeTensor, pointerArray, stringArray } from "./memory.ts";
import { physicalCores } from "./physical-cores.ts";

export interface SessionOptions {
  /** Threads inside one op. Default: physical cores available to this process. */
  readonly threads?: number;
  /** Write a profile to this path prefix. */
  readonly profilePrefix?: string;
  /** Our own ops that the model uses. The session owns them from here on, also when it cannot be created. */
  readonly customOps?: CustomOps;
}

export interface Session {
  /** Binds tensors to the model's inputs and outputs; one binding can be run many times. */
  bind(inputs: readonly NativeTensor[], outputs: readonly NativeTensor[]): Binding;
  /** Computes on the calling thread. */
  run(binding: Binding): void;
  /** Computes on another thread. Only one run of a session at a time. */
  runAsync(binding: Binding): Promise<void>;
  /** Stops profiling; returns the path of the profile. */
  endProfiling(): string;
  release(): void;
}

/** Pointer arrays in the order of the session's input and output names. */
export interface Binding {
  readonly inputs: BigUint64Array;
  readonly outputs: BigUint64Array;
}

/**
 * Compiles a model.
 * @param model bytes, or the path of a file whose external data lie beside it.
 * @param inputNames the order in which tensors are bound.
 */
export function createSession(
  model: Uint8Array | string,
  inputNames: readonly string[],
  outputNames: readonly string[],
  options: SessionOptions = {},
): Session {
  const library = ortLibrary();
  keepOwnDenormals();
  const settings = library.create("CreateSessionOptions");
  let session: Pointer;
  try {
    // Our own passes have done this work, and they keep node names that profiles can be read by.
    library.check("SetSessionGraphOptimizationLevel", settings, 0);
    library.check("SetIntraOpNumThreads", settings, options.threads ?? physicalCores());
    // Moments decay into denormals, on which x86 is a hundred times slower. This is for onnxruntime's own threads;
    // the calling thread is taken care of in `c-api.ts`.
    library.check("AddSessionConfigEntry", settings, "session.set_denormal_as_zero", "1");
    if (options.customOps !== undefined) library.check("AddCustomOpDomain", settings, options.customOps.domain);
    if (options.profilePrefix !== undefined) library.check("EnableProfiling", settings, options.profilePrefix);
    session =
      typeof model === "string"
        ? library.create("CreateSession", library.environment, model, settings)
        : library.create("CreateSessionFromArray", library.environment, model, model.length, settings);
  } catch (error) {
    options.customOps?.release();
    throw error;
  } finally {
    library.release("ReleaseSessionOptions", settings);
  }
  const inputs = stringArray(inputNames);
  const outputs = stringArray(outputNames);
  const runArguments = (binding: Binding) =>
    [
      session,
      null,
      inputs.array,
      binding.inputs,
      inputNames.length,
      outputs.array,
      outputNames.length,
      binding.outputs,
    ] as const;
  return {
    bind: (inputTensors, outputTensors) => ({
      inputs: pointerArray(inputTensors.map((tensor) => tensor.value)),
      outputs: pointerArray(outputTensors.map((tensor) => tensor.value)),
    }),
    run: (binding) => library.check("Run", ...runArguments(binding)),
    runAsync: (binding) => library.checkAsync("Run", ...runArguments(binding)),
    endProfiling: () =>
      koffi.decode(library.create("SessionEndProfiling", session, library.allocator), "char", -1) as string,
    release() {
      library.release("ReleaseSession", session);
      options.customOps?.release();
      free(inputs.buffer);
      free(outputs.buffer);
    },
  };
}

let ownDenormalsKept = false;

/**
 * The first session of a process decides, for good, whether the thread that creates it treats denormals as zero. That
 * would change JavaScript's own arithmetic, so the first session is one that does not ask for it.
 */
function keepOwnDenormals(): void {
  if (ownDenormalsKept) return;
  ownDenormalsKept = true;
  const library = ortLibrary();
  const value = (name: string) => ({ name, dtype: "float32" as const, shape: [1] });
  const node = { op: "Neg", inputs: ["x"], outputs: ["y"] };
  const graph = { name: "first", nodes: [node], inputs: [value("x")], outputs: [value("y")], initializers: [] };
  const model = writeOnnx(graph, { opsets: { "": 22 } });
  const settings = library.create("CreateSessionOptions");
  library.check("SetIntraOpNumThreads", settings, 1);
  library.release(
    "ReleaseSession",
    library.create("CreateSessionFromArray", library.environment, model, model.length, settings),
  );
  library.release("ReleaseSessionOptions", settings);
}
