/** The lowering of every op to ONNX. Typed over the op table: an op without a row does not compile. */
import { CongError } from "../../../../support/errors.ts";
import type { OpName } from "../../../ops/table.ts";
import type { Lowering } from "../lowering.ts";
import { cache } from "./cache.ts";
import { compute } from "./compute.ts";
import { elementwise } from "./elementwise.ts";
import { fused } from "./fused.ts";
import { loops } from "./loops.ts";
import { quantized } from "./quantized.ts";
import { tensor } from "./tensor.ts";

/** For ops that no backend should meet. */
const stripped = (op: string) => (): never => {
  throw new CongError(
    "BROKEN_GRAPH",
    `onnxruntime: ${op} must be stripped before lowering`,
    {},
    "compile with the standard passes",
  );
};

export const lowerings: { readonly [K in OpName | "fused"]: Lowering } = {
  ...elementwise,
  ...tensor,
  ...compute,
  ...loops,
  ...quantized,
  ...cache,
  ...fused,
  customGradient: stripped("customGradient"),
  composed: stripped("composed"),
};
