/** The backends that the conformance tests run on. A new backend is one more row here. */
import { existsSync } from "node:fs";
import type { Backend } from "../backends/contract.ts";
import { referenceBackend } from "../backends/reference/index.ts";

export interface TestedBackend {
  readonly name: string;
  readonly backend?: Backend;
  /** Why there is no backend; the tests then show as skipped under this text. */
  readonly missing?: string;
}

/**
 * Conformance tests that a backend is known to fail, with the reason. They are declared as `test.fails`: mending the
 * backend makes them red until the entry is taken out.
 */
export const knownDifferences: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  onnxruntime: {
    "max of rows with NaN": "ReduceMax passes over a NaN that is not the first element",
    "min of rows with NaN": "as max",
  },
};

/** All backends, those that cannot run here with the reason. */
export async function testedBackends(): Promise<TestedBackend[]> {
  return [
    { name: "reference", backend: referenceBackend() },
    await optional("onnxruntime", "../backends/onnxruntime/index.ts", "onnxruntimeBackend"),
  ];
}

async function optional(name: string, path: string, factory: string): Promise<TestedBackend> {
  const url = new URL(path, import.meta.url);
  if (!existsSync(url)) return { name, missing: "not in this checkout" };
  try {
    const module = (await import(/* @vite-ignore */ url.href)) as Record<string, (() => Backend) | undefined>;
    const make = module[factory];
    return make === undefined ? { name, missing: `exports no ${factory}` } : { name, backend: make() };
  } catch (error) {
    return { name, missing: error instanceof Error ? error.message : String(error) };
  }
}
