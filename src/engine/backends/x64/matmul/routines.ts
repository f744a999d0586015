/** The routines of `kernels.ts` in executable memory. Made on first use and kept: they are small and few. */
import { makeExecutable } from "../executable-memory.ts";
import { driver, packColumns, packRows, tileKernel } from "./kernels.ts";
import { type Routine, routineKey } from "./plan.ts";

const addresses = new Map<string, bigint>();

function once(key: string, code: () => Uint8Array): bigint {
  const known = addresses.get(key);
  if (known !== undefined) return known;
  const { address } = makeExecutable(code());
  addresses.set(key, address);
  return address;
}

/** Address of a routine. */
export const addressOf = (routine: Routine): bigint => once(routineKey(routine), () => codeOf(routine));

/** Address of the driver: void (first entry, end of table, base pointers). */
export const driverAddress = (): bigint => once("driver", driver);

function codeOf(routine: Routine): Uint8Array {
  switch (routine.kind) {
    case "tile":
      return tileKernel(routine.rows, routine.vectors, routine.accumulate, routine.scale);
    case "packRows":
      return packRows(routine.width);
    case "packColumns":
      return packColumns(routine.width);
    default:
      return routine satisfies never;
  }
}
