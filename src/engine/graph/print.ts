/** Prints graphs for people. */
import type { Graph, TensorType, ValueId } from "./graph.ts";
import { showShape } from "./shape.ts";

const showType = (type: TensorType): string => `${type.dtype}${showShape(type.shape)}`;

/**
 * One line per source, node and result:
 * `%7 = matmul(%3, %5) {transposeB: true}  : float32[batch, 64]   # layers.0/attention`
 */
export function printGraph(graph: Graph): string {
  const named = (kind: string, name: string, value: ValueId) =>
    `${kind} %${value} "${name}" : ${showType(graph.types[value]!)}`;
  return [
    ...graph.inputs.map(({ name, value }) => named("input", name, value)),
    ...graph.state.map(
      ({ name, value, update }) => named("state", name, value) + (update === undefined ? "" : ` <- %${update}`),
    ),
    ...graph.constants.map(({ name, value }) => named("constant", name, value)),
    ...graph.nodes.map((node) => {
      const results = node.outputs.map((value) => `%${value}`).join(", ");
      const types = node.outputs.map((value) => showType(graph.types[value]!)).join(", ");
      const scope = node.scope === "" ? "" : `   # ${node.scope}`;
      return `${results} = ${node.op}(${node.inputs.map((value) => `%${value}`).join(", ")})${showParams(node.params)} : ${types}${scope}`;
    }),
    ...graph.outputs.map(({ name, value }) => named("output", name, value)),
  ].join("\n");
}

function showParams(params: unknown): string {
  const entries = Object.entries(params as Record<string, unknown>);
  if (entries.length === 0) return "";
  return ` {${entries.map(([key, value]) => `${key}: ${showParam(value)}`).join(", ")}}`;
}

function showParam(value: unknown): string {
  if (typeof value === "function") return "function";
  if (Array.isArray(value)) return `[${value.join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if ("data" in value && "shape" in value) {
    const data = Array.from(value.data as ArrayLike<unknown>);
    return data.length > 8 ? `[${data.slice(0, 8).join(", ")}, …]` : `[${data.join(", ")}]`;
  }
  if ("nodes" in value) return `graph of ${(value.nodes as unknown[]).length} nodes`;
  return "…";
}
