/** Every encoding is executed, with low and high registers and with memory operands, and held against JavaScript. */
import koffi from "koffi";
import { describe, expect, test } from "vitest";
import { type Assembler, createAssembler, gpr, type threeOperand, type YmmOrMemory } from "./assembler.ts";
import { makeExecutable, supportsMachineCode } from "./executable-memory.ts";

const f = Math.fround;
const lanes = 8;
let names = 0;

/** Runs `void f(const float *a, const float *b, float *out)` whose body is `build`. */
function run(
  build: (assembler: Assembler) => void,
  a: Float32Array,
  b: Float32Array,
  out = new Float32Array(lanes),
): Float32Array {
  const assembler = createAssembler();
  build(assembler);
  assembler.vzeroupper();
  assembler.ret();
  const memory = makeExecutable(assembler.finish().code);
  const call = koffi.decode(
    memory.address,
    koffi.proto(`void test_vector_${names++}(void *a, void *b, void *out)`),
  ) as (...args: unknown[]) => void;
  call(a, b, out);
  memory.release();
  return out;
}

/** Runs `int64_t f(int64_t a, int64_t b)`, which returns rax. */
function runInteger(build: (assembler: Assembler) => void, a: number, b: number, words?: BigInt64Array): number {
  const assembler = createAssembler();
  build(assembler);
  assembler.ret();
  const memory = makeExecutable(assembler.finish().code);
  const proto = koffi.proto(`int64_t test_integer_${names++}(int64_t a, int64_t b, void *words)`);
  const result = (koffi.decode(memory.address, proto) as (...args: unknown[]) => number | bigint)(a, b, words ?? null);
  memory.release();
  return Number(result);
}

const bitsOf = (x: number) => new Int32Array(Float32Array.of(x).buffer)[0]!;
const ofBits = (bits: number) => new Float32Array(Int32Array.of(bits).buffer)[0]!;
const onBits = (of: (a: number, b: number) => number) => (a: number, b: number) => ofBits(of(bitsOf(a), bitsOf(b)));

const x = Float32Array.of(1.5, -2.25, 0, 3e5, -7.75, 1e-3, 12, -0.3);
const y = Float32Array.of(0.5, 4.125, -9, 7, -7.75, 2e-4, -1.5, 0.7);
const before = Float32Array.of(2, -3, 5, -7, 11, -13, 17, -19);

type Meaning = (a: number, b: number, was: number) => number;
const meanings: { readonly [K in keyof typeof threeOperand]: Meaning } = {
  vaddps: (a, b) => f(a + b),
  vmulps: (a, b) => f(a * b),
  vsubps: (a, b) => f(a - b),
  vminps: (a, b) => Math.min(a, b),
  vdivps: (a, b) => f(a / b),
  vmaxps: (a, b) => Math.max(a, b),
  vandps: onBits((a, b) => a & b),
  vorps: onBits((a, b) => a | b),
  vxorps: onBits((a, b) => a ^ b),
  vpsubd: onBits((a, b) => a - b),
  vpaddd: onBits((a, b) => a + b),
  vfmadd213ps: (a, b, was) => f(was * a + b),
  vfnmadd231ps: (a, b, was) => f(was - a * b),
};
const expected = (of: Meaning) => Float32Array.from(x, (a, i) => of(a, y[i]!, before[i]!));

