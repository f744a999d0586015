import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CongError } from "../../support/errors.ts";
import { createRandom } from "../../support/random.ts";
import { archive, assemble, checkpointOf, integer, tensorOpcodes, text } from "./archive.fixture.ts";
import { openPickle, parsePickle } from "./open.ts";
import { torchFile, torchTensors } from "./torch-file.fixture.ts";

/** Everything in a file; the error, if there is one, is a CongError. */
async function readAll(bytes: Uint8Array): Promise<Map<string, unknown[]>> {
  const file = await parsePickle(bytes, "test.bin");
  const all = new Map<string, unknown[]>();
  for (const name of file.tensors.keys()) {
    const { dtype, shape, data } = await file.read(name);
    all.set(name, [dtype, shape, [...(data as Float32Array)]]);
  }
  return all;
}

const storage = new Uint8Array(24);
const pickled = (...parts: Parameters<typeof assemble>) =>
  archive({ "archive/data.pkl": assemble(0x80, 2, ...parts), "archive/data/0": storage });

describe("checkpoints of PyTorch", () => {
  it.each([2, 4] as const)("gives every tensor as PyTorch shows it (pickle protocol %i)", async (protocol) => {
    expect(Object.fromEntries(await readAll(torchFile(protocol)))).toEqual(torchTensors);
  });

  it("reads single tensors from a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pickle-"));
    try {
      const path = join(folder, "model.pt");
      writeFileSync(path, torchFile(2));
      const file = await openPickle(path);
      expect(file.tensors.get("transposed")).toEqual({ name: "transposed", dtype: "F32", shape: [4, 3] });
      expect([...((await file.read("corner")).data as Float32Array)]).toEqual([5, 6, 9, 10]);
      await expect(file.read("cornr")).rejects.toThrow(/did you mean "corner"/);
      await file.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("counts shared storages once", async () => {
    const { storageBytes } = await parsePickle(torchFile(2));
    // f32 24, f16 6, bf16 4, f64 8, i8 3, u8 2, i16 2, i32 4, i64 16, bool 2, scalar 4, base 48, expanded, parameter, x 4 each
    expect(storageBytes).toBe(24 + 6 + 4 + 8 + 3 + 2 + 2 + 4 + 16 + 2 + 4 + 48 + 12);
  });

  it.each([{ zip64: true }, { comment: "PK\u0005\u0006 a comment" }, { noChecksums: true }])(
    "reads archives with %o",
    async (options) => {
      const entries = {
        "a/data.pkl": assemble(0x80, 2, "}", text("x"), tensorOpcodes(), "s."),
        "a/data/0": new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer),
      };
      expect(await readAll(archive(entries, options))).toEqual(new Map([["x", ["F32", [2, 3], [0, 1, 2, 3, 4, 5]]]]));
    },
  );

  it("takes its type from _rebuild_tensor_v3 on untyped storages", async () => {
    const opcodes = assemble(
      "ctorch._utils\n_rebuild_tensor_v3\n(",
      assemble("(", text("storage"), "ctorch.storage\nUntypedStorage\n", text("0"), text("cpu"), integer(24), "tQ"),
      assemble(integer(1), "(", integer(2), "t(", integer(1), "t", 0x89, "}ctorch\nuint16\ntR"),
    );
    expect((await readAll(checkpointOf(opcodes))).get("x")).toEqual(["U16", [2], [0, 0]]);
  });
});

describe("pickles that try to run code", () => {
  const system = assemble("cos\nsystem\n", "(", text("echo pwned"), "tR");
  it.each([
    ["os.system", pickled(system, ".")],
    ["os.system", checkpointOf(system)],
    ["os.system", pickled("(", text("os"), text("system"), 0x93, "t.")], // STACK_GLOBAL, never called
    ["builtins.eval", pickled("cbuiltins\neval\n.")],
    ["torch._utils._rebuild_tensor_v2.__globals__", pickled("ctorch._utils\n_rebuild_tensor_v2.__globals__\n.")],
    ["torch.load", pickled("ctorch\nload\n.")],
    ["__torch__.Model", pickled("c__torch__\nModel\n.")],
    ["constructor.", pickled("cconstructor\n\n.")],
    ["INST", pickled("(ios\nsystem\n.")],
    ["OBJ", pickled("(o.")],
    ["NEWOBJ", pickled(")", 0x81, ".")],
    ["NEWOBJ_EX", pickled(")", 0x92, ".")],
    ["EXT1", pickled(0x82, 1, ".")],
  ])("are refused: %s", async (name, bytes) => {
    const refused = await parsePickle(bytes).catch((error: unknown) => error as CongError);
    expect(refused).toMatchObject({ code: "PICKLE_UNSAFE", details: { name } });
    expect((refused as CongError).message).toContain(name);
  });

  it.each([
    ["an attribute of a function", pickled("ctorch._utils\n_rebuild_tensor_v2\n}b.")],
    ["a call of a dtype", pickled("ctorch\nfloat32\n)R.")],
    ["a call of text", pickled(text("os.system"), ")R.")],
    ["an OrderedDict from a list", pickled("ccollections\nOrderedDict\n(]tR.")],
    ["a parameter around a number", pickled("ctorch._utils\n_rebuild_parameter\n(K\u0001tR.")],
  ])("are malformed: %s", async (_, bytes) => {
    await expect(parsePickle(bytes)).rejects.toMatchObject({ code: "PICKLE_INVALID" });
  });
});

