/** Moving cached keys and values on the host: other rows of the batch, more capacity, a prefix in front. [B, G, S, D] */
import { type HostTensor, hostTensor } from "../../engine/index.ts";

type Cache = HostTensor & { readonly data: Float32Array };

/** Row i of the result is row `sources[i]`. */
export function reorderRows(tensor: HostTensor, sources: readonly number[]): HostTensor {
  const [, G, S, D] = tensor.shape as [number, number, number, number];
  const size = G * S * D;
  const from = (tensor as Cache).data;
  const data = new Float32Array(sources.length * size);
  sources.forEach((source, i) => {
    data.set(from.subarray(source * size, (source + 1) * size), i * size);
  });
  return { dtype: tensor.dtype, shape: [sources.length, G, S, D], data };
}

/** The first `columns` columns in a cache of another capacity; the rest is 0. */
export function resizeCapacity(tensor: HostTensor, capacity: number, columns: number): HostTensor {
  const [B, G, S, D] = tensor.shape as [number, number, number, number];
  const from = (tensor as Cache).data;
  const data = new Float32Array(B * G * capacity * D);
  for (let head = 0; head < B * G; head++) {
    data.set(from.subarray(head * S * D, (head * S + columns) * D), head * capacity * D);
  }
  return { dtype: tensor.dtype, shape: [B, G, capacity, D], data };
}

/** A cache [rows, G, capacity, D] that begins with a prefix [1 or rows, G, P, D]; none: all 0. */
export function freshCache(
  shape: readonly [rows: number, heads: number, capacity: number, headSize: number],
  prefix: HostTensor | undefined,
): HostTensor {
  const [rows, G, capacity, D] = shape;
  if (prefix === undefined) return hostTensor("float32", shape, new Float32Array(rows * G * capacity * D));
  const P = prefix.shape[2]!;
  const wide =
    prefix.shape[0] === rows
      ? prefix
      : reorderRows(
          prefix,
          Array.from({ length: rows }, () => 0),
        );
  return resizeCapacity(wide, capacity, P);
}
