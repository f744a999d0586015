/**
 * Cosines and sines for rotary position embedding (Su et al. 2021): pair i of R rotating channels turns by
 * position · base^(−2i/R).
 *
 * Two ways to get them. Positions known before the run (0 … T − 1, or any list): tables computed here in float64, put
 * into the graph with `constant`, or looked up at run-time positions by `rotaryRows`. Positions known only at run
 * time and unbounded: `rotaryTablesInGraph`, which forms the angle in float32, as Hugging Face does, and so is off by up
 * to position·2⁻²⁴ radians. B batch, T length, R rotating channels.
 */
import {
  cast,
  constant,
  cos,
  gather,
  type HostTensor,
  hostTensor,
  mul,
  reshape,
  sin,
  type Tensor,
} from "../engine/index.ts";
import { checkInteger, checkRange } from "../support/checks.ts";

/** Cosines and sines, each [T, R/2] or [B, T, R/2]. */
export type RotaryTables<Leaf> = {
  readonly cosines: Leaf;
  readonly sines: Leaf;
};

export interface RotaryFrequencyOptions {
  /** Rotating channels R of a head, even. For partial rotation less than the head size (GLM: half of it). */
  readonly size: number;
  /** Default 10000. */
  readonly base?: number;
}

/** Radians per position of each channel pair, base^(−2i/R) for i from 0 to R/2 − 1. */
export function rotaryFrequencies(options: RotaryFrequencyOptions): number[] {
  const { size, base = 10000 } = options;
  checkInteger("rotaryFrequencies", { "size / 2": size / 2 }, { min: 1 });
  checkRange("rotaryFrequencies", { base }, { min: 1 });
  return Array.from({ length: size / 2 }, (_, i) => base ** ((-2 * i) / size));
}

/**
 * Tables for positions known now, exact to float32.
 * @param positions a list, or a count T for 0 … T − 1
 * @param frequencies from `rotaryFrequencies`, possibly changed by a long-context method
 * @param scale factor on both tables (YaRN's attention factor). Default 1.
 * @returns [T, R/2] each
 */
export function rotaryTables(
  positions: number | readonly number[],
  frequencies: readonly number[],
  scale = 1,
): RotaryTables<HostTensor> {
  const list = typeof positions === "number" ? Array.from({ length: positions }, (_, i) => i) : positions;
  const shape = [list.length, frequencies.length];
  const table = (of: (angle: number) => number): HostTensor => {
    const values = list.flatMap((position) => frequencies.map((frequency) => scale * of(position * frequency)));
    return hostTensor("float32", shape, values);
  };
  return { cosines: table(Math.cos), sines: table(Math.sin) };
}

/** Host tables as literals of the graph that `like` belongs to. Meant for tables of one sequence length. */
export function rotaryConstants(like: Tensor, tables: RotaryTables<HostTensor>): RotaryTables<Tensor> {
  const literal = ({ shape, data }: HostTensor) => constant(like, "float32", shape, data as Float32Array);
  return { cosines: literal(tables.cosines), sines: literal(tables.sines) };
}

/**
 * Rows of tables made for positions 0 … capacity − 1.
 * @param positions int64 [T] or [B, T], each below the capacity
 */
export const rotaryRows = (tables: RotaryTables<Tensor>, positions: Tensor): RotaryTables<Tensor> => ({
  cosines: gather(tables.cosines, positions),
  sines: gather(tables.sines, positions),
});

/**
 * Tables for positions known only at run time.
 * @param positions int32 or int64, [T] or [B, T]
 * @param scale factor on both tables. Default 1.
 * @returns [T, R/2] or [B, T, R/2] each
 */
export function rotaryTablesInGraph(
  positions: Tensor,
  frequencies: readonly number[],
  scale = 1,
): RotaryTables<Tensor> {
  const perPosition = constant(positions, "float32", [frequencies.length], frequencies);
  const angles = mul(cast(reshape(positions, [...positions.shape, 1]), "float32"), perPosition);
  const scaled = (x: Tensor) => (scale === 1 ? x : mul(x, scale));
  return { cosines: scaled(cos(angles)), sines: scaled(sin(angles)) };
}
