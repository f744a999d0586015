/** One counting thread: takes batches of texts, says when it is done with each, and hands its counts over at the end. */
import { parentPort, workerData } from "node:worker_threads";
import type { CounterSettings, FromCounter, ToCounter } from "./messages.ts";
import { createWordCounter } from "./word-counter.ts";

/** Words a message at the end: the copies of one message exist twice for a moment. */
const messageWords = 100_000;

const port = parentPort!;
const { pattern, mostWords } = workerData as CounterSettings;
const counter = createWordCounter(pattern, mostWords);
const post = (message: FromCounter): void => port.postMessage(message);

port.on("message", (message: ToCounter) => {
  if ("texts" in message) {
    for (const text of message.texts) counter.add(text);
    post({ type: "done" });
    return;
  }
  const entries = [...counter.counts];
  for (let start = 0; start === 0 || start < entries.length; start += messageWords) {
    const part = entries.slice(start, start + messageWords);
    post({
      type: "counts",
      words: part.map(([word]) => word),
      times: Float64Array.from(part, ([, times]) => times),
      last: start + messageWords >= entries.length,
      dropped: counter.dropped,
    });
  }
});
post({ type: "ready" });
