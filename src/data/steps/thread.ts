/** One worker thread of a data step: takes batches, gives results. */
import { parentPort, workerData } from "node:worker_threads";
import { CongError } from "../../support/index.ts";
import type { Batch } from "../sources/index.ts";
import { transferables } from "./batch-result.ts";
import { createTask, type TaskCall } from "./tasks.ts";

const port = parentPort!;
const task = createTask(workerData as TaskCall);

port.on("message", async ({ batch, input, id }: { batch: Batch; input: number; id: number }) => {
  try {
    const result = await task(batch, input);
    port.postMessage({ id, result }, transferables(result));
  } catch (error) {
    // A CongError loses its class on the way: its parts travel instead.
    const { message, stack } = error as Error;
    const known = CongError.is(error) ? { code: error.code, hint: error.hint } : {};
    port.postMessage({ id, failure: { message, stack, ...known } });
  }
});
