/**
 * Where the data of constants go: into the model file while they are small, else into an external-data file beside it,
 * which onnxruntime maps instead of copying through protobuf (and protobuf ends at 2 GB).
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OnnxTensor } from "../../../formats/onnx/index.ts";
import type { HostTensor } from "../../graph/dtype.ts";
import type { Graph } from "../../graph/graph.ts";

const largestInline = 64 * 1024 * 1024; // bytes of all constants together
const alignment = 4096; // onnxruntime maps external data by page

export interface StoredConstants {
  readonly tensors: readonly OnnxTensor[];
  /** The model as onnxruntime should get it: bytes, or the path of a file beside the external data. */
  place(model: Uint8Array): Uint8Array | string;
  profilePrefix(): string;
  /** Removes the temporary files; onnxruntime keeps its mapping. */
  clean(): void;
}

/** @param left names of constants that onnxruntime does not need */
export function storeConstants(
  graph: Graph,
  data: Readonly<Record<string, HostTensor>>,
  left: ReadonlySet<string> = new Set(),
): StoredConstants {
  const needed = graph.constants.filter(({ name }) => !left.has(name));
  const constants = needed.map(({ name }) => ({ name, tensor: data[name]! }));
  const total = constants.reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0);
  const inline = total <= largestInline;
  const folder = inline ? undefined : mkdtempSync(join(tmpdir(), "congling-"));
  const tensors =
    folder === undefined ? constants.map(inlineTensor) : writeExternal(join(folder, "constants.bin"), constants);
  return {
    tensors,
    place(model) {
      if (folder === undefined) return model;
      const path = join(folder, "model.onnx");
      writeFileSync(path, model);
      return path;
    },
    profilePrefix: () => join(tmpdir(), `congling-profile-${process.pid}-${Date.now()}`),
    clean() {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface NamedTensor {
  readonly name: string;
  readonly tensor: HostTensor;
}

const bytesOf = ({ data }: HostTensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const inlineTensor = ({ name, tensor }: NamedTensor): OnnxTensor => ({
  name,
  dtype: tensor.dtype,
  shape: tensor.shape,
  data: bytesOf(tensor),
});

function writeExternal(path: string, constants: readonly NamedTensor[]): OnnxTensor[] {
  const file = openSync(path, "w");
  try {
    let offset = 0;
    return constants.map(({ name, tensor }) => {
      const bytes = bytesOf(tensor);
      const start = offset;
      for (let done = 0; done < bytes.length; )
        done += writeSync(file, bytes, done, Math.min(bytes.length - done, 1 << 30), start + done);
      offset = Math.ceil((start + bytes.length) / alignment) * alignment;
      const data = { location: "constants.bin", offset: start, length: bytes.length };
      return { name, dtype: tensor.dtype, shape: tensor.shape, data };
    });
  } finally {
    closeSync(file);
  }
}
