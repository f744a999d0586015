/**
 * Counts the words of a stream of texts in several threads. Texts are read only as fast as they are counted, so memory does not depend on
 * how many there are. Sums do not depend on who counted what: the result is the same for any number of threads.
 */
import { Worker } from "node:worker_threads";
import type { CounterSettings, FromCounter, ToCounter } from "./messages.ts";
import { createWordCounter } from "./word-counter.ts";

export type Texts = Iterable<string> | AsyncIterable<string>;

export interface WordCounts {
  readonly counts: ReadonlyMap<string, number>;
  readonly dropped: number;
}

/** UTF-16 units in a batch: a thread works some 10 ms on one. */
const batchUnits = 1 << 18;

/** Called after every batch with the characters read so far. */
export type OnRead = (characters: number) => void;

export async function countWords(
  texts: Texts,
  settings: CounterSettings,
  threads: number,
  onRead: OnRead,
): Promise<WordCounts> {
  const batches = batchesOf(texts, onRead);
  const first = await batches.next();
  const second = first.done ? first : await batches.next();
  // Starting a thread takes longer than counting one batch.
  if (threads < 2 || second.done || !threadsWork()) return countHere(settings, [first, second], batches);

  const counters = await Promise.all(Array.from({ length: threads }, () => startCounter(settings)));
  try {
    const waiting = [first.value!, second.value];
    const next = async (): Promise<string[] | undefined> =>
      waiting.shift() ?? (await batches.next()).value ?? undefined;
    await Promise.all(
      counters.map(async (counter) => {
        for (let batch = await next(); batch !== undefined; batch = await next()) await counter.count(batch);
      }),
    );
    const counts = new Map<string, number>();
    let dropped = 0;
    for (const counter of counters) dropped += await counter.collect(counts);
    return { counts, dropped };
  } finally {
    await batches.return(undefined);
    await Promise.all(counters.map((counter) => counter.stop()));
  }
}

async function countHere(
  settings: CounterSettings,
  started: readonly IteratorResult<string[], undefined>[],
  batches: AsyncGenerator<string[], undefined>,
): Promise<WordCounts> {
  const counter = createWordCounter(settings.pattern, settings.mostWords);
  for (const { value } of started) for (const text of value ?? []) counter.add(text);
  for await (const batch of batches) for (const text of batch) counter.add(text);
  return { counts: counter.counts, dropped: counter.dropped };
}

async function* batchesOf(texts: Texts, onRead: OnRead): AsyncGenerator<string[], undefined> {
  let batch: string[] = [];
  let units = 0;
  let read = 0;
  for await (const text of texts) {
    batch.push(text);
    units += text.length;
    if (units < batchUnits) continue;
    read += units;
    onRead(read);
    yield batch;
    batch = [];
    units = 0;
  }
  onRead(read + units);
  if (batch.length > 0) yield batch;
  return undefined;
}

/** Threads run the compiled file; from the sources they run where Node itself reads TypeScript. */
function threadsWork(): boolean {
  const features: NodeJS.ProcessFeatures & { typescript?: unknown } = process.features;
  return !import.meta.url.endsWith(".ts") || Boolean(features.typescript);
}

interface Counter {
  /** Resolves when the batch is counted. */
  count(batch: readonly string[]): Promise<void>;
  /** Adds this thread's counts to a map; returns how many words it forgot. */
  collect(into: Map<string, number>): Promise<number>;
  stop(): Promise<unknown>;
}

async function startCounter(settings: CounterSettings): Promise<Counter> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = new Worker(new URL(`./counter-thread.${extension}`, import.meta.url), {
    workerData: settings,
    // A program given on the command line (-e) says how to read it; a thread has a file.
    execArgv: process.execArgv.filter((argument) => !argument.startsWith("--input-type")),
  });
  let failure: Error | undefined;
  let wake: (() => void) | undefined;
  const inbox: FromCounter[] = [];
  worker.on("message", (message: FromCounter) => {
    inbox.push(message);
    wake?.();
  });
  const failed = (error: Error): void => {
    failure ??= error;
    wake?.();
  };
  worker.on("error", failed);
  worker.on("exit", (code) => failed(new Error(`a counting thread ended with code ${code}`)));

  async function receive(): Promise<FromCounter> {
    while (inbox.length === 0) {
      if (failure !== undefined) throw failure;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return inbox.shift()!;
  }

  const send = (message: ToCounter): void => worker.postMessage(message);
  await receive();
  return {
    async count(batch) {
      send({ texts: batch });
      await receive();
    },
    async collect(into) {
      send({ finish: true });
      for (;;) {
        const message = await receive();
        if (message.type !== "counts") continue;
        message.words.forEach((word, i) => {
          into.set(word, (into.get(word) ?? 0) + message.times[i]!);
        });
        if (message.last) return message.dropped;
      }
    },
    stop: () => worker.terminate(),
  };
}
