/**
 * Rotary position embedding (Su et al. 2021): rotates pairs of channels by an angle that grows with the position.
 *
 * "Half-split" pairs channel i with i + R/2 (GPT-NeoX, Llama, glm4); "interleaved" pairs 2i with 2i + 1 (GPT-J, ChatGLM2/3,
 * glm). Only the first R channels of a head rotate; GLM rotates half of them.
 */
import { CongError } from "../../support/errors.ts";
import type { Tensor } from "../graph/builder.ts";
import { type KernelCall, type OpDefinition, requireDType } from "../graph/op.ts";
import { showShape } from "../graph/shape.ts";
import { emit } from "./emit.ts";
import { neg } from "./unary.ts";

export interface RotaryOptions {
  /** Which channels form a pair. Default false: half-split. */
  readonly interleaved?: boolean;
}

export type RotaryParams = Required<RotaryOptions>;

export const rotaryOp: OpDefinition<RotaryParams> = {
  name: "rotary",
  infer: ([x, cosines, sines]) => {
    requireDType("rotary", x!, ["float32"]);
    const [B, T, , D] = x!.shape;
    for (const table of [cosines!, sines!]) {
      requireDType("rotary", table, ["float32"], "table");
      const [half] = table.shape.slice(-1);
      const rows = table.shape.slice(0, -1);
      const fits = rows.length === 1 ? rows[0] === T : rows.length === 2 && rows[0] === B && rows[1] === T;
      if (x!.shape.length !== 4 || !fits || (typeof half === "number" && typeof D === "number" && 2 * half > D)) {
        throw new CongError(
          "SHAPE_MISMATCH",
          `rotary: table ${showShape(table.shape)} does not fit ${showShape(x!.shape)}`,
          { x: x!.shape, table: table.shape },
          "wanted x [B, T, H, D] and tables [T, R/2] or [B, T, R/2] with R ≤ D",
        );
      }
    }
    return [x!];
  },
  // A rotation is undone by the opposite rotation. The tables are positions, not parameters: they get no gradient.
  gradient: ({ inputs: [, cosines, sines], gradients: [g], params }) => [
    rotary(g!, cosines!, neg(sines!), params),
    undefined,
    undefined,
  ],
  evaluate: rotaryKernel,
};

function rotaryKernel({
  inputs: [x, cosines, sines],
  outputs: [y],
  params: { interleaved },
}: KernelCall<RotaryParams>): void {
  const [B, T, H, D] = x!.shape as [number, number, number, number];
  const half = cosines!.shape.at(-1)!;
  const perBatch = cosines!.shape.length === 3;
  y!.data.set(x!.data);
  for (let row = 0; row < B * T * H; row++) {
    const token = Math.floor(row / H);
    const table = (perBatch ? token : token % T) * half;
    for (let i = 0; i < half; i++) {
      const first = row * D + (interleaved ? 2 * i : i);
      const second = first + (interleaved ? 1 : half);
      const [c, s] = [cosines!.data[table + i]!, sines!.data[table + i]!];
      y!.data[first] = x!.data[first]! * c - x!.data[second]! * s;
      y!.data[second] = x!.data[first]! * s + x!.data[second]! * c;
    }
  }
}

/**
 * Rotates x [B, T, H, D] by the angles whose cosines and sines are given, [T, R/2] or [B, T, R/2].
 * Channels from R on stay as they are.
 */
export const rotary = (x: Tensor, cosines: Tensor, sines: Tensor, options: RotaryOptions = {}): Tensor =>
  emit(rotaryOp, [x, cosines, sines], { interleaved: options.interleaved ?? false });
