/** The routines of `kernels.ts` in executable memory. Strides are part of them, so every program has its own. */
import { softmaxGradientRows, softmaxRows } from "../attention-training/kernels.ts";
import { makeExecutable } from "../executable-memory.ts";
import { driver, packColumns, packRows, tileKernel } from "./kernels.ts";
import { type Routine, routineKey } from "./plan.ts";

export interface Routines {
  /** Address of a routine, which is made on first use. */
  addressOf(routine: Routine): bigint;
  /** Address of the driver: void (first entry, end of table, base pointers). */
  driverAddress(): bigint;
  /** Frees the code; nothing may call it afterwards. */
  release(): void;
}

export function createRoutines(): Routines {
  const made = new Map<string, { readonly address: bigint; release(): void }>();
  const once = (key: string, code: () => Uint8Array): bigint => {
    const memory = made.get(key) ?? makeExecutable(code());
    made.set(key, memory);
    return memory.address;
  };
  return {
    addressOf: (routine) => once(routineKey(routine), () => codeOf(routine)),
    driverAddress: () => once("driver", driver),
    release() {
      for (const memory of made.values()) memory.release();
      made.clear();
    },
  };
}

function codeOf(routine: Routine): Uint8Array {
  switch (routine.kind) {
    case "tile":
      return tileKernel(routine);
    case "packRows":
      return packRows(routine.width, routine.stride);
    case "packColumns":
      return packColumns(routine.width, routine.stride);
    case "softmaxRows":
      return softmaxRows(routine);
    case "softmaxGradientRows":
      return softmaxGradientRows(routine);
    default:
      return routine satisfies never;
  }
}
