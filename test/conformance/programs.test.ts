/** What the contract of `backends/contract.ts` promises about programs: state, runs, ownership of results, errors. */
import { describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backends/contract.ts";
import {
  add,
  addDims,
  cast,
  causalBias,
  gather,
  type HostTensor,
  hostTensor,
  matmul,
  mul,
  slice,
  sum,
  toNumbers,
  trace,
} from "../../src/engine/index.ts";
import { knownDifferences, testedBackends } from "../../src/engine/testing/backends.ts";

const f = "float32";
const vector = (...values: number[]) => hostTensor(f, [values.length], values);
const spec = (...shape: number[]) => ({ dtype: f, shape }) as const;

function bodies(name: string, backend: Backend): void {
  test("a run reads the old state and assigns the new one", async () => {
    const program = await backend.compile(
      trace((builder) => {
        const s = builder.state("s", spec(2));
        const next = add(s, builder.input("x", f, [2]));
        builder.assign(s, next);
        builder.output("old", s);
        builder.output("new", next);
        builder.output("twice the old", mul(s, 2));
      }),
    );
    program.writeState("s", vector(1, 2));
    const results: Record<string, HostTensor>[] = [];
    for (const step of [1, 2, 3]) results.push(await program.run({ x: vector(step, 10) }));
    expect(results.map((result) => Object.values(result).map(toNumbers))).toEqual([
      [
        [1, 2],
        [2, 12],
        [2, 4],
      ],
      [
        [2, 12],
        [4, 22],
        [4, 24],
      ],
      [
        [4, 22],
        [7, 32],
        [8, 44],
      ],
    ]);
    expect(toNumbers(program.readState("s"))).toEqual([7, 32]);
    await program.dispose();
  });

  test("states may swap, stand still, take an input or another state", async () => {
    const program = await backend.compile(
      trace((builder) => {
        const { a, b, c, d } = builder.state("m", { a: spec(1), b: spec(1), c: spec(1), d: spec(1) });
        builder.assign(a, b);
        builder.assign(b, a);
        builder.assign(c, builder.input("x", f, [1]));
        builder.output("sum", add(add(a, b), add(c, d)));
      }),
    );
    for (const [i, name] of ["a", "b", "c", "d"].entries()) program.writeState(`m.${name}`, vector(10 ** i));
    const sums = [];
    for (let i = 0; i < 3; i++) sums.push(toNumbers((await program.run({ x: vector(i) })).sum!)[0]);
    expect(sums).toEqual([1111, 1011, 1012]);
    const states = ["a", "b", "c", "d"].map((name) => toNumbers(program.readState(`m.${name}`))[0]);
    expect(states).toEqual([10, 1, 2, 1000]);
    await program.dispose();
  });

  test("integer and half-precision state", async () => {
    const program = await backend.compile(
      trace((builder) => {
        const step = builder.state("step", { dtype: "int64", shape: [] });
        const half = builder.state("half", { dtype: "float16", shape: [2] });
        builder.assign(step, add(step, 1));
        builder.assign(half, cast(mul(cast(half, f), 0.5), "float16"));
      }),
    );
    program.writeState("step", hostTensor("int64", [], [2 ** 40]));
    program.writeState("half", { dtype: "float16", shape: [2], data: Uint16Array.of(0x3c00, 0xc000) }); // 1, −2
    await program.run({});
    await program.run({});
    expect(toNumbers(program.readState("step"))).toEqual([2 ** 40 + 2]);
    expect(toNumbers(program.readState("half"))).toEqual([0x3400, 0xb800]); // 0.25, −0.5
    await program.dispose();
  });

  test("results and state read back are copies", async () => {
    const program = await backend.compile(
      trace((builder) => {
        const s = builder.state("s", spec(1));
        builder.assign(s, add(s, 1));
        builder.output("y", mul(s, builder.input("x", f, [1])));
      }),
    );
    const start = vector(1);
    program.writeState("s", start);
    start.data[0] = 99;
    const read = program.readState("s");
    const first = await program.run({ x: vector(10) });
    await program.run({ x: vector(100) });
    expect([read, first.y!].map(toNumbers)).toEqual([[1], [10]]);
    program.readState("s").data[0] = 99;
    expect(toNumbers(program.readState("s"))).toEqual([3]);
    await program.dispose();
  });

  test("inputs, constants and one value twice as outputs", async () => {
    const program = await backend.compile(
      trace((builder) => {
        const x = builder.input("x", f, ["batch"]);
        const c = builder.constants("c", spec(1));
        const y = mul(x, c);
        for (const [name, tensor] of Object.entries({ "x again": x, "c again": c, y, "y again": y }))
          builder.output(name, tensor);
      }),
      { constants: { c: vector(3) } },
    );
    for (const values of [[1, 2], [4], [1, 2, 3]]) {
      const result = await program.run({ x: vector(...values) });
      const tripled = values.map((x) => 3 * x);
      expect(Object.entries(result).map(([name, tensor]) => [name, toNumbers(tensor)])).toEqual([
        ["x again", values],
        ["c again", [3]],
        ["y", tripled],
        ["y again", tripled],
      ]);
      expect(result.y!.shape).toEqual([values.length]);
    }
    await program.dispose();
  });

  test("sizes bound at compile time and sizes that are sums", async () => {
    const graph = trace((builder) => {
      const past = builder.input("past", f, ["past", 2]);
      const all = builder.input("all", f, [addDims("past", "length"), 2]);
      const now = builder.input("now", f, ["length", 2]);
      const scores = add(matmul(now, all, { transposeB: true }), causalBias(now, "length", addDims("past", "length")));
      builder.output("seen", sum(slice(scores, 1, 0, 1), { axes: 1 }));
      builder.output("last", slice(all, 0, "past"));
      builder.output("first", past);
    });
    const ones = (rows: number) => hostTensor(f, [rows, 2], Array(2 * rows).fill(1));
    for (const bindings of [{}, { past: 2 }, { past: 2, length: 1 }] as Record<string, number>[]) {
      const program = await backend.compile(graph, { bindings });
      const result = await program.run({ past: ones(2), all: ones(3), now: ones(1) });
      expect([result.seen!.shape, toNumbers(result.seen!)]).toEqual([[1], [2]]);
      expect(result.last!.shape).toEqual([1, 2]);
      await program.dispose();
    }
  });

  test("runs asked for at once happen in order", async () => {
    const program = await backend.compile(
      trace((builder) => {
        const s = builder.state("s", spec(1));
        const next = add(mul(s, 10), builder.input("x", f, [1]));
        builder.assign(s, next);
        builder.output("y", next);
      }),
    );
    program.writeState("s", vector(0));
    const results = await Promise.all([1, 2, 3, 4].map((x) => program.run({ x: vector(x) })));
    expect(results.map((result) => toNumbers(result.y!)[0])).toEqual([1, 12, 123, 1234]);
    await program.dispose();
  });

  test("two programs do not share state", async () => {
    const graph = trace((builder) => {
      const s = builder.state("s", spec(1));
      builder.assign(s, add(s, 1));
    });
    const [a, b] = [await backend.compile(graph), await backend.compile(graph)];
    a.writeState("s", vector(0));
    b.writeState("s", vector(100));
    await Promise.all([a.run({}), b.run({}), a.run({})]);
    expect([a, b].map((program) => toNumbers(program.readState("s")))).toEqual([[2], [101]]);
    await Promise.all([a.dispose(), b.dispose()]);
  });

  describe("errors", () => {
    const graph = trace((builder) => {
      const table = builder.state("table", spec(3, 2));
      builder.output(
        "y",
        builder.scope("embed", () => gather(table, builder.input("input_ids", "int64", ["batch"]))),
      );
    });
    const table = hostTensor(f, [3, 2], [0, 1, 2, 3, 4, 5]);
    const ids = (...values: number[]) => ({ input_ids: hostTensor("int64", [values.length], values) });

    test("of what is fed", async () => {
      const program = await backend.compile(graph);
      await expect(program.run(ids(0))).rejects.toThrow(/state "table" has no value/);
      expect(() => program.readState("table")).toThrow(/no value/);
      expect(() => program.writeState("tabel", table)).toThrow(/did you mean "table"/);
      expect(() => program.writeState("table", vector(1))).toThrow(/\[1\], wanted \[3, 2\]/);
      program.writeState("table", table);
      await expect(program.run({ ...ids(0), inputs_ids: vector(1) })).rejects.toThrow(/did you mean "input_ids"/);
      await expect(program.run({})).rejects.toThrow(/input "input_ids" is missing/);
      await expect(program.run({ input_ids: vector(1) })).rejects.toThrow(/float32\[1\], wanted int64/);
      // The program is as good as before.
      expect(toNumbers((await program.run(ids(2, 0))).y!)).toEqual([4, 5, 0, 1]);
      await program.dispose();
    });

    for (const values of [[1, 3], [-1], [0, 1, -4]]) {
      const title = `of ids outside the table: ${values}`;
      const declare = knownDifferences[name]?.[title] === undefined ? test : test.fails;
      declare(title, async () => {
        const program = await backend.compile(graph);
        program.writeState("table", table);
        await expect(program.run(ids(...values))).rejects.toMatchObject({ code: "INDEX_OUT_OF_RANGE" });
        await expect(program.run(ids(...values))).rejects.toThrow(new RegExp(`${values.at(-1)}`));
        expect(toNumbers((await program.run(ids(1))).y!)).toEqual([2, 3]);
        await program.dispose();
      });
    }

    test("of constants", async () => {
      const frozen = trace((builder) => builder.output("y", mul(builder.constants("c", spec(2)), 2)));
      await expect(backend.compile(frozen)).rejects.toThrow(/constant "c" has no data/);
      await expect(backend.compile(frozen, { constants: { c: vector(1) } })).rejects.toThrow(/\[1\], wanted \[2\]/);
      const constants = { c: vector(1, 2), d: vector(1) };
      await expect(backend.compile(frozen, { constants })).rejects.toThrow(/unknown constant "d"/);
    });

    test("after dispose", async () => {
      const program = await backend.compile(graph);
      await program.dispose();
      await program.dispose();
      await expect(program.run(ids(0))).rejects.toThrow(/disposed/);
      expect(() => program.readState("table")).toThrow(/disposed/);
    });

    test("of unknown sizes in a graph", async () => {
      const open = trace((builder) => builder.output("y", causalBias(builder.input("x", f, ["length"]), "lenght")));
      await expect(backend.compile(open)).rejects.toMatchObject({ code: "UNBOUND_DIMENSION" });
    });
  });
}

describe.each(await testedBackends())("$name", ({ name, backend, missing }) => {
  describe.skipIf(backend === undefined)(missing ?? "programs", () => bodies(name, backend!));
});
