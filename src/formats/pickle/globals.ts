/**
 * The Python names that a checkpoint may mention, and what calling them means here. Everything else is refused where
 * it is named, before any call: a pickle runs code by naming functions.
 */
import { isSafeDtype, type SafeDtype } from "../safetensors/index.ts";
import { invalid, unsupported } from "./errors.ts";
import {
  isObject,
  isTensor,
  kindOf,
  type PickleGlobal,
  type PickleList,
  type PickleValue,
  type StorageReference,
  type TensorReference,
} from "./values.ts";

const storages: Readonly<Record<string, SafeDtype | "untyped">> = {
  "torch.FloatStorage": "F32",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.DoubleStorage": "F64",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.ShortStorage": "I16",
  "torch.IntStorage": "I32",
  "torch.LongStorage": "I64",
  "torch.BoolStorage": "BOOL",
  "torch.ComplexFloatStorage": "C64",
  "torch.storage.UntypedStorage": "untyped",
};

const dtypes: Readonly<Record<string, SafeDtype | "other">> = {
  "torch.float32": "F32",
  "torch.float16": "F16",
  "torch.bfloat16": "BF16",
  "torch.float64": "F64",
  "torch.int8": "I8",
  "torch.uint8": "U8",
  "torch.int16": "I16",
  "torch.uint16": "U16",
  "torch.int32": "I32",
  "torch.uint32": "U32",
  "torch.int64": "I64",
  "torch.uint64": "U64",
  "torch.bool": "BOOL",
  "torch.complex64": "C64",
  "torch.float8_e4m3fn": "F8_E4M3",
  "torch.float8_e5m2": "F8_E5M2",
};

type Call = (file: string, args: readonly PickleValue[]) => PickleValue;

const calls: Readonly<Record<string, Call>> = {
  "collections.OrderedDict": (file, args) => {
    if (args.length === 0) return { kind: "dict", entries: new Map() };
    throw invalid(file, "an OrderedDict made from a list");
  },
  "torch.Size": (file, [items]) => tupleOf(file, items, "the sizes of a torch.Size"),
  "torch.device": (_, args) => ({ kind: "tuple", items: [...args] }),
  "torch._utils._rebuild_parameter": (file, [data]) => {
    if (data !== undefined && isTensor(data)) return data;
    throw invalid(file, "a parameter that is not made of a tensor");
  },
  "torch._utils._rebuild_tensor_v2": (file, [storage, offset, shape, strides, , , metadata]) => {
    const place = storageOf(file, storage);
    if (place.dtype === undefined) throw invalid(file, "a tensor without a type on an untyped storage");
    return rebuild(file, place, place.dtype, offset, shape, strides, metadata);
  },
  "torch._utils._rebuild_tensor_v3": (file, [storage, offset, shape, strides, , , type, metadata]) => {
    const place = storageOf(file, storage);
    const name = type !== undefined && isObject(type) && type.kind === "global" ? type.name : "";
    const dtype = Object.hasOwn(dtypes, name) ? dtypes[name]! : "other";
    if (!isSafeDtype(dtype)) throw invalid(file, `a tensor whose type is ${name === "" ? "not given" : name}`);
    return rebuild(file, place, dtype, offset, shape, strides, metadata);
  },
};

/** Whether a pickle may name this object. */
export const isAllowed = (name: string): boolean =>
  Object.hasOwn(calls, name) || Object.hasOwn(storages, name) || Object.hasOwn(dtypes, name);

/** The result of `callee(*args)`. */
export function call(file: string, callee: PickleValue, args: PickleValue): PickleValue {
  if (!isObject(callee) || callee.kind !== "global" || !Object.hasOwn(calls, callee.name)) {
    const name = isObject(callee) && callee.kind === "global" ? callee.name : kindOf(callee);
    throw invalid(file, `it calls ${name}, which is not a function`);
  }
  return calls[callee.name]!(file, tupleOf(file, args, `the arguments of ${callee.name}`).items);
}

/** The storage behind a persistent id: ("storage", type, key, location, elements). */
export function storageFromId(file: string, id: PickleValue): StorageReference {
  const { items } = tupleOf(file, id, "a persistent id");
  const [tag, type, key, , elements] = items;
  const isKnown = type !== undefined && isObject(type) && type.kind === "global" && Object.hasOwn(storages, type.name);
  if (tag !== "storage" || !isKnown || typeof key !== "string") {
    throw invalid(file, "a persistent id that is not a storage");
  }
  const dtype = storages[(type as PickleGlobal).name]!;
  const count = sizeOf(file, elements, "the size of a storage");
  return { kind: "storage", key, dtype: dtype === "untyped" ? undefined : dtype, elements: count };
}

// PyTorch itself stops at 64.
const highestRank = 64;

function rebuild(
  file: string,
  storage: StorageReference,
  dtype: SafeDtype,
  offset: PickleValue | undefined,
  shape: PickleValue | undefined,
  strides: PickleValue | undefined,
  metadata: PickleValue | undefined,
): TensorReference {
  const sizes = tupleOf(file, shape, "the shape of a tensor").items;
  const steps = tupleOf(file, strides, "the strides of a tensor").items;
  if (sizes.length !== steps.length || sizes.length > highestRank) {
    throw invalid(file, `a tensor with ${sizes.length} sizes and ${steps.length} strides`);
  }
  if (metadata !== undefined && metadata !== null) {
    const isEmpty = isObject(metadata) && metadata.kind === "dict" && metadata.entries.size === 0;
    if (!isEmpty) throw unsupported(file, "a tensor with a lazy negation or conjugation", "save it resolved");
  }
  return {
    kind: "tensor",
    storage,
    dtype,
    offset: sizeOf(file, offset, "the offset of a tensor"),
    shape: sizes.map((size) => sizeOf(file, size, "a size of a tensor")),
    strides: steps.map((step) => sizeOf(file, step, "a stride of a tensor")),
  };
}

function storageOf(file: string, value: PickleValue | undefined): StorageReference {
  if (value !== undefined && isObject(value) && value.kind === "storage") return value;
  throw invalid(file, "a tensor that does not lie in a storage");
}

function tupleOf(file: string, value: PickleValue | undefined, what: string): PickleList {
  if (value !== undefined && isObject(value) && value.kind === "tuple") return value;
  throw invalid(file, `${what} are ${value === undefined ? "missing" : kindOf(value)}, not a tuple`);
}

function sizeOf(file: string, value: PickleValue | undefined, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(file, `${what} is ${value === undefined ? "missing" : String(value).slice(0, 40)}`);
}
