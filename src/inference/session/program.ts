/**
 * The graph that prefills and decodes: T new tokens (any number) with a cache of all earlier ones.
 *
 * One program can serve prompt and answer; a second one for single tokens is faster where weights are shared. Logits are computed for chosen columns only: of a prompt,
 * the last. B rows, T new tokens, S = capacity of the cache, K chosen columns, P prefix, V vocabulary.
 */
import {
  add,
  and,
  type Executable,
  equal,
  flattenTree,
  type GraphBuilder,
  gather,
  greaterOrEqual,
  type HostTensor,
  iota,
  less,
  lessOrEqual,
  mapTree,
  maskBias,
  or,
  reshape,
  specOf,
  type Tensor,
  type TensorSpec,
  type Tree,
  trace,
} from "../../engine/index.ts";
import { assignCache, type CacheSize, cacheSpec, type KeysAndValues, positionsFrom } from "../../nn/index.ts";
import { positionRows } from "../prompt-layout.ts";
import { type Network, prefixLength } from "./network.ts";

/** What a program is compiled for. */
export interface ProgramShape {
  /** B */
  readonly rows: number;
  /** S, prefix included. */
  readonly capacity: number;
  /** Rows may begin with padding. */
  readonly padded: boolean;
  /** Exactly one token a run: shapes known at compile time make that faster. Otherwise any number. */
  readonly single: boolean;
}

/** Whether the program is told the positions; otherwise it counts from the cache's first row. */
export const takesPositions = (network: Network, { padded }: Pick<ProgramShape, "padded">): boolean =>
  padded || positionRows(network.family) > 1 || (network.prefix !== undefined && !network.prefix.takesPositions);

export const cacheSizeOf = ({ config }: Network, { rows, capacity }: ProgramShape): CacheSize => ({
  batch: rows,
  keyValueHeads: config.keyValueHeads,
  capacity,
  headSize: config.headSize,
});

/** Names of the cache's state tensors, in the order of `cacheTree`. */
export const cacheNames = ({ config }: Network): string[] =>
  Array.from({ length: config.layers }, (_, i) => [`cache.${i}.key`, `cache.${i}.value`]).flat();

/**
 * Inputs: `ids` int64 [B, T], `start` int64 [1] (rows of the cache that are taken), `columns` int64 [K] (of the T, whose
 * logits are wanted); with padding `padding` int64 [B]; `positions` int64 [B, T] or [B, 2, T] where `takesPositions`;
 * `visible` int64 [B] for families that see the whole prompt. Output: `logits` [B, K, V].
 */
export async function compileProgram(network: Network, shape: ProgramShape): Promise<Executable> {
  const { family, config, parameters, backend } = network;
  const { rows, padded } = shape;
  const graph = trace((builder) => {
    const weights = builder.constants("model", mapTree<HostTensor, TensorSpec>(parameters, specOf));
    const spec = Array.from({ length: config.layers }, () => cacheSpec(cacheSizeOf(network, shape)));
    const cache = builder.state("cache", spec) as readonly KeysAndValues<Tensor>[];
    const ids = builder.input("ids", "int64", [rows, "tokens"]);
    const start = builder.input("start", "int64", [1]);
    const columns = builder.input("columns", "int64", ["columns"]);
    const positions = takesPositions(network, shape) ? positionInput(builder, network, rows) : undefined;
    const padding = padded ? builder.input("padding", "int64", [rows]) : undefined;
    const visible = family.mask === "prefix" ? builder.input("visible", "int64", [rows]) : undefined;
    const bias =
      padding === undefined && visible === undefined
        ? undefined
        : visibility(start, { ...shape, prefix: prefixLength(network) }, padding, visible);
    const forward = family.forward(config, weights, { ids, positions, bias, cache: { layers: cache, start } });
    forward.cache!.forEach((next, i) => {
      assignCache(cache[i]!, next);
    });
    builder.output("logits", family.logits(config, weights, gather(forward.hidden.at(-1)!, columns, 1)));
  });
  const bindings = shape.single ? { tokens: 1, columns: 1 } : {};
  return backend.compile(graph, { bindings, constants: named(parameters) });
}

/** Parameters under the names of the graph's constants. */
export const named = (parameters: Tree<HostTensor>, name = "model"): Record<string, HostTensor> =>
  Object.fromEntries(flattenTree<HostTensor>(parameters, name));

function positionInput(builder: GraphBuilder, { family }: Network, rows: number): Tensor {
  const shape = positionRows(family) === 1 ? [rows, "tokens"] : [rows, 2, "tokens"];
  return builder.input("positions", "int64", shape);
}

/**
 * Score bias [B, 1, T, S]: a token sees the prefix, itself, what came before it, and the visible part of the prompt, but no
 * padding. A padding token sees itself, so that nobody averages over nothing.
 */
function visibility(
  start: Tensor,
  { rows, capacity, prefix }: ProgramShape & { readonly prefix: number },
  padding: Tensor | undefined,
  visible: Tensor | undefined,
): Tensor {
  const { builder } = start;
  return builder.scope("mask", () => {
    const columns = iota(builder, capacity); // (S)
    const own = reshape(positionsFrom(start, "tokens"), [1, 1, "tokens", 1]);
    const perRow = (x: Tensor) => reshape(x, [rows, 1, 1, 1]);
    const first = padding === undefined ? undefined : perRow(add(padding, prefix)); // column of the first token
    let seen = lessOrEqual(columns, own);
    if (visible !== undefined) seen = or(seen, less(columns, add(perRow(visible), first ?? prefix)));
    if (first === undefined) return maskBias(seen);
    const real = greaterOrEqual(columns, first);
    const inPrefix = prefix === 0 ? real : or(real, less(columns, prefix));
    return maskBias(or(and(seen, inPrefix), equal(columns, own)));
  });
}
