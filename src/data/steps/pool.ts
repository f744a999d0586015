/**
 * Batches through worker threads and out in the order in which they came. At most three batches a thread are under way, so memory does
 * not depend on the size of the input.
 */
import { Worker } from "node:worker_threads";
import { CongError } from "../../support/index.ts";
import type { Batch } from "../sources/index.ts";
import type { BatchResult } from "./batch-result.ts";
import { createTask, type TaskCall } from "./tasks.ts";

export interface NumberedBatch {
  readonly batch: Batch;
  /** Which of the inputs it is from. */
  readonly input: number;
}

const batchesPerThread = 3;

/** `threads` 1 works in the calling thread; so does every count where threads cannot load the sources (tests in TypeScript). */
export async function* runTask(
  call: TaskCall,
  batches: AsyncIterable<NumberedBatch>,
  threads: number,
): AsyncGenerator<BatchResult, void> {
  if (threads < 2 || !threadsWork()) {
    const task = createTask(call);
    for await (const { batch, input } of batches) yield await task(batch, input);
    return;
  }
  const workers = Array.from({ length: threads }, () => startWorker(call));
  const source = batches[Symbol.asyncIterator]();
  try {
    const pending: Promise<BatchResult>[] = [];
    let next = 0;
    let isOver = false;
    for (;;) {
      while (!isOver && pending.length < threads * batchesPerThread) {
        const { value, done } = await source.next();
        if (done) isOver = true;
        else {
          const result = workers[next++ % threads]!.send(value);
          // Awaited in order below; a failure before its turn must not count as unhandled.
          result.catch(() => {});
          pending.push(result);
        }
      }
      const first = pending.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    await source.return?.(undefined);
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

/** Threads run the compiled file; from the sources they run where Node itself reads TypeScript. */
function threadsWork(): boolean {
  const features: NodeJS.ProcessFeatures & { typescript?: unknown } = process.features;
  return !import.meta.url.endsWith(".ts") || Boolean(features.typescript);
}

interface Failure {
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly hint?: string;
}

function startWorker(call: TaskCall) {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), { workerData: call });
  const waiting = new Map<number, { resolve: (result: BatchResult) => void; reject: (error: Error) => void }>();
  let count = 0;
  let isStopped = false;
  const failAll = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on("message", ({ id, result, failure }: { id: number; result?: BatchResult; failure?: Failure }) => {
    const promise = waiting.get(id)!;
    waiting.delete(id);
    if (result !== undefined) promise.resolve(result);
    else promise.reject(asError(failure!));
  });
  worker.on("error", failAll);
  worker.on("exit", (code) => {
    if (!isStopped) failAll(new Error(`a data thread ended with code ${code}`));
  });
  return {
    send: ({ batch, input }: NumberedBatch): Promise<BatchResult> =>
      new Promise((resolve, reject) => {
        const id = count++;
        waiting.set(id, { resolve, reject });
        worker.postMessage({ batch, input, id }, [batch.bytes.buffer, batch.lines.buffer]);
      }),
    stop(): Promise<unknown> {
      isStopped = true;
      return worker.terminate();
    },
  };
}

function asError({ message, stack, code, hint }: Failure): Error {
  if (code !== undefined) {
    // The message of a CongError already ends with its hint.
    return new CongError(code, hint === undefined ? message : message.replace(`\n  hint: ${hint}`, ""), {}, hint);
  }
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
