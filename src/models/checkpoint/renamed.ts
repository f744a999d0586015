/** A checkpoint whose tensors are rows of another's: new names, and parts of fused weights under names of their own. */
import { bytesPerElement, elementCount, type HostTensor } from "../../engine/index.ts";
import { unknownName } from "../../support/suggest.ts";
import type { JsonObject } from "../family.ts";
import type { Checkpoint, CheckpointSpec, QuantizedRows } from "./checkpoint.ts";

/** Rows `from` up to `to` of a tensor; all, when there are none given. */
export interface RowsOf {
  readonly tensor: string;
  readonly from?: number;
  readonly to?: number;
}

/** The checkpoint with exactly the tensors that `sources` names. */
export function renamed(checkpoint: Checkpoint, sources: ReadonlyMap<string, RowsOf>, config: JsonObject): Checkpoint {
  const find = (name: string): RowsOf => {
    const found = sources.get(name);
    if (found === undefined) throw unknownName(`tensor in ${checkpoint.folder}`, name, sources.keys());
    return found;
  };
  return {
    ...checkpoint,
    config,
    names: [...sources.keys()],
    has: (name) => sources.has(name),
    spec(name): CheckpointSpec {
      const { tensor, from, to } = find(name);
      const { dtype, shape } = checkpoint.spec(tensor);
      return { dtype, shape: from === undefined ? shape : [to! - from, ...shape.slice(1)] };
    },
    async read(name) {
      const { tensor, from, to } = find(name);
      const whole = await checkpoint.read(tensor);
      return from === undefined ? whole : sliceRows(whole, from, to!);
    },
    async *pieces(name, rows) {
      const { tensor, from = 0, to } = find(name);
      const own = to === undefined ? undefined : { from, to };
      const wanted = rows === undefined ? own : { from: from + rows.from, to: from + rows.to };
      yield* checkpoint.pieces!(tensor, wanted);
    },
    async readQuantized(name) {
      const { tensor, from, to } = find(name);
      const whole = await checkpoint.readQuantized(tensor);
      return whole === undefined || from === undefined ? whole : sliceQuantized(whole, from, to!);
    },
  };
}

/** Copies, so that the whole tensor need not stay in memory for a part. */
function sliceRows({ dtype, shape, data }: HostTensor, from: number, to: number): HostTensor {
  const width = elementCount(shape.slice(1));
  return { dtype, shape: [to - from, ...shape.slice(1)], data: data.slice(from * width, to * width) };
}

function sliceQuantized({ bits, shape, codes, scales }: QuantizedRows, from: number, to: number): QuantizedRows {
  const width = shape[1];
  return {
    bits,
    shape: [to - from, width],
    codes: codes.slice(from * width, to * width),
    scales: scales.slice(from, to),
  };
}

/** One tensor of the rows of several, which agree in everything but their number. */
export function joinRows(parts: readonly HostTensor[]): HostTensor {
  const [first] = parts as [HostTensor, ...HostTensor[]];
  if (parts.length === 1) return first;
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const shape = [rows, ...first.shape.slice(1)];
  const bytes = new Uint8Array(elementCount(shape) * bytesPerElement(first.dtype));
  let at = 0;
  for (const { data } of parts) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  const array = first.data.constructor as { new (buffer: ArrayBuffer): HostTensor["data"] };
  return { dtype: first.dtype, shape, data: new array(bytes.buffer) };
}
