/** Turns onnxruntime's run-time errors into ours: which op of the model failed, and on what. */
import { CongError } from "../../../support/errors.ts";
import type { HostTensor } from "../../graph/dtype.ts";
import type { Node } from "../../graph/graph.ts";
import { showShape } from "../../graph/shape.ts";

export function explainFailure(
  error: unknown,
  origins: ReadonlyMap<string, Node>,
  inputs: Readonly<Record<string, HostTensor>>,
): unknown {
  if (!CongError.is(error)) return error;
  const message = String(error.details["message"] ?? error.message);
  const named = [...origins.keys()].filter((name) => message.includes(`Name:'${name}'`));
  const node = named.length === 0 ? undefined : origins.get(named[0]!);
  const where = node === undefined ? "" : ` in ${node.op}${node.scope === "" ? "" : ` (${node.scope})`}`;
  const fed = Object.entries(inputs)
    .map(([name, { dtype, shape }]) => `${name}: ${dtype}${showShape(shape)}`)
    .join(", ");
  const index =
    /idx=(-?\d+) must be within the inclusive range \[-?\d+,(-?\d+)\]/.exec(message) ??
    /index.*out of.*bounds/i.exec(message);
  if (index !== null) {
    const detail = index[1] === undefined ? "an index" : `index ${index[1]}`;
    const range = index[2] === undefined ? "" : ` [0, ${Number(index[2]) + 1})`;
    return new CongError(
      "INDEX_OUT_OF_RANGE",
      `run: ${detail} is outside the range${range}${where}; inputs were ${fed}`,
      { message, op: node?.op, scope: node?.scope },
      "token ids must be smaller than the vocabulary; check that tokenizer and model belong together",
    );
  }
  return new CongError(
    "RUN_FAILED",
    `run: onnxruntime failed${where}; inputs were ${fed}: ${message}`,
    { message, op: node?.op, scope: node?.scope },
    "if the inputs are right, this is a bug in the lowering of that op",
  );
}
