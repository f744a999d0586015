import { describe, expect, it } from "vitest";
import { CongError } from "../../support/errors.ts";
import { parseSafetensors } from "./parse.ts";
import { referenceFile } from "./reference-file.fixture.ts";
import { tensorToFloat32 } from "./to-float32.ts";

/** A file from the raw text of its header. */
function fileOf(header: string | Uint8Array, data: number | Uint8Array = 0): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const body = typeof data === "number" ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + json.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(body, 8 + json.length);
  return bytes;
}

const u8 = (offsets: string, shape = "[1]", dtype = "U8") =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;

describe("a file of the reference library", () => {
  const { tensors, metadata } = parseSafetensors(referenceFile);
  const data = (name: string) => tensors.get(name)!.data;

  it("gives every dtype its array, values and shape", () => {
    expect(metadata).toEqual({ format: "pt" });
    expect(tensors.size).toBe(18);
    expect(data("flag")).toEqual(Uint8Array.of(1, 0, 1));
    expect(data("bytes")).toEqual(Uint8Array.of(0, 255));
    expect(data("i8")).toEqual(Int8Array.of(-128, 127));
    expect(data("i16")).toEqual(Int16Array.of(-32768, 32767));
    expect(data("u16")).toEqual(Uint16Array.of(0, 65535));
    expect(data("i32")).toEqual(Int32Array.of(-(2 ** 31), 2 ** 31 - 1));
    expect(data("u32")).toEqual(Uint32Array.of(2 ** 32 - 1));
    expect(data("i64")).toEqual(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n));
    expect(data("u64")).toEqual(BigUint64Array.of(2n ** 64n - 1n));
    expect(data("half")).toEqual(Uint16Array.of(0x3c00, 0xb800, 0x7bff, 0x0001));
    expect(data("brain")).toEqual(Uint16Array.of(0x3f80, 0xc049));
    expect(data("single")).toEqual(Float32Array.of(Math.PI));
    expect(data("double")).toEqual(Float64Array.of(0.1));
    expect(data("e4m3")).toEqual(Uint8Array.of(0x38, 0x7e));
    expect(data("empty")).toEqual(new Float32Array(0));
    expect(data('层.0"\\\n')).toEqual(Float32Array.of(2.5));
    expect(tensors.get("half")).toMatchObject({ dtype: "F16", shape: [2, 2], name: "half" });
    expect(tensors.get("single")!.shape).toEqual([]);
    expect(tensors.get("empty")!.shape).toEqual([0, 4]);
  });

  it("reads as float32", () => {
    const floats = (name: string) => [...tensorToFloat32(tensors.get(name)!)];
    expect(floats("half")).toEqual([1, -0.5, 65504, 2 ** -24]);
    expect(floats("brain")).toEqual([1, -3.140625]);
    expect(floats("flag")).toEqual([1, 0, 1]);
    expect(floats("i64")).toEqual([-(2 ** 63), 2 ** 63]);
    expect(floats("double")).toEqual([Math.fround(0.1)]);
    expect(() => floats("e4m3")).toThrow(/"e4m3" is F8_E4M3/);
  });

  it("is the same from an odd address, also in a Buffer, whose slice() does not copy", () => {
    const shifted = new Uint8Array(referenceFile.length + 3).subarray(3);
    shifted.set(referenceFile);
    expect(parseSafetensors(shifted).tensors).toEqual(tensors);
    expect(parseSafetensors(Buffer.from(shifted.buffer, 3)).tensors).toEqual(tensors);
  });

  it("is viewed, not copied, where it is aligned", () => {
    expect(data("double").buffer).toBe(referenceFile.buffer);
  });
});

