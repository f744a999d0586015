/** Reads onnxruntime's profile and gives the times back to the ops and scopes of the graph they came from. */
import { readFileSync, rmSync } from "node:fs";
import { siteOf } from "../../graph/call-site.ts";
import type { Node } from "../../graph/graph.ts";

/** Time of one kind of ONNX op at one place of the model, over all runs. */
export interface OpTime {
  /** Op of our graph, e.g. "matmul". */
  readonly op: string;
  /** ONNX op it was lowered to, e.g. "FusedMatMul". */
  readonly kernel: string;
  /** Where in the model, e.g. "layers.3/attention"; a trailing ' marks the backward pass. */
  readonly scope: string;
  /** Line of the model's code, e.g. "decoder.ts:88:12"; for the backward pass, where gradients were asked for. */
  readonly line: string;
  readonly milliseconds: number;
  readonly calls: number;
  /** Shapes of the inputs, as onnxruntime reports them. */
  readonly shapes: string;
}

interface ProfileEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly ts?: number; // microseconds
  readonly dur?: number; // microseconds
  readonly args?: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Record<string, readonly number[]>[];
  };
}

/**
 * Reads and removes the profile file. Sorted by time, the longest first.
 * @param skip leaves out that many runs at the start, which pay for touching memory the first time.
 */
export function readProfile(path: string, origins: ReadonlyMap<string, Node>, skip = 0): OpTime[] {
  const events = JSON.parse(readFileSync(path, "utf8")) as ProfileEvent[];
  rmSync(path, { force: true });
  const runs = events
    .filter(({ name }) => name === "model_run")
    .map(({ ts = 0, dur = 0 }) => ts + dur)
    .sort((a, b) => a - b);
  const from = skip === 0 ? 0 : (runs[skip - 1] ?? 0);
  const lines = new Map<Node | undefined, string>();
  const lineOf = (node: Node | undefined): string => {
    if (!lines.has(node)) lines.set(node, siteOf(node?.site) ?? "");
    return lines.get(node)!;
  };
  const times = new Map<string, { -readonly [K in keyof OpTime]: OpTime[K] }>();
  const suffix = "_kernel_time";
  for (const { cat, name = "", ts = 0, dur = 0, args } of events) {
    if (cat !== "Node" || ts < from || !name.endsWith(suffix)) continue;
    const node = origins.get(name.slice(0, -suffix.length));
    const kernel = args?.op_name ?? "?";
    const shapes = (args?.input_type_shape ?? []).map((entry) => `[${Object.values(entry)[0] ?? ""}]`).join(" ");
    const line = lineOf(node);
    const key = [node?.op, kernel, node?.scope, line, shapes].join("|");
    const entry = times.get(key) ?? {
      op: node?.op ?? "?",
      kernel,
      scope: node?.scope ?? "",
      line,
      milliseconds: 0,
      calls: 0,
      shapes,
    };
    entry.milliseconds += dur / 1000;
    entry.calls += 1;
    times.set(key, entry);
  }
  return [...times.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}
