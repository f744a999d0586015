/** Fused programs inside onnxruntime: same numbers with and without, in place, on several threads, again and again. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../support/random.ts";
import {
  add,
  div,
  type Graph,
  gradients,
  type HostTensor,
  hostTensor,
  matmul,
  mean,
  mul,
  rmsNorm,
  silu,
  sqrt,
  sub,
  toNumbers,
  trace,
} from "../../index.ts";
import { supportsMachineCode } from "../x64/executable-memory.ts";
import { type OnnxruntimeOptions, onnxruntimeBackend } from "./index.ts";

const [rows, width, inner] = [203, 96, 131]; // odd numbers, so that loops have tails

/** A gated layer with its norm and an Adam update written out: everything that is fused in training. */
const training = trace((builder) => {
  const x = builder.input("x", "float32", [rows, width]);
  const target = builder.input("target", "float32", [rows, width]);
  const specs = {
    norm: { dtype: "float32", shape: [width] },
    gate: { dtype: "float32", shape: [width, inner] },
    up: { dtype: "float32", shape: [width, inner] },
    down: { dtype: "float32", shape: [inner, width] },
  } as const;
  const [p, m, v] = [builder.state("p", specs), builder.state("m", specs), builder.state("v", specs)];
  const normal = rmsNorm(x, p.norm);
  const y = add(x, matmul(mul(silu(matmul(normal, p.gate)), matmul(normal, p.up)), p.down));
  const error = sub(y, target);
  const loss = mean(mul(error, error));
  builder.output("loss", loss);
  const names = ["norm", "gate", "up", "down"] as const;
  gradients(
    loss,
    names.map((name) => p[name]),
  ).forEach((g, i) => {
    const name = names[i]!;
    const first = add(mul(m[name], 0.9), mul(g!, 0.1));
    const second = add(mul(v[name], 0.99), mul(mul(g!, g!), 0.01));
    builder.assign(m[name], first);
    builder.assign(v[name], second);
    builder.assign(p[name], sub(mul(p[name], 0.999), mul(div(first, add(sqrt(second), 1e-6)), 0.003)));
  });
});

function numbers(shape: readonly number[], scale: number, seed: number): HostTensor {
  const random = createRandom(seed);
  const size = shape.reduce((product, dim) => product * dim, 1);
  return hostTensor(
    "float32",
    shape,
    Array.from({ length: size }, () => scale * (2 * random.uniform() - 1)),
  );
}

interface Outcome {
  readonly losses: number[];
  readonly state: Map<string, number[]>;
  readonly graph: Graph;
}

async function train(options: OnnxruntimeOptions, steps = 6): Promise<Outcome> {
  const program = await onnxruntimeBackend(options).compile(training);
  training.state.forEach(({ name, value }, i) => {
    const shape = training.types[value]!.shape as readonly number[];
    program.writeState(name, numbers(shape, name.startsWith("p.") ? 0.3 : 0, i));
  });
  const feed = { x: numbers([rows, width], 2, 100), target: numbers([rows, width], 1, 101) };
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) losses.push(toNumbers((await program.run(feed))["loss"]!)[0]!);
  const state = new Map(training.state.map(({ name }) => [name, toNumbers(program.readState(name))]));
  await program.dispose();
  return { losses, state, graph: program.graph };
}

const fusedCount = ({ graph }: Outcome) => graph.nodes.filter((node) => node.op === "fused").length;

describe.runIf(supportsMachineCode())("fusion in onnxruntime", () => {
  test("training gives the same losses and parameters with and without", async () => {
    const [fused, plain] = [await train({}), await train({ fuse: false })];
    expect(fusedCount(fused)).toBeGreaterThanOrEqual(2);
    expect(fusedCount(plain)).toBe(0);
    expect(plain.losses.at(-1)!).toBeLessThan(0.99 * plain.losses[0]!);
    fused.losses.forEach((loss, i) => {
      expect(Math.abs(loss / plain.losses[i]! - 1)).toBeLessThan(1e-5);
    });
    for (const [name, values] of fused.state) {
      const wanted = plain.state.get(name)!;
      const worst = values.reduce((largest, value, i) => Math.max(largest, Math.abs(value - wanted[i]!)), 0);
      expect(worst, name).toBeLessThan(name.startsWith("p.") ? 1e-4 : 1e-5);
    }
  });

  test("runs are bit-identical, on one thread and on several", async () => {
    const [first, second, alone] = [
      await train({ threads: 2 }),
      await train({ threads: 2 }),
      await train({ threads: 1 }),
    ];
    expect(second.losses).toEqual(first.losses);
    expect([...second.state]).toEqual([...first.state]);
    expect(alone.losses.map((loss, i) => Math.abs(loss / first.losses[i]! - 1) < 1e-6)).not.toContain(false);
  });

  test("programs live side by side and are freed one by one", async () => {
    const graph = trace((builder) => {
      const x = builder.input("x", "float32", [160, 128]);
      builder.output("y", mul(add(x, 1), sub(x, 1)));
    });
    const x = numbers([160, 128], 3, 5);
    const wanted = toNumbers(x).map((value) => Math.fround(Math.fround(value + 1) * Math.fround(value - 1)));
    const programs = await Promise.all([1, 2, 3].map(() => onnxruntimeBackend().compile(graph)));
    for (const program of programs) {
      expect(program.graph.nodes.map((node) => node.op)).toContain("fused");
      expect(toNumbers((await program.run({ x }))["y"]!)).toEqual(wanted);
      await program.dispose();
    }
  });
});