describe("accepts what the reference accepts", () => {
  it.each([
    ["no tensors", "{}", 0],
    ["space around", ' {"a" : {"dtype":"U8", "shape":[ 1 ],\t"data_offsets":[0,1]}}\n', 1],
    ["unknown fields of an entry", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":[1.5,{"y":null}]}}', 1],
    ["metadata null", '{"__metadata__":null}', 0],
    ["entries out of order", `{"b":${u8("[1,2]")},"a":${u8("[0,1]")}}`, 2],
    ["an empty tensor anywhere", `{"b":${u8("[1,1]", "[0]")},"a":${u8("[0,1]")},"c":${u8("[0,0]", "[0]")}}`, 1],
    ["an empty name", `{"":${u8("[0,1]")}}`, 1],
    ["4-bit floats filling bytes", `{"a":${u8("[0,1]", "[2]", "F4")}}`, 1],
  ])("%s", (_, header, data) => {
    expect(() => parseSafetensors(fileOf(header, data))).not.toThrow();
  });

  it("gives a scalar one element", () => {
    const { tensors } = parseSafetensors(fileOf(`{"a":${u8("[0,1]", "[]")}}`, Uint8Array.of(7)));
    expect(tensors.get("a")!.data).toEqual(Uint8Array.of(7));
  });
});

it("treats __proto__ as a name like any other", () => {
  const header = `{"__metadata__":{"__proto__":"x","a":"y"},"__proto__":${u8("[0,1]")},"constructor":${u8("[1,2]")}}`;
  const { tensors, metadata } = parseSafetensors(fileOf(header, Uint8Array.of(5, 6)));
  expect([...tensors.keys()]).toEqual(["__proto__", "constructor"]);
  expect(tensors.get("__proto__")!.data).toEqual(Uint8Array.of(5));
  expect(Object.entries(metadata)).toEqual([
    ["__proto__", "x"],
    ["a", "y"],
  ]);
  expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
  expect(({} as Record<string, unknown>).dtype).toBeUndefined();
});

describe("refuses hostile input, naming file and tensor", () => {
  const withLength = (length: bigint) => {
    const bytes = fileOf("{}");
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    return bytes;
  };
  it.each<[string, Uint8Array, RegExp, string?]>([
    ["nothing", new Uint8Array(0), /only 0 bytes/],
    ["seven bytes", new Uint8Array(7), /only 7 bytes/],
    ["length 0", new Uint8Array(8), /unexpected end/],
    ["length above the limit", withLength(100_000_001n), /claims 100000001 bytes, the limit/],
    ["length 2^64-1", withLength(2n ** 64n - 1n), /the limit/],
    ["length beyond the file", withLength(3n), /claims 3 bytes, the file has 2/],
    ["invalid UTF-8", fileOf(Uint8Array.of(0x7b, 0xff, 0x7d)), /not UTF-8/],
    ["byte order mark", fileOf("\ufeff{}"), /not valid JSON/],
    ["a list", fileOf("[]"), /not a JSON object/],
    ["cut JSON", fileOf('{"a":{"dtype":"U8"'), /unexpected end/],
    ["text after the value", fileOf("{}x"), /unexpected text/],
    ["zero bytes as padding", fileOf("{}\0\0"), /unexpected text/],
    ["trailing comma", fileOf(`{"a":${u8("[0,1]")},}`, 1), /expected """/],
    ["deep nesting", fileOf(`{"a":${"[".repeat(100_000)}`), /nested deeper/],
    ["a number of a million digits", fileOf(`{"a":${"9".repeat(1_000_000)}}`), /not valid JSON/],
    ["lone surrogate", fileOf(`{"\\ud800":${u8("[0,1]")}}`, 1), /invalid string/],
    ["repeated tensor", fileOf(`{"a":${u8("[0,1]")},"a":${u8("[0,1]")}}`, 1), /repeated key "a"/],
    ["repeated tensor, escaped", fileOf(`{"a":${u8("[0,1]")},"\\u0061":${u8("[0,1]")}}`, 1), /repeated key/],
    ["repeated field", fileOf('{"a":{"shape":[1],"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1), /repeated key/],
    ["metadata number", fileOf('{"__metadata__":{"a":1}}'), /__metadata__ "a" is not a string/],
    ["metadata list", fileOf('{"__metadata__":[]}'), /__metadata__ is not/],
    ["entry list", fileOf('{"a":["U8",[1],[0,1]]}', 1), /entry is not/, "a"],
    ["no dtype", fileOf('{"a":{"shape":[1],"data_offsets":[0,1]}}', 1), /dtype is missing/, "a"],
    ["unknown dtype", fileOf(`{"a":${u8("[0,1]", "[1]", "f32")}}`, 1), /unknown dtype "f32" \(near "F32"\)/, "a"],
    ["inherited dtype", fileOf(`{"a":${u8("[0,1]", "[1]", "toString")}}`, 1), /unknown dtype/, "a"],
    ["no shape", fileOf('{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1), /its shape is not/, "a"],
    ["negative size", fileOf(`{"a":${u8("[0,1]", "[-1]")}}`, 1), /its shape is not/, "a"],
    ["minus zero", fileOf(`{"a":${u8("[0,0]", "[-0]")}}`), /its shape is not/, "a"],
    ["size 1.0", fileOf(`{"a":${u8("[0,1]", "[1.0]")}}`, 1), /its shape is not/, "a"],
    ["size 1e0", fileOf(`{"a":${u8("[0,1]", "[1e0]")}}`, 1), /its shape is not/, "a"],
    ["size as text", fileOf(`{"a":${u8("[0,1]", '["1"]')}}`, 1), /its shape is not/, "a"],
    ["size 2^53 + 1", fileOf(`{"a":${u8("[0,0]", "[9007199254740993,0]")}}`), /its shape is not/, "a"],
    ["shape overflow", fileOf(`{"a":${u8("[0,0]", "[4294967296,4294967296]")}}`), /no byte count/, "a"],
    ["overflow before zero", fileOf(`{"a":${u8("[0,0]", "[4294967296,4294967296,0]")}}`), /no byte count/, "a"],
    ["half a byte", fileOf(`{"a":${u8("[0,1]", "[1]", "F4")}}`, 1), /no byte count/, "a"],
    ["shape and range disagree", fileOf(`{"a":${u8("[0,8]", "[3]", "F32")}}`, 8), /needs 12 bytes.*give 8/, "a"],
    ["one offset", fileOf(`{"a":${u8("[0]")}}`, 1), /not two integers/, "a"],
    ["three offsets", fileOf(`{"a":${u8("[0,1,1]")}}`, 1), /not two integers/, "a"],
    ["backwards", fileOf(`{"a":${u8("[1,0]")}}`, 1), /run backwards/, "a"],
    ["hole at the start", fileOf(`{"a":${u8("[1,2]")}}`, 2), /leaving a hole/, "a"],
    ["hole", fileOf(`{"a":${u8("[0,1]")},"b":${u8("[2,3]")}}`, 3), /leaving a hole after byte 1/, "b"],
    ["overlap", fileOf(`{"a":${u8("[0,2]", "[2]")},"b":${u8("[1,3]", "[2]")}}`, 3), /inside the tensor/, "b"],
    ["the same bytes twice", fileOf(`{"a":${u8("[0,1]")},"b":${u8("[0,1]")}}`, 1), /inside the tensor/, "b"],
    ["data cut short", fileOf(`{"a":${u8("[0,2]", "[2]")}}`, 1), /the file has only 1/, "a"],
    ["data left over", fileOf(`{"a":${u8("[0,1]")}}`, 3), /2 bytes after the last tensor/],
    ["data without tensors", fileOf("{}", 1), /1 bytes after/],
  ])("%s", (_, bytes, message, tensor) => {
    const error = thrownBy(() => parseSafetensors(bytes, "bad.safetensors"));
    expect(error).toBeInstanceOf(CongError);
    const { code, details, hint } = error as CongError;
    expect((error as CongError).message).toMatch(message);
    expect({ code, ...details }).toEqual({ code: "SAFETENSORS_INVALID", file: "bad.safetensors", tensor });
    expect((error as CongError).message).toContain("bad.safetensors");
    if (tensor !== undefined) expect((error as CongError).message).toContain(`tensor "${tensor}"`);
    expect(hint).toBeDefined();
  });
});

it("answers 500 random mutations with tensors inside the file or with a CongError, and with nothing else", () => {
  let state = 20260;
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const headerEnd = 8 + Number(new DataView(referenceFile.buffer).getBigUint64(0, true));
  const spice = [...'{}[]",:-.0123456789eE\\u', ...'"a":', "null"].join("");
  let refused = 0;
  for (let round = 0; round < 500; round++) {
    let bytes = referenceFile.slice();
    for (let edits = 1 + below(2); edits > 0; edits--) {
      const at = below(3) === 0 ? headerEnd + below(bytes.length - headerEnd) : below(headerEnd);
      const kind = below(4);
      if (kind === 0) bytes[at] = below(256);
      else if (kind === 1) bytes[at] = spice.charCodeAt(below(spice.length));
      else if (kind === 2) bytes = Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + below(8)));
      else
        bytes = Uint8Array.of(...bytes.subarray(0, at), spice.charCodeAt(below(spice.length)), ...bytes.subarray(at));
    }
    try {
      for (const tensor of parseSafetensors(bytes).tensors.values()) {
        expect(tensor.data.byteLength).toBeLessThanOrEqual(bytes.length);
      }
    } catch (error) {
      if (!(error instanceof CongError)) throw error;
      refused++;
    }
  }
  // Changes of data bytes and of letters in names must still parse: a parser that refuses all would pass otherwise.
  expect(refused).toBeGreaterThan(250);
  expect(refused).toBeLessThan(480);
});

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