describe.runIf(supportsMachineCode())("machine code", () => {
  const registers = [
    [1, 2, 3],
    [9, 2, 3],
    [1, 10, 3],
    [1, 2, 11],
    [15, 14, 13],
  ] as const;
  const three = Object.entries(meanings) as [keyof typeof threeOperand, Meaning][];

  test.each(three)("%s", (name, of) => {
    for (const [to, first, second] of registers) {
      const withOperand = (operand: (assembler: Assembler) => YmmOrMemory) => (assembler: Assembler) => {
        assembler.vex2("vmovups", to, { base: gpr.rdx });
        assembler.vex2("vmovups", first, { base: gpr.rdi });
        assembler.vex3(name, to, first, operand(assembler));
        assembler.vstore({ base: gpr.rdx }, to);
      };
      const inRegister = withOperand((assembler) => {
        assembler.vex2("vmovups", second, { base: gpr.rsi });
        return second;
      });
      expect(run(inRegister, x, y, before.slice())).toEqual(expected(of));
      expect(
        run(
          withOperand(() => ({ base: gpr.rsi })),
          x,
          y,
          before.slice(),
        ),
      ).toEqual(expected(of));
    }
  });

  test.each([
    ["vsqrtps", (a: number) => f(Math.sqrt(a))],
    ["vmovups", (a: number) => a],
  ] as const)("%s", (name, of) => {
    for (const [to, from] of registers) {
      const build = (assembler: Assembler) => {
        assembler.vex2("vmovups", from, { base: gpr.rdi });
        assembler.vex2(name, to, from);
        assembler.vstore({ base: gpr.rdx }, to);
      };
      expect(run(build, y.map(Math.abs), y)).toEqual(y.map(Math.abs).map(of));
    }
  });

  test("conversion, rounding, shifts and broadcast", () => {
    const store = (emit: (assembler: Assembler) => void) => (assembler: Assembler) => {
      assembler.vex2("vmovups", 9, { base: gpr.rdi });
      emit(assembler);
      assembler.vstore({ base: gpr.rdx }, 12);
    };
    const halves = Float32Array.of(0.5, 1.5, 2.5, -0.5, -1.5, 2.4, -2.6, 1e9);
    const nearestEven = [0, 2, 2, -0, -2, 2, -3, 1e9];
    expect([
      ...run(
        store((a) => a.vround(12, 9)),
        halves,
        y,
      ),
    ]).toEqual(nearestEven);
    const whole = run(
      store((a) => a.vex2("vcvtps2dq", 12, 9)),
      halves,
      y,
    );
    expect([...new Int32Array(whole.buffer)]).toEqual(nearestEven.map((value) => value + 0));
    const words = Float32Array.from([1, -1, 5, -1000, 77, 2 ** 30, -(2 ** 31), 0], ofBits);
    const shifted = (emit: (assembler: Assembler) => void) => [...new Int32Array(run(store(emit), words, y).buffer)];
    expect(shifted((a) => a.vshiftRight(12, 9, 3))).toEqual([0, -1, 0, -125, 9, 2 ** 27, -(2 ** 28), 0]);
    expect(shifted((a) => a.vshiftLeft(12, 9, 2))).toEqual([4, -4, 20, -4000, 308, 0, 0, 0]);
    const third = store((a) => a.vex2("vbroadcastss", 12, { base: gpr.rsi, offset: 8 }));
    expect(run(third, x, y)).toEqual(new Float32Array(lanes).fill(y[2]!));
  });

  test("comparison and blend", () => {
    const [a, b] = [x.slice(), y.slice()];
    a[3] = Number.NaN;
    const pick = (relation: "less" | "unordered") => (assembler: Assembler) => {
      assembler.vex2("vmovups", 8, { base: gpr.rdi });
      assembler.vcompare(relation, 13, 8, { base: gpr.rsi });
      assembler.vblend(10, 8, { base: gpr.rsi }, 13);
      assembler.vstore({ base: gpr.rdx }, 10);
    };
    expect(run(pick("less"), a, b)).toEqual(
      a.map((value, i) => (Number.isNaN(value) ? value : Math.max(value, b[i]!))),
    );
    expect(run(pick("unordered"), a, b)).toEqual(a.map((value, i) => (Number.isNaN(value) ? b[i]! : value)));
  });

  test("masked load and store touch only their lanes", () => {
    const mask = Float32Array.from([-1, -1, -1, 0, 0, -1, 0, 0], ofBits);
    const build = (assembler: Assembler) => {
      assembler.vex2("vmovups", 15, { base: gpr.rsi });
      assembler.vmaskload(11, 15, { base: gpr.rdi });
      assembler.vex3("vaddps", 11, 11, 11);
      assembler.vmaskstore({ base: gpr.rdx }, 15, 11);
    };
    expect(run(build, x, mask, before.slice())).toEqual(
      before.map((value, i) => ([0, 1, 2, 5].includes(i) ? 2 * x[i]! : value)),
    );
  });

  test("addresses: every base, an index, short and long offsets, and tables behind the code", () => {
    const bases = [
      gpr.rax,
      gpr.rcx,
      gpr.rbx,
      gpr.rbp,
      gpr.r8,
      gpr.r9,
      gpr.r10,
      gpr.r11,
      gpr.r12,
      gpr.r13,
      gpr.r14,
      gpr.r15,
    ];
    const table = Float32Array.from({ length: 256 }, (_, i) => i);
    for (const base of bases) {
      for (const offset of [0, 4, -8, 400]) {
        const build = (assembler: Assembler) => {
          assembler.push(base);
          assembler.move(base, gpr.rdi);
          assembler.add(base, 32);
          assembler.vex2("vmovups", 9, { base, offset });
          assembler.moveConstant(gpr.rdi, 64);
          assembler.vex3("vaddps", 9, 9, { base, index: gpr.rdi, offset });
          assembler.vstore({ base: gpr.rdx }, 9);
          assembler.pop(base);
        };
        const start = (32 + offset) / 4;
        const wanted = Float32Array.from({ length: lanes }, (_, i) => table[start + i]! + table[start + 16 + i]!);
        expect(run(build, table, y)).toEqual(wanted);
      }
    }
    const behind = (assembler: Assembler) => {
      const [label, over] = [assembler.label(), assembler.label()];
      assembler.vex2("vmovups", 1, { base: gpr.rdi });
      assembler.vcompare("less", 2, 1, { label }); // an immediate follows the distance
      assembler.vex3("vandps", 2, 2, { label });
      assembler.jump(over);
      assembler.align(32);
      assembler.place(label);
      assembler.data(new Uint8Array(y.slice().buffer));
      assembler.place(over);
      assembler.vstore({ base: gpr.rdx }, 2);
    };
    expect(run(behind, x, y)).toEqual(y.map((value, i) => (x[i]! < value ? value : 0)));
  });

  test("integers", () => {
    const { rax, rdi, rsi, rdx, rcx, r9, r14 } = gpr;
    const cases: [string, (assembler: Assembler) => void, number][] = [
      [
        "add small",
        (a) => {
          a.move(rax, rdi);
          a.add(rax, 5);
        },
        105,
      ],
      [
        "add large",
        (a) => {
          a.move(rax, rdi);
          a.add(rax, 100_000);
        },
        100_100,
      ],
      [
        "subtract",
        (a) => {
          a.move(rax, rdi);
          a.subtract(rax, 300);
        },
        -200,
      ],
      [
        "subtract register",
        (a) => {
          a.move(r9, rdi);
          a.subtractRegister(r9, rsi);
          a.move(rax, r9);
        },
        93,
      ],
      [
        "and",
        (a) => {
          a.move(rax, rdi);
          a.and(rax, -32);
        },
        96,
      ],
      [
        "multiply",
        (a) => {
          a.multiply(r9, rsi, 70_000);
          a.move(rax, r9);
        },
        490_000,
      ],
      ["constant", (a) => a.moveConstant(r9, 2 ** 40) ?? a.move(rax, r9), 2 ** 40],
      ["negative constant", (a) => a.moveConstant(rax, -3), -3],
      ["address", (a) => a.address(rax, { base: rdi, index: rsi, offset: 1000 }), 1107],
      ["load", (a) => a.load(rax, { base: rdx, offset: 8 }), -42],
      [
        "store",
        (a) => {
          a.store({ base: rdx, offset: 8 }, rdi);
          a.load(rax, { base: rdx, offset: 8 });
        },
        100,
      ],
      [
        "move if below",
        (a) => {
          a.move(rax, rdi);
          a.compare(rsi, rdi);
          a.moveIf("below", rax, rsi);
        },
        7,
      ],
      [
        "not moved",
        (a) => {
          a.move(rax, rdi);
          a.compare(rdi, rsi);
          a.moveIf("below", rax, rsi);
        },
        100,
      ],
      [
        "loop",
        (a) => {
          const top = a.label();
          a.moveConstant(rax, 0);
          a.place(top);
          a.add(rax, 3);
          a.subtract(rsi, 1);
          a.compareConstant(rsi, 0);
          a.jump(top, "notEqual");
        },
        21,
      ],
      [
        "calls",
        (a) => {
          const [inner, over] = [a.label(), a.label()];
          a.push(r14);
          a.address(r14, { label: inner });
          a.moveConstant(rax, 1);
          a.call(inner);
          a.callRegister(r14);
          a.move(rcx, r14);
          a.subtract(rcx, 1);
          a.pop(r14);
          a.jump(over);
          a.place(inner);
          a.multiply(rax, rax, 6);
          a.ret();
          a.place(over);
        },
        36,
      ],
    ];
    for (const [name, build, wanted] of cases) {
      expect(runInteger(build, 100, 7, BigInt64Array.of(5n, -42n)), name).toBe(wanted);
    }
  });
});

test("numbers that an instruction cannot hold are refused", () => {
  expect(() => createAssembler().add(gpr.rax, 2 ** 31)).toThrow("32 bits");
});
