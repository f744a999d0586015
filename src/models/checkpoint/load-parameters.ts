/**
 * Fills a tree of parameter specs from a checkpoint: one tensor in memory at a time besides those kept, or, where the
 * caller keeps something smaller, some rows of one.
 */
import { flattenTree, type HostTensor, isFloat, mapTree, type TensorSpec, type Tree } from "../../engine/index.ts";
import { CongError } from "../../support/errors.ts";
import { closest } from "../../support/suggest.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { convertFloat } from "./host-tensors.ts";

export interface LoadParametersOptions<Leaf extends object> {
  /** Tensors of the checkpoint that the tree need not have. Default: rotary frequencies, which are computed. */
  readonly ignored?: ((name: string) => boolean) | undefined;
  /**
   * What to keep of a tensor, called as soon as it is read: quantised weights, for instance. `path` is its name.
   * Default: the tensor itself, in the dtype of its spec.
   */
  readonly transform?: ((path: string, tensor: HostTensor) => Leaf | Promise<Leaf>) | undefined;
  /** Asked before a matrix is read: who takes it row by row, in place of `transform`. Default: nobody. */
  readonly rows?: ((path: string, shape: readonly number[]) => RowSink<Leaf> | undefined) | undefined;
}

/** Takes a matrix a run of rows at a time, and keeps what it likes. */
export interface RowSink<Leaf extends object> {
  /** Rows from `first` on, in the floating-point type they are stored in; the array is used again for later rows. */
  write(first: number, values: HostTensor): void;
  /** All rows were written. */
  finish(): Leaf;
}

/** Buffers that old checkpoints store and models compute. */
export const isRotaryBuffer = (name: string): boolean => /(?:^|\.)rotary_(?:emb|pos_emb)\.inv_freq$/.test(name);

/**
 * The parameters of `specs` from the tensors of the same names, converted to the floating-point type of the spec.
 * Names and shapes are compared before any data is read.
 *
 * @throws CongError `OTHER_MODEL` that names every missing, unexpected and wrongly shaped tensor; `DTYPE_MISMATCH`
 */
export async function loadParameters<Leaf extends object = HostTensor>(
  checkpoint: Checkpoint,
  specs: Tree<TensorSpec>,
  options: LoadParametersOptions<Leaf> = {},
): Promise<Tree<Leaf>> {
  const { ignored = isRotaryBuffer, transform = (_, tensor) => tensor as unknown as Leaf, rows } = options;
  const wanted = new Map(flattenTree<TensorSpec>(specs));
  compare(checkpoint, wanted, ignored);
  const loaded = new Map<string, Leaf>();
  for (const [path, { dtype, shape }] of wanted) {
    const sink = checkpoint.pieces && dtype === "float32" ? rows?.(path, shape as readonly number[]) : undefined;
    if (sink !== undefined) {
      let first = 0;
      for await (const piece of checkpoint.pieces!(path)) {
        sink.write(first, isFloat(piece.dtype) ? piece : convertFloat(piece, dtype, path));
        first += piece.shape[0]!;
      }
      loaded.set(path, sink.finish());
      continue;
    }
    loaded.set(path, await transform(path, convertFloat(await checkpoint.read(path), dtype, path)));
  }
  return mapTree<TensorSpec, Leaf>(specs, (_, path) => loaded.get(path)!) as Tree<Leaf>;
}

function compare(
  checkpoint: Checkpoint,
  wanted: ReadonlyMap<string, TensorSpec>,
  ignored: (name: string) => boolean,
): void {
  const unexpected = checkpoint.names.filter((name) => !wanted.has(name) && !ignored(name));
  const problems: string[] = [];
  for (const [path, { shape }] of wanted) {
    if (!checkpoint.has(path)) {
      // A few suggestions tell the story; comparing thousands of names with thousands takes minutes.
      const near = problems.length < 10 ? closest(path, unexpected) : undefined;
      problems.push(`"${path}" [${shape.join(", ")}] is missing${near === undefined ? "" : ` (there is "${near}")`}`);
      continue;
    }
    const got = checkpoint.spec(path).shape;
    if (got.length !== shape.length || got.some((size, i) => size !== shape[i])) {
      problems.push(`"${path}" is [${got.join(", ")}], wanted [${shape.join(", ")}]`);
    }
  }
  problems.push(...unexpected.map((name) => `"${name}" is not part of the model`));
  if (problems.length === 0) return;
  const shown = problems.slice(0, 40);
  const more = problems.length > shown.length ? [`… and ${problems.length - shown.length} more`] : [];
  throw new CongError(
    "OTHER_MODEL",
    `the weights in ${checkpoint.folder} do not fit its configuration:\n  ${[...shown, ...more].join("\n  ")}`,
    { folder: checkpoint.folder, problems },
    "nothing was loaded; check config.json (layers, sizes, tied embeddings) against the weights",
  );
}
