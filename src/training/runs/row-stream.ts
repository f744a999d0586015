/**
 * Rows for training from items of any kind (texts, conversations), endless and resumable.
 *
 * Items are held in windows of a limited size; inside a window they come in random order, which differs from pass to
 * pass. A position is [pass, window, row]: everything random follows from seed, pass, window and item, so the rows after
 * a position are the same whether a run was interrupted or not. Going to a position reads the windows before it without
 * encoding them.
 */
import { CongError } from "../../support/errors.ts";
import { createRandom, type Random } from "../../support/random.ts";
import { type Batch, type BatchSource, readBatches } from "../batches.ts";
import type { Json } from "../checkpoint.ts";
import { packSamples, padSample, type Sample, sampleTensors } from "../objectives/samples.ts";

export interface RowOptions<T> {
  /** One pass over all items, in the same order each time. */
  readonly items: () => AsyncIterable<T> | Iterable<T>;
  readonly sizeOf: (item: T) => number;
  /** Sizes of the items of a window add up to this. */
  readonly windowSize: number;
  readonly samples: (item: T, random: Random) => readonly Sample[];
  /** Tokens a row. */
  readonly length: number;
  /** Lay samples end to end; otherwise a row each, cut or padded. */
  readonly packing: boolean;
  readonly padId: number;
  readonly seed: number;
  /** The setting that names the files, for errors. Default "data.train". */
  readonly key?: string;
}

/** After the row: pass, window, rows of that window. */
export type RowPosition = readonly [pass: number, window: number, row: number];

export interface RowStream {
  readonly length: number;
  rows(from?: RowPosition): AsyncGenerator<{ readonly row: Sample; readonly position: RowPosition }, void>;
}

/**
 * Makes the stream. Data of one window are read once and stay in memory.
 * @throws CongError `NO_DATA` from the generator, when a whole pass gives no row
 */
export function createRowStream<T>(options: RowOptions<T>): RowStream {
  const { seed, length } = options;
  let onlyWindow: readonly T[] | undefined;
  async function* windows(): AsyncGenerator<readonly T[], void> {
    if (onlyWindow !== undefined) {
      yield onlyWindow;
      return;
    }
    let count = 0;
    let last: readonly T[] = [];
    for await (const window of windowsOf(options)) {
      count++;
      last = window;
      yield window;
    }
    if (count === 1) onlyWindow = last;
  }
  return {
    length,
    async *rows(from = [0, 0, 0]) {
      for (let pass = from[0]; ; pass++) {
        let index = 0;
        let isEmpty = true;
        for await (const window of windows()) {
          const at = index++;
          const skipped = pass === from[0] && at === from[1] ? from[2] : 0;
          if (pass === from[0] && at < from[1]) {
            isEmpty = false;
            continue;
          }
          let row = 0;
          for (const sample of rowsOf(window, options, createRandom(seed).fork(`pass ${pass} window ${at}`))) {
            isEmpty = false;
            row++;
            if (row > skipped) yield { row: sample, position: [pass, at, row] };
          }
        }
        if (isEmpty) throw noData(options.key ?? "data.train");
      }
    },
  };
}

async function* windowsOf<T>({ items, sizeOf, windowSize }: RowOptions<T>): AsyncGenerator<readonly T[], void> {
  let window: T[] = [];
  let size = 0;
  for await (const item of items()) {
    window.push(item);
    size += sizeOf(item);
    if (size < windowSize) continue;
    yield window;
    [window, size] = [[], 0];
  }
  if (window.length > 0) yield window;
}

function* rowsOf<T>(
  window: readonly T[],
  { samples, length, packing, padId }: RowOptions<T>,
  random: Random,
): Generator<Sample> {
  const order = random.permutation(window.length);
  function* all(): Generator<Sample> {
    for (const i of order) yield* samples(window[i]!, random.fork(i));
  }
  if (packing) yield* packSamples(all(), length, padId);
  else for (const sample of all()) yield padSample(sample, length, padId);
}

/** A stream and how many rows of every batch come from it. */
export interface RowShare {
  readonly stream: RowStream;
  readonly rows: number;
}

/** Batches "ids" and "targets" [B, T] from one stream, or from several in fixed shares. */
export function rowBatches(shares: readonly RowShare[]): BatchSource {
  const used = shares.filter(({ rows }) => rows > 0);
  return async function* (from): AsyncGenerator<Batch> {
    const starts = Array.isArray(from) ? (from as readonly RowPosition[]) : [];
    const readers = used.map(({ stream }, i) => stream.rows(starts[i]));
    try {
      for (;;) {
        const rows: Sample[] = [];
        const positions: Json[] = [];
        for (const [i, { rows: count }] of used.entries()) {
          for (let n = 0; n < count; n++) {
            const { value } = await readers[i]!.next();
            rows.push(value!.row);
            positions[i] = [...value!.position];
          }
        }
        yield { inputs: sampleTensors(rows), tokens: rows.length * used[0]!.stream.length, position: positions };
      }
    } finally {
      for (const reader of readers) await reader.return();
    }
  };
}

/**
 * Reads a first batch: data that give none are to be refused before a run makes its folder, which could not be used again.
 * @throws CongError `NO_DATA`
 */
export async function checkGivesRows(source: BatchSource): Promise<void> {
  const reader = readBatches(source, undefined, 1);
  try {
    await reader.next();
  } finally {
    await reader.close();
  }
}

const noData = (key: string): CongError =>
  new CongError(
    "NO_DATA",
    `the files of ${key} give nothing to learn: no text is long enough, or all were set aside`,
    { key },
    "look at the files with `congling data preview`, and at the record format",
  );
