/** A stored matrix in runs of rows, so that a tensor larger than what is kept of it is never in memory whole. */
import { byteLengthOf, type SafeArray, type SafeTensor, type SafeTensorInfo } from "../../formats/index.ts";
import type { TensorFile } from "./tensor-files.ts";

/** Rows `from` up to `to`. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** Bytes of a piece: small enough for the processor's caches, large enough that reading costs few calls. */
const pieceBytes = 1 << 20;
/** Pieces begin at multiples of this, the rows that quantised weights are packed by. */
const rowStep = 16;

/** The rows in order, the next piece being read meanwhile. A file that cannot be read in parts is read whole. */
export async function* piecesOf(
  file: TensorFile,
  info: SafeTensorInfo,
  rows: RowRange = { from: 0, to: info.shape[0]! },
): AsyncGenerator<SafeTensor, void, undefined> {
  const rowBytes = byteLengthOf(info.dtype, info.shape)! / info.shape[0]!;
  const runs = runsOf(rows, rowBytes);
  if (file.readRows === undefined || !Number.isInteger(rowBytes)) {
    const whole = await file.read(info.name);
    for (const run of runs) yield sliceRows(whole, run);
    return;
  }
  const { readRows } = file;
  const memory = [0, 1].map(() => new Uint8Array((runs[0]!.to - runs[0]!.from) * rowBytes));
  const read = (turn: number) => readRows(info.name, runs[turn]!.from, runs[turn]!.to, memory[turn % 2]!);
  let pending = read(0);
  try {
    for (let turn = 0; turn < runs.length; turn++) {
      const piece = await pending;
      if (turn + 1 < runs.length) {
        pending = read(turn + 1);
        pending.catch(() => {}); // it is awaited in the next turn; until then nobody listens
      }
      yield piece;
    }
  } finally {
    await pending.catch(() => {}); // the file may be closed after this
  }
}

/** The pieces of a range of rows; the first is the longest. */
export function runsOf({ from, to }: RowRange, rowBytes: number): RowRange[] {
  const step = Math.max(1, Math.floor(pieceBytes / rowBytes / rowStep)) * rowStep;
  return Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => ({
    from: from + i * step,
    to: Math.min(from + (i + 1) * step, to),
  }));
}

function sliceRows(tensor: SafeTensor, { from, to }: RowRange): SafeTensor {
  const width = tensor.data.length / tensor.shape[0]!;
  const data = tensor.data.subarray(from * width, to * width) as SafeArray;
  return { ...tensor, shape: [to - from, ...tensor.shape.slice(1)], data };
}
