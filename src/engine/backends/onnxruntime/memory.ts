/** Native buffers that onnxruntime reads and writes without copying, and tensors over them. */
import koffi from "koffi";
import { onnxDataTypes } from "../../../formats/onnx/index.ts";
import {
  bytesPerElement,
  type DType,
  elementCount,
  type HostTensor,
  type TypedArray,
  viewArray,
} from "../../graph/dtype.ts";
import { ortLibrary, type Pointer } from "./c-api.ts";

/** A 64-byte-aligned block outside the JavaScript heap. Freed exactly once, by `free`. */
export interface NativeBuffer {
  readonly pointer: Pointer;
  readonly bytes: number;
  /** The block as an ArrayBuffer; not to be touched after `free`. */
  readonly memory: ArrayBuffer;
}

export function allocate(bytes: number): NativeBuffer {
  const library = ortLibrary();
  const size = Math.max(64, bytes);
  const pointer = library.create("AllocatorAlloc", library.allocator, size);
  const memory = koffi.view(pointer, size);
  return { pointer, bytes: size, memory };
}

export const free = (buffer: NativeBuffer): void => {
  const library = ortLibrary();
  library.check("AllocatorFree", library.allocator, buffer.pointer);
};

/** An OrtValue over a native buffer, with a typed view of the same memory. */
export interface NativeTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly value: Pointer;
  readonly data: TypedArray;
}

/** Wraps a buffer, which must be large enough, as a tensor. Release with `releaseTensor` before freeing the buffer. */
export function tensorOver(buffer: NativeBuffer, dtype: DType, shape: readonly number[]): NativeTensor {
  const library = ortLibrary();
  const count = elementCount(shape);
  const bytes = count * bytesPerElement(dtype);
  const sizes = BigInt64Array.from(shape, BigInt);
  const value = library.create(
    "CreateTensorWithDataAsOrtValue",
    library.cpuMemory,
    buffer.pointer,
    bytes,
    sizes,
    shape.length,
    onnxDataTypes[dtype],
  );
  return { dtype, shape, value, data: viewArray(dtype, buffer.memory, 0, count) };
}

export const releaseTensor = (tensor: NativeTensor): void => ortLibrary().release("ReleaseValue", tensor.value);

/** A copy on the JavaScript heap. */
export const toHost = ({ dtype, shape, data }: NativeTensor): HostTensor => ({ dtype, shape, data: data.slice() });

/** Copies host data in. Dtype and length were checked at the border. */
export function copyIn(target: NativeTensor, source: HostTensor): void {
  (target.data as Float32Array).set(source.data as Float32Array);
}

/** A C array of pointers. */
export function pointerArray(pointers: readonly Pointer[]): BigUint64Array {
  return BigUint64Array.from(pointers, (pointer) => koffi.address(pointer));
}

/** A C array of C strings, with the memory that holds them. */
export function stringArray(strings: readonly string[]): { array: BigUint64Array; buffer: NativeBuffer } {
  const encoded = strings.map((text) => Buffer.from(`${text}\0`));
  const buffer = allocate(encoded.reduce((total, bytes) => total + bytes.length, 0));
  const target = new Uint8Array(buffer.memory);
  const start = koffi.address(buffer.pointer);
  let offset = 0;
  const array = BigUint64Array.from(encoded, (bytes) => {
    target.set(bytes, offset);
    const at = start + BigInt(offset);
    offset += bytes.length;
    return at;
  });
  return { array, buffer };
}
