// Starts the TensorFlow.js wasm backend, with threads although it runs in Node.
//
// tfjs-backend-wasm 4.22 switches threads off in Node because it hands its worker script to `new Worker` as a
// blob address, which Node does not take. Given the scripts as files the threads do work, and they are worth
// about 1.6 times on matrix products, so a fair row needs them: for the moments of start-up, `URL.createObjectURL`
// answers with a file that holds the script. The backend uses half of the logical cores it is told of
// (it takes the other half for hyper-threads), so it is told of twice the number wanted.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";

const require = createRequire(import.meta.url);

/** Starts the backend with `threads` threads; answers with the library and one sentence about what is active. */
export async function startWasm(threads) {
  const tf = require("@tensorflow/tfjs"); // tfjs-core by itself has no gradients for Node
  const backend = require("@tensorflow/tfjs-backend-wasm");
  const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
  const distribution = path.dirname(require.resolve("@tensorflow/tfjs-backend-wasm"));
  const script = path.join(distribution, "..", "wasm-out", "tfjs-backend-wasm-threaded-simd.js");
  const { wasmWorkerContents } = require(script.replace(/\.js$/, ".worker.js"));

  const folder = mkdtempSync(path.join(tmpdir(), "tfjs-worker-"));
  const workerFile = path.join(folder, "worker.js");
  const prelude = `URL.createObjectURL = () => ${JSON.stringify(script)}; URL.revokeObjectURL = () => {};\n`;
  const contents = wasmWorkerContents.replace(/\n/g, "\\n"); // line breaks inside its strings lost their escape; tfjs does so too
  writeFileSync(workerFile, prelude + contents);

  const os = require("node:os");
  const { cpus } = os;
  const { createObjectURL } = URL;
  const OriginalBlob = globalThis.Blob;
  try {
    os.cpus = () => Array.from({ length: 2 * threads }, () => cpus()[0]);
    URL.createObjectURL = () => workerFile;
    globalThis.Blob = class {}; // goes to the workers by postMessage; the prelude makes its content irrelevant
    backend.setThreadsCount(threads);
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", true);
    if (!(await tf.setBackend("wasm"))) {
      throw new Error("the wasm backend did not start; see the messages above");
    }
  } finally {
    os.cpus = cpus;
    URL.createObjectURL = createObjectURL;
    globalThis.Blob = OriginalBlob;
    rmSync(folder, { recursive: true });
  }
  const active = `wasm${simd ? " with SIMD" : ""}, ${backend.getThreadsCount()} thread(s)`;
  return { tf, active };
}
