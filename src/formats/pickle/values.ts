/** What a pickle can hold here: plain data, names of Python objects, and tensors with the storages they lie in. */
import type { SafeDtype } from "../safetensors/index.ts";

/** "module.name", one of those that `globals.ts` allows. */
export interface PickleGlobal {
  readonly kind: "global";
  readonly name: string;
}

export interface PickleList {
  readonly kind: "list" | "tuple";
  readonly items: PickleValue[];
}

export interface PickleDict {
  readonly kind: "dict";
  readonly entries: Map<PickleKey, PickleValue>;
}

/** A record of the archive and how many elements the pickle says it has. */
export interface StorageReference {
  readonly kind: "storage";
  readonly key: string;
  /** Undefined for untyped storages, whose elements are bytes. */
  readonly dtype: SafeDtype | undefined;
  readonly elements: number;
}

/** A window on a storage, in elements of `dtype`. */
export interface TensorReference {
  readonly kind: "tensor";
  readonly storage: StorageReference;
  readonly dtype: SafeDtype;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export type PickleKey = string | number | bigint | boolean | null;

export type PickleValue =
  | PickleKey
  | Uint8Array
  | PickleGlobal
  | PickleList
  | PickleDict
  | StorageReference
  | TensorReference;

export type PickleObject = Exclude<PickleValue, PickleKey | Uint8Array>;

export const isObject = (value: PickleValue): value is PickleObject =>
  typeof value === "object" && value !== null && !(value instanceof Uint8Array);

export const isTensor = (value: PickleValue): value is TensorReference => isObject(value) && value.kind === "tensor";

/** For messages. */
export const kindOf = (value: PickleValue): string => {
  if (value === null) return "None";
  if (value instanceof Uint8Array) return "bytes";
  return typeof value === "object" ? `a ${value.kind}` : `a ${typeof value}`;
};
