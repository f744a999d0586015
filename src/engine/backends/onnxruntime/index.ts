/**
 * The onnxruntime backend: compiles a whole graph — forward, backward, clipping and optimiser update — into one ONNX
 * model and runs it on the CPU.
 */
import { writeOnnx } from "../../../formats/onnx/index.ts";
import {
  fuseElementwise,
  fuseMatmulAdd,
  inPlaceState,
  optimize,
  removeDeadCode,
  runPasses,
  schedule,
} from "../../passes/index.ts";
import { checkConstants } from "../check-values.ts";
import type { Backend } from "../contract.ts";
import { mostStreams } from "../x64/elementwise.ts";
import { supportsMachineCode } from "../x64/executable-memory.ts";
import { supportsVnni } from "../x64/vnni.ts";
import { storeConstants } from "./constants.ts";
import { createCustomOps, customDomain } from "./custom-ops.ts";
import { createExecutable, type OnnxruntimeExecutable } from "./executable.ts";
import { lowerGraph } from "./lowering.ts";
import { lowerings } from "./lowerings/index.ts";
import { dropoutMaskLowering } from "./machine-dropout.ts";
import { machineMatmulLowering, machineMatmulShape, matmulAddLowering } from "./machine-matmul.ts";
import { planMachineOps } from "./machine-plan.ts";
import { adoptsAttention, trainingAttentionLowering } from "./machine-training-attention.ts";
import { holdWeight } from "./packed-weights.ts";
import { pinOrder } from "./pin-order.ts";
import { createSession } from "./session.ts";

export type { OnnxruntimeExecutable } from "./executable.ts";
export { physicalCores } from "./physical-cores.ts";
export { type OpTime, readProfile } from "./profile.ts";

export interface OnnxruntimeOptions {
  /** Threads inside one op. Default: physical cores available to this process. */
  readonly threads?: number;
  /** Compute on the calling thread: saves some 20 µs a run and blocks the event loop. Default false. */
  readonly blocking?: boolean;
  /** Record the time of every op; see `OnnxruntimeExecutable.profile`. Default false. */
  readonly profile?: boolean;
  /**
   * Join elementwise ops into loops of machine code, written for the model (`docs/decisions/fused-elementwise-kernels.md`).
   * Default: where the processor and the system allow it (x86-64 with AVX2, Linux or macOS).
   */
  readonly fuse?: boolean;
}

/** The lowerings with large matrix products on our own machine code. */
const withMachineMatmul = {
  ...lowerings,
  matmul: machineMatmulLowering(customDomain, lowerings.matmul),
  matmulAdd: matmulAddLowering(customDomain),
  dropoutMask: dropoutMaskLowering(customDomain, lowerings.dropoutMask),
  causalAttention: trainingAttentionLowering(customDomain),
  causalAttentionGradient: trainingAttentionLowering(customDomain),
};
const addsToMatmul = fuseMatmulAdd({ accepts: (graph, node) => machineMatmulShape(graph, node) !== undefined });

/** Operator sets we write: the standard one, onnxruntime's fused ops, and our own. */
export const opsets = { "": 22, "com.microsoft": 1, [customDomain]: 1 } as const;

export interface OnnxruntimeBackend extends Backend {
  compile(...given: Parameters<Backend["compile"]>): Promise<OnnxruntimeExecutable>;
}

export function onnxruntimeBackend(options: OnnxruntimeOptions = {}): OnnxruntimeBackend {
  return {
    name: "onnxruntime",
    holdWeight: (size) => ((options.fuse ?? true) && supportsVnni() ? holdWeight(size) : undefined),
    async compile(model, compileOptions = {}) {
      const { bindings = {}, constants = {}, onStep } = compileOptions;
      const timed = <T>(name: string, work: () => T): T => {
        const start = performance.now();
        const result = work();
        onStep?.(name, performance.now() - start);
        return result;
      };
      const fuses = (options.fuse ?? true) && supportsMachineCode();
      const optimized = optimize(model, bindings, onStep, fuses ? adoptsAttention : undefined);
      // Products first: what they add while they store needs no pass over memory at all.
      const fusion = [addsToMatmul, removeDeadCode, fuseElementwise({ mostStreams }), removeDeadCode, schedule];
      const graph = runPasses(optimized, [...(fuses ? fusion : []), pinOrder], onStep);
      checkConstants(graph, constants);
      const machine = planMachineOps(fuses ? graph : undefined, constants);
      const stored = storeConstants(graph, constants, machine.packed);
      try {
        const { onnx, origins } = timed("lower to ONNX", () =>
          lowerGraph(graph, fuses ? machine.lowerings(withMachineMatmul) : lowerings, stored.tensors),
        );
        const bytes = timed("write ONNX", () => writeOnnx(onnx, { opsets }));
        const place = stored.place(bytes);
        const customOps = timed("compile fused programs", () =>
          fuses ? createCustomOps(graph, machine.ops()) : undefined,
        );
        const session = timed("create session", () =>
          createSession(
            place,
            onnx.inputs.map((input) => input.name),
            onnx.outputs.map((output) => output.name),
            {
              ...(customOps === undefined ? {} : { customOps }),
              ...(options.threads === undefined ? {} : { threads: options.threads }),
              ...(options.profile ? { profilePrefix: stored.profilePrefix() } : {}),
            },
          ),
        );
        return createExecutable({
          graph,
          session,
          origins,
          bindings,
          blocking: options.blocking ?? false,
          inPlace: inPlaceState(graph),
          profiled: options.profile ?? false,
        });
      } finally {
        stored.clean();
      }
    },
  };
}
