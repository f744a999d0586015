// Gives Node what the jax-js wasm backend looks for before it uses threads: a `Worker` as in browsers (made from a
// blob address) and the number of cores. Without them jax-js runs on one thread in Node, by no fault of its own.
// Import this before @jax-js/jax.

import { resolveObjectURL } from "node:buffer";
import { Worker as NodeWorker } from "node:worker_threads";

const PRELUDE = `
const { parentPort } = require('node:worker_threads');
globalThis.self = globalThis;
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on('message', (data) => globalThis.onmessage({ data }));
`;

/** The part of the browser's Worker that jax-js uses: module scripts by blob address, onmessage, onerror, postMessage. */
class BrowserWorker {
  onmessage = null;
  onerror = null;
  #worker = null;
  #waiting = [];

  constructor(address) {
    const blob = resolveObjectURL(address);
    blob.text().then((source) => {
      this.#worker = new NodeWorker(PRELUDE + source, { eval: true });
      this.#worker.on("message", (data) => this.onmessage?.({ data }));
      this.#worker.on("error", (error) => this.onerror?.(error));
      for (const message of this.#waiting) {
        this.#worker.postMessage(message);
      }
    });
  }

  postMessage(message) {
    if (this.#worker === null) {
      this.#waiting.push(message);
    } else {
      this.#worker.postMessage(message);
    }
  }
}

/** Makes jax-js start `threads` workers. */
export function provideThreads(threads) {
  globalThis.Worker = BrowserWorker;
  Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: threads }, configurable: true });
}
