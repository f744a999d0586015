/** Metadata values: the bytes of each type, read and written, and short constructors for exporters. */
import { CongError } from "../../support/errors.ts";
import { type Cursor, invalid } from "./cursor.ts";
import { type GgufList, type GgufScalarType, type GgufValue, valueTypes } from "./types.ts";

type NumericType = Exclude<GgufScalarType, "bool" | "string">;
type NumericList = Exclude<GgufList, readonly boolean[] | readonly string[]>;

interface NumericRow {
  readonly bytes: number;
  readonly list: { new (buffer: ArrayBuffer): NumericList; readonly prototype: NumericList };
}

const numeric: Readonly<Record<NumericType, NumericRow>> = {
  uint8: { bytes: 1, list: Uint8Array },
  int8: { bytes: 1, list: Int8Array },
  uint16: { bytes: 2, list: Uint16Array },
  int16: { bytes: 2, list: Int16Array },
  uint32: { bytes: 4, list: Uint32Array },
  int32: { bytes: 4, list: Int32Array },
  float32: { bytes: 4, list: Float32Array },
  uint64: { bytes: 8, list: BigUint64Array },
  int64: { bytes: 8, list: BigInt64Array },
  float64: { bytes: 8, list: Float64Array },
};

/** Short constructors of metadata values. */
export const ggufValue = {
  uint32: (value: number): GgufValue => ({ type: "uint32", value }),
  float32: (value: number): GgufValue => ({ type: "float32", value }),
  bool: (value: boolean): GgufValue => ({ type: "bool", value }),
  text: (value: string): GgufValue => ({ type: "string", value }),
  texts: (value: readonly string[]): GgufValue => ({ type: "array", of: "string", value }),
  int32s: (value: Int32Array): GgufValue => ({ type: "array", of: "int32", value }),
  float32s: (value: Float32Array): GgufValue => ({ type: "array", of: "float32", value }),
} as const;

/** Reads one value; `key` names it in errors. */
export function readValue(cursor: Cursor, key: string): GgufValue {
  const type = readType(cursor, key);
  if (type !== "array") return readScalar(cursor, type, key);
  const of = readType(cursor, key);
  if (of === "array") throw invalid(cursor.file, `${key} is an array of arrays, which ggml does not read either`);
  return { type, of, value: readList(cursor, of, key) };
}

/** The bytes of one value with its type number(s) in front. CongError `BAD_ARGUMENT` for a value its type can't hold. */
export function encodeValue(value: GgufValue, key: string): Uint8Array {
  if (value.type !== "array") {
    return join([number32(valueTypes.indexOf(value.type)), encodeScalar(value.type, value.value, key)]);
  }
  const head = [
    number32(valueTypes.indexOf("array")),
    number32(valueTypes.indexOf(value.of)),
    number64(value.value.length),
  ];
  return join([...head, ...encodeList(value.of, value.value, key)]);
}

/** A text with its length in front. */
export function encodeText(value: string, what: string): Uint8Array {
  if (/\p{Surrogate}/u.test(value)) throw unwritable(what, "is not valid Unicode");
  const bytes = new TextEncoder().encode(value);
  return join([number64(bytes.length), bytes]);
}

export function number32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function number64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}

function readType(cursor: Cursor, key: string): (typeof valueTypes)[number] {
  const id = cursor.uint32(`the type of ${key}`);
  const type = valueTypes[id];
  if (type === undefined) throw invalid(cursor.file, `${key} has the unknown value type ${id}`);
  return type;
}

function readScalar(cursor: Cursor, type: GgufScalarType, key: string): GgufValue {
  if (type === "string") return { type, value: cursor.text(key) };
  if (type === "bool") return { type, value: readBool(cursor, key) };
  const { bytes, list } = numeric[type];
  const start = cursor.take(bytes, key);
  const value = new list(cursor.copy(start, bytes))[0]!;
  return { type, value } as GgufValue; // the row of `type` decides between number and bigint
}

function readList(cursor: Cursor, of: GgufScalarType, key: string): GgufList {
  if (of === "string") {
    const texts: string[] = [];
    const count = cursor.items(8, `the length of ${key}`);
    for (let i = 0; i < count; i++) texts.push(cursor.text(`${key}[${i}]`));
    return texts;
  }
  if (of === "bool") {
    const flags: boolean[] = [];
    const count = cursor.items(1, `the length of ${key}`);
    for (let i = 0; i < count; i++) flags.push(readBool(cursor, `${key}[${i}]`));
    return flags;
  }
  const { bytes, list } = numeric[of];
  const count = cursor.items(bytes, `the length of ${key}`);
  const start = cursor.take(count * bytes, key);
  return new list(cursor.copy(start, count * bytes));
}

function readBool(cursor: Cursor, key: string): boolean {
  const byte = cursor.numbers.getUint8(cursor.take(1, key));
  if (byte > 1) throw invalid(cursor.file, `${key} is a truth value of ${byte}, neither 0 nor 1`);
  return byte === 1;
}

function encodeScalar(type: GgufScalarType, value: number | bigint | boolean | string, key: string): Uint8Array {
  if (type === "string") {
    if (typeof value !== "string") throw unwritable(key, "is not a string");
    return encodeText(value, key);
  }
  if (type === "bool") return Uint8Array.of(value === true ? 1 : 0);
  const { bytes, list } = numeric[type];
  const array = new list(new ArrayBuffer(bytes));
  if (typeof value !== typeof array[0])
    throw unwritable(key, `is a ${typeof value}, ${type} takes a ${typeof array[0]}`);
  array[0] = value as never; // just checked
  const isFloat = type === "float32" || type === "float64";
  if (!isFloat && array[0] !== value) throw unwritable(key, `is ${value}, which does not fit in ${type}`);
  return new Uint8Array(array.buffer);
}

function encodeList(of: GgufScalarType, list: GgufList, key: string): Uint8Array[] {
  if (of === "string") return (list as readonly string[]).map((item, i) => encodeText(item, `${key}[${i}]`));
  if (of === "bool") return [Uint8Array.from(list as readonly boolean[], (flag) => (flag ? 1 : 0))];
  if (!(list instanceof numeric[of].list))
    throw unwritable(key, `is not a ${numeric[of].list.prototype.constructor.name}`);
  return [new Uint8Array(list.buffer, list.byteOffset, list.byteLength)];
}

function unwritable(key: string, what: string): CongError {
  return new CongError("BAD_ARGUMENT", `${key} ${what}`, { key }, "nothing was written; change the metadata");
}
