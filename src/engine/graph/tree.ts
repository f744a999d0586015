/** Nested records of leaves: parameters, gradients, optimiser moments. Paths join keys with "." as checkpoints do. */
import { CongError } from "../../support/errors.ts";

export type Tree<Leaf> = Leaf | readonly Tree<Leaf>[] | { readonly [key: string]: Tree<Leaf> };

/** The same tree with every leaf replaced. */
export type MapTree<T, From, To> = T extends From
  ? To
  : T extends readonly (infer Item)[]
    ? MapTree<Item, From, To>[]
    : { [K in keyof T]: MapTree<T[K], From, To> };

/** A leaf is recognised by a property that branches never have. */
export type LeafTest<Leaf> = (value: unknown) => value is Leaf;

export const isTensorLike = (value: unknown): value is { readonly dtype: string; readonly shape: readonly unknown[] } =>
  typeof value === "object" &&
  value !== null &&
  "dtype" in value &&
  typeof value.dtype === "string" &&
  "shape" in value;

/** Leaves with their paths, in the order of the keys. */
export function flattenTree<Leaf extends object>(tree: Tree<Leaf>, prefix = ""): [path: string, leaf: Leaf][] {
  if (isTensorLike(tree)) return [[prefix, tree as unknown as Leaf]];
  requireBranch(tree, prefix);
  return Object.entries(tree).flatMap(([key, child]) =>
    flattenTree<Leaf>(child as Tree<Leaf>, prefix === "" ? key : `${prefix}.${key}`),
  );
}

function requireBranch(tree: unknown, path: string): void {
  if (typeof tree === "object" && tree !== null) return;
  throw new CongError(
    "BAD_TREE",
    `parameter tree: "${path}" is ${String(tree)}, not a tensor or a record of tensors`,
    { path },
    "leave optional parameters out instead of setting them to undefined",
  );
}

/** Rebuilds the tree with `change(leaf, path)` in place of each leaf. */
export function mapTree<From extends object, To, T extends Tree<From> = Tree<From>>(
  tree: T,
  change: (leaf: From, path: string) => To,
  prefix = "",
): MapTree<T, From, To> {
  type Result = MapTree<T, From, To>;
  if (isTensorLike(tree)) return change(tree as unknown as From, prefix) as Result;
  requireBranch(tree, prefix);
  const join = (key: string) => (prefix === "" ? key : `${prefix}.${key}`);
  if (Array.isArray(tree)) return tree.map((child, i) => mapTree<From, To>(child, change, join(String(i)))) as Result;
  const entries = Object.entries(tree as Record<string, Tree<From>>);
  return Object.fromEntries(
    entries.map(([key, child]) => [key, mapTree<From, To>(child, change, join(key))]),
  ) as Result;
}
