/** How many cores to compute on. */
import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";

/**
 * Physical cores available to this process: hyper-threads of one core share its arithmetic units, so a second thread
 * there only costs. Read from the topology files of Linux; elsewhere all logical cores are assumed physical.
 */
export function physicalCores(): number {
  const available = availableParallelism();
  const siblings = new Set<string>();
  for (let cpu = 0; cpu < cpus().length; cpu++) {
    try {
      siblings.add(readFileSync(`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`, "utf8").trim());
    } catch {
      return available;
    }
  }
  return Math.max(1, Math.min(available, siblings.size));
}
