/**
 * Checks what every legal graph fulfils. Runs after each pass, so that a broken graph is blamed on the pass that made it.
 */
import { CongError } from "../../support/errors.ts";
import { dimNames, isName } from "./dims.ts";
import { type Graph, graphResults, graphSources, type Node, type ValueId } from "./graph.ts";
import { sameShape, showShape } from "./shape.ts";

/** All faults found, as sentences; none for a legal graph. */
export const findFaults = (graph: Graph): string[] => [...structureFaults(graph), ...nameFaults(graph)];

function structureFaults(graph: Graph): string[] {
  const faults: string[] = [];
  const known = new Set<ValueId>();
  const define = (value: ValueId, who: string) => {
    if (graph.types[value] === undefined) faults.push(`${who} defines value ${value}, which has no type`);
    if (known.has(value)) faults.push(`${who} defines value ${value} a second time`);
    known.add(value);
  };
  for (const value of graphSources(graph)) define(value, "a source");
  for (const node of graph.nodes) {
    const who = describeNode(node);
    for (const value of node.inputs) if (!known.has(value)) faults.push(`${who} reads value ${value} before it exists`);
    for (const value of node.outputs) define(value, who);
    faults.push(...typeFaults(graph, node, who), ...bodyFaults(node, who));
  }
  for (const value of graphResults(graph)) {
    if (!known.has(value)) faults.push(`a result is value ${value}, which nothing computes`);
  }
  for (const slot of graph.state) {
    const [old, next] = [graph.types[slot.value]!, slot.update === undefined ? undefined : graph.types[slot.update]];
    if (next && (next.dtype !== old.dtype || !sameShape(next.shape, old.shape))) {
      faults.push(
        `state "${slot.name}" changes from ${old.dtype}${showShape(old.shape)} to ${next.dtype}${showShape(next.shape)}`,
      );
    }
  }
  return faults;
}

/** @throws CongError `BROKEN_GRAPH` naming whoever made the graph. */
export function verify(graph: Graph, madeBy: string): Graph {
  const faults = structureFaults(graph);
  const names = nameFaults(graph);
  if (faults.length === 0 && names.length === 0) return graph;
  if (faults.length === 0) {
    throw new CongError(
      "UNBOUND_DIMENSION",
      `${madeBy} uses sizes that nobody can know: ${names.join("; ")}`,
      { madeBy, faults: names },
      "give an input this size as an axis, or spell the name as there",
    );
  }
  throw new CongError(
    "BROKEN_GRAPH",
    `${madeBy} produced a broken graph:\n  ${faults.slice(0, 10).join("\n  ")}`,
    { madeBy, faults },
    "this is a bug in Congling, not in your model; please report it with the model's code",
  );
}

const describeNode = (node: Node): string => `${node.op}${node.scope === "" ? "" : ` in ${node.scope}`}`;

/** Graphs inside an op, as the body of a scan. Their sizes may come from the graph around them. */
function bodyFaults(node: Node, who: string): string[] {
  const { body } = node.params as { readonly body?: Graph };
  return body === undefined ? [] : structureFaults(body).map((fault) => `in the body of ${who}: ${fault}`);
}

/** The op's own rule must give the recorded types. */
function typeFaults(graph: Graph, node: Node, who: string): string[] {
  const inputs = node.inputs.map((value) => graph.types[value]);
  if (inputs.some((type) => type === undefined)) return [];
  try {
    const wanted = node.definition.infer(inputs as NonNullable<(typeof inputs)[number]>[], node.params);
    return node.outputs.flatMap((value, i) => {
      const [got, want] = [graph.types[value]!, wanted[i]];
      if (want && want.dtype === got.dtype && sameShape(want.shape, got.shape)) return [];
      return [
        `${who}: output ${i} is ${got.dtype}${showShape(got.shape)}, its rule says ${want ? `${want.dtype}${showShape(want.shape)}` : "nothing"}`,
      ];
    });
  } catch (error) {
    return [`${who}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** Every named size must be readable off some source, or nobody could bind it. */
function nameFaults(graph: Graph): string[] {
  const sources = graphSources(graph).flatMap((value) => graph.types[value]?.shape ?? []);
  const bound = new Set(sources.filter(isName));
  const used = new Set(
    graph.nodes.flatMap((node) => node.outputs.flatMap((value) => graph.types[value]?.shape.flatMap(dimNames) ?? [])),
  );
  return [...used]
    .filter((name) => !bound.has(name))
    .map((name) => `dimension "${name}" appears in no input, state or constant by itself`);
}
