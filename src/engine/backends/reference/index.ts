/**
 * The reference backend: plain TypeScript, every op, one node after another. The truth in tests; far too slow for work.
 */
import { bindGraph } from "../../graph/bind.ts";
import type { Graph } from "../../graph/graph.ts";
import { interpretAll, type Precision } from "../../graph/interpret.ts";
import { fromNumbers, toKernelTensor } from "../../graph/kernel-values.ts";
import type { KernelTensor } from "../../graph/op.ts";
import { verify } from "../../graph/verify.ts";
import { checkConstants, checkInputs, checkTensor, disposed, findSlot, notWritten } from "../check-values.ts";
import type { Backend, CompileOptions, Executable } from "../contract.ts";

export interface ReferenceOptions {
  /** float64 keeps float values in double precision, for finite differences. Default float32. */
  readonly precision?: Precision;
}

export function referenceBackend(options: ReferenceOptions = {}): Backend {
  const precision = options.precision ?? "float32";
  return {
    name: "reference",
    compile: async (graph, compileOptions = {}) => executable(graph, compileOptions, precision),
  };
}

function executable(unbound: Graph, options: CompileOptions, precision: Precision): Executable {
  const graph = verify(bindGraph(verify(unbound, "the model"), options.bindings ?? {}), "binding sizes");
  checkConstants(graph, options.constants);
  const values = new Map<string, KernelTensor>();
  for (const [name, tensor] of Object.entries(options.constants ?? {}))
    values.set(name, toKernelTensor(tensor, precision));
  let alive = true;
  const requireAlive = () => {
    if (!alive) throw disposed();
  };
  return {
    graph,
    async run(inputs) {
      requireAlive();
      const bindings = { ...options.bindings, ...checkInputs(graph, inputs) };
      for (const { name } of graph.state) if (!values.has(name)) throw notWritten(name);
      const fed = graph.inputs.map(({ name }) => toKernelTensor(inputs[name]!, precision));
      const computed = interpretAll(graph, fed, bindings, values, precision);
      for (const { name, update } of graph.state) if (update !== undefined) values.set(name, computed.get(update)!);
      return Object.fromEntries(graph.outputs.map(({ name, value }) => [name, fromNumbers(computed.get(value)!)]));
    },
    readState(name) {
      requireAlive();
      findSlot("state", graph.state, name);
      const tensor = values.get(name);
      if (tensor === undefined) throw notWritten(name);
      return fromNumbers(tensor);
    },
    writeState(name, tensor) {
      requireAlive();
      const slot = findSlot("state", graph.state, name);
      checkTensor(`state "${name}"`, tensor, graph.types[slot.value]!);
      values.set(name, toKernelTensor(tensor, precision));
    },
    async dispose() {
      alive = false;
      values.clear();
    },
  };
}
