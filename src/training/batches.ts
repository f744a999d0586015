/** Where a training loop gets its data: batches in order, each knowing where the data continue after it. */
import { allocateArray } from "../engine/graph/dtype.ts";
import { elementCount, type HostTensor } from "../engine/index.ts";
import { CongError } from "../support/errors.ts";
import type { Json } from "./checkpoint.ts";

export interface Batch {
  /** The inputs of the loss by name. */
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** How many tokens (or records) it holds, for the throughput; default 0. */
  readonly tokens?: number;
  /** Given to the source later, makes it continue right after this batch. Kept in checkpoints. */
  readonly position: Json;
}

/**
 * Starts the data from the beginning (undefined) or after the batch whose position is given. The same position must give
 * the same batches: that is what makes a resumed run equal an uninterrupted one. An async generator does nicely.
 */
export type BatchSource = (from: Json | undefined) => AsyncIterable<Batch> | Iterable<Batch>;

/** A reader that hands out one update's worth of data at a time, undefined at the end. */
export interface BatchReader {
  next(): Promise<Batch | undefined>;
  /** Lets the source clean up. */
  close(): Promise<void>;
}

/**
 * Joins every `size` batches of a source into one with a leading axis, as `accumulate` needs. A last incomplete group
 * is dropped.
 */
export function readBatches(source: BatchSource, from: Json | undefined, size: number): BatchReader {
  const iterable = source(from);
  const iterator = Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]();
  return {
    async next() {
      const group: Batch[] = [];
      while (group.length < size) {
        const { value, done } = await iterator.next();
        if (done === true) return undefined;
        group.push(value as Batch);
      }
      return size === 1 ? group[0] : stackBatches(group);
    },
    async close() {
      await iterator.return?.();
    },
  };
}

/**
 * Joins batches of equal shapes along a new leading axis.
 * @throws CongError `SHAPE_MISMATCH` when their inputs differ in name, dtype or shape
 */
export function stackBatches(batches: readonly Batch[]): Batch {
  const [first] = batches;
  const inputs = Object.fromEntries(
    Object.entries(first!.inputs).map(([name, { dtype, shape }]) => {
      const size = elementCount(shape);
      const data = allocateArray(dtype, size * batches.length) as Float32Array;
      batches.forEach(({ inputs }, i) => {
        const part = inputs[name];
        if (part === undefined || part.dtype !== dtype || part.shape.join() !== shape.join()) {
          throw unequal(name, `${dtype}[${shape}]`, part && `${part.dtype}[${part.shape}]`);
        }
        data.set(part.data as Float32Array, i * size);
      });
      return [name, { dtype, shape: [batches.length, ...shape], data }];
    }),
  );
  return {
    inputs,
    tokens: batches.reduce((total, { tokens = 0 }) => total + tokens, 0),
    position: batches.at(-1)!.position,
  };
}

const unequal = (name: string, first: string, got: string | undefined): CongError =>
  new CongError(
    "SHAPE_MISMATCH",
    `accumulate: input "${name}" is ${first} in the first micro-batch and ${got ?? "missing"} in a later one`,
    { name, first, got },
    "micro-batches of one update need equal shapes: pad all batches to one length, or use accumulate 1",
  );