describe("malformed pickles", () => {
  it.each([
    ["an unknown opcode", pickled("?.")],
    ["protocol 1", archive({ "a/data.pkl": assemble(0x80, 1, "N.") })],
    ["no end", pickled("N")],
    ["an empty stack", pickled("0.")],
    ["a mark as a value", pickled("(.")],
    ["two results", pickled("NN.")],
    ["a memo that was never kept", pickled("h\u0005.")],
    ["a text longer than the file", pickled("X\u0000\u0000\u0000\u0010abc.")],
    ["a text of 2^64 bytes", pickled(0x8d, new Uint8Array(8).fill(255), ".")],
    ["a name without an end", pickled(`c${"x".repeat(5000)}`)],
    ["text that is not UTF-8", pickled("X\u0001\u0000\u0000\u0000", 0xff, ".")],
    ["a key without a value", pickled("}(Nu.")],
    ["a list as a key", pickled("}]Ns.")],
    ["a persistent id of another kind", pickled(text("id"), "Q.")],
    ["nested dictionaries", pickled("}".repeat(50), ...Array(49).fill(assemble("s")), ".")],
  ])("%s", async (_, bytes) => {
    await expect(parsePickle(bytes)).rejects.toMatchObject({ code: "PICKLE_INVALID" });
  });

  it("does not unfold dictionaries that share dictionaries without end", async () => {
    // 8 dictionaries of 40 keys, each of which leads to the next: 40^8 names.
    const level = (inner: Uint8Array) =>
      assemble(inner, "q\u0001", "}(", ...Array.from({ length: 40 }, (_, i) => assemble("K", i, "h\u0001")), "u");
    let opcodes = tensorOpcodes();
    for (let i = 0; i < 7; i++) opcodes = level(opcodes);
    // Each level leaves the one below on the stack: pop them from under the result through the memo.
    const bytes = pickled(opcodes, "q\u0002", "0".repeat(8), "h\u0002.");
    await expect(parsePickle(bytes)).rejects.toThrow(/more than 200000 values/);
  });
});

describe("tensors that do not fit their storage", () => {
  it.each([
    ["too many elements", { shape: [3, 3] }],
    ["an offset", { offset: 1 }],
    ["a stride", { strides: [4, 1] }],
    ["a negative stride", { strides: [-1, 1] }],
    ["a negative size", { shape: [-2, 3] }],
    ["a rank that differs", { strides: [1] }],
    ["a storage larger than its entry", { elements: 7 }],
    ["doubles where the entry has floats", { storage: "torch\nDoubleStorage\n" }],
    ["a shape of 2^62 elements", { shape: [2 ** 31 - 1, 2 ** 31 - 1], strides: [0, 0] }],
    ["a gigabyte from one element", { shape: [2 ** 14, 2 ** 14], strides: [0, 0] }],
  ])("%s", async (_, parts) => {
    await expect(parsePickle(checkpointOf(tensorOpcodes(parts)))).rejects.toMatchObject({ code: "PICKLE_INVALID" });
  });

  it("an entry that is not there", async () => {
    const bytes = archive({ "archive/data.pkl": assemble(0x80, 2, "}", text("x"), tensorOpcodes(), "s.") });
    await expect(parsePickle(bytes)).rejects.toThrow(/the storage of "x" is missing/);
  });
});

describe("files of other kinds", () => {
  it("of PyTorch before 1.6 are refused with the way out", async () => {
    const legacy = Buffer.from("80028a0a6cfc9c46f9206aa850192e80024de9032e", "hex");
    await expect(parsePickle(legacy)).rejects.toThrow(/before 1.6[\s\S]*save it again/);
  });

  it("of big-endian machines are refused", async () => {
    const bytes = checkpointOf(tensorOpcodes(), { "archive/byteorder": Buffer.from("big") });
    await expect(parsePickle(bytes)).rejects.toMatchObject({ code: "PICKLE_UNSUPPORTED" });
    const little = checkpointOf(tensorOpcodes(), { "archive/byteorder": Buffer.from("little") });
    expect((await readAll(little)).size).toBe(1);
  });

  it.each([
    ["nothing", new Uint8Array(0)],
    ["text", Buffer.from("<html>404</html>")],
    ["a zip without a pickle", archive({ "archive/data/0": storage })],
    ["the first kilobyte", torchFile(2).subarray(0, 1000)],
  ])("%s", async (_, bytes) => {
    await expect(parsePickle(bytes)).rejects.toMatchObject({ code: "PICKLE_INVALID" });
  });

  it("with a changed byte in the data are noticed", async () => {
    const bytes = checkpointOf(tensorOpcodes());
    const at = Buffer.from(bytes).indexOf(Buffer.from(Float32Array.of(5).buffer));
    bytes[at] = 1;
    await expect(readAll(bytes)).rejects.toThrow(/checksum/);
  });
});

it("survives 600 damaged files: an error of ours, or tensors", async () => {
  const random = createRandom(3);
  const files = [torchFile(2), torchFile(4), checkpointOf(tensorOpcodes())];
  let refused = 0;
  for (let i = 0; i < 600; i++) {
    const original = files[i % files.length]!;
    const bytes = Uint8Array.from(original);
    for (let edits = random.integer(4); edits >= 0; edits--) bytes[random.integer(bytes.length)] = random.integer(256);
    const cut = random.integer(4) === 0 ? bytes.subarray(0, random.integer(bytes.length)) : bytes;
    await readAll(cut).catch((error: unknown) => {
      if (!CongError.is(error)) throw error;
      refused++;
    });
  }
  expect(refused).toBeGreaterThan(150);
});
