/**
 * Logits of every token of whole texts, without a cache: for losses, comparisons and choosing between answers.
 *
 * Two programs are made when first needed: a plain one, and one that is told positions and what may be seen. B rows, T
 * tokens, P prefix, S = P + T.
 */
import {
  and,
  concat,
  type Executable,
  equal,
  expand,
  gather,
  greaterOrEqual,
  type HostTensor,
  hostTensor,
  iota,
  lessOrEqual,
  mapTree,
  maskBias,
  or,
  reshape,
  scalar,
  specOf,
  type Tensor,
  type TensorSpec,
  trace,
} from "../engine/index.ts";
import { CongError } from "../support/errors.ts";
import { checkIds } from "./check-prompts.ts";
import type { Logits } from "./decoding-session.ts";
import { positionRows } from "./prompt-layout.ts";
import { type Network, prefixLength } from "./session/network.ts";
import { named } from "./session/program.ts";
import type { ProgramPool } from "./session/program-pool.ts";

type Row = readonly number[];

export interface ForwardRequest {
  /** [B][T] or one row: token ids. */
  readonly inputIds: readonly Row[] | Row;
  /** [B][T] of 1 for tokens and 0 for padding, on either side. Default: no padding. */
  readonly attentionMask?: readonly Row[] | Row | undefined;
  /**
   * [B][T], or [B][2][T] for families with two rows of positions. Default: tokens are counted from 0, padding left out (in BERT
   * included); texts with blanks are laid out by their family.
   */
  readonly positionIds?: readonly Row[] | readonly (readonly Row[])[] | undefined;
  /** Only the logits of these tokens, so that the output layer computes no others. Default: of all. */
  readonly at?: readonly (readonly [row: number, column: number])[] | undefined;
}

/**
 * Logits [B, T, V], or [1, N, V] of the N tokens named by `at`. Those of padding mean nothing.
 * @throws CongError `BAD_ARGUMENT` for rows of unequal length, `ID_OUT_OF_RANGE`, `PROMPT_TOO_LONG`
 */
export function forward(pool: ProgramPool, request: ForwardRequest): Promise<Logits> {
  const { network } = pool;
  const ids = rowsOf(request.inputIds);
  const T = checkRows(ids, network);
  const mask = request.attentionMask === undefined ? undefined : rowsOf(request.attentionMask);
  if (mask !== undefined) checkMask(mask, ids);
  const { family, prefix } = network;
  const plain =
    mask === undefined &&
    request.positionIds === undefined &&
    family.layout === undefined &&
    prefix?.takesPositions !== true;
  const { at } = request;
  const inputs = {
    ids: integers([ids.length, T], ids.flat()),
    ...(plain ? {} : told(network, ids, mask, request.positionIds)),
    ...(at === undefined ? {} : { places: places(at, ids.length, T) }),
  };
  const V = network.config.vocabulary;
  const shape: Logits["shape"] = at === undefined ? [ids.length, T, V] : [1, at.length, V];
  return pool.exclusively(async () => {
    const key = `forward${plain ? "" : " with mask and positions"}${at === undefined ? "" : ", chosen tokens"}`;
    const { executable } = await pool.program(key, () => compileForward(network, plain, at !== undefined));
    const { logits } = await executable.run(inputs);
    return { data: logits!.data as Float32Array, shape };
  });
}

/**
 * Inputs `ids` int64 [B, T], unless plain `mask` and `shared` int64 [B, T] and `positions`, and where tokens are chosen their
 * `places` int64 [N] in B·T. Output `logits`.
 */
function compileForward(network: Network, plain: boolean, chosen: boolean): Promise<Executable> {
  const { family, config, parameters, backend, prefix } = network;
  const layers = prefix?.layers ?? [];
  const graph = trace((builder) => {
    const weights = builder.constants("model", mapTree<HostTensor, TensorSpec>(parameters, specOf));
    const learned = builder.constants(
      "prefix",
      layers.map(({ key, value }) => ({ key: specOf(key), value: specOf(value) })),
    );
    const ids = builder.input("ids", "int64", ["batch", "tokens"]);
    const rows = positionRows(family);
    const shape = rows === 1 ? ["batch", "tokens"] : ["batch", rows, "tokens"];
    const positions = plain ? undefined : builder.input("positions", "int64", shape);
    const bias = plain ? undefined : visibility(ids, prefixLength(network));
    const own = prefix === undefined ? undefined : learned;
    const { hidden } = family.forward(config, weights, { ids, positions, bias, prefix: own });
    const last = hidden.at(-1)!; // (B, T, C)
    const asked = () => gather(reshape(last, [1, -1, config.hidden]), builder.input("places", "int64", ["places"]), 1);
    builder.output("logits", family.logits(config, weights, chosen ? asked() : last));
  });
  const constants = { ...named(parameters), ...named([...layers], "prefix") };
  return backend.compile(graph, { constants });
}

/** Score bias [B, 1, T, S]: a token sees the prefix, itself, tokens before it and those that everyone sees. */
function visibility(ids: Tensor, prefix: number): Tensor {
  const { builder } = ids;
  return builder.scope("mask", () => {
    const columns = iota(builder, "tokens");
    const own = reshape(columns, ["tokens", 1]);
    const flags = (name: string) =>
      reshape(greaterOrEqual(builder.input(name, "int64", ["batch", "tokens"]), 1), ["batch", 1, 1, "tokens"]);
    const [real, shared] = [flags("mask"), flags("shared")];
    const seen = maskBias(or(and(real, or(shared, lessOrEqual(columns, own))), equal(columns, own))); // (B, 1, T, T)
    if (prefix === 0) return seen;
    const open = expand(scalar(ids, 0, "float32"), ["batch", 1, "tokens", prefix]);
    return concat([open, seen], -1);
  });
}

/** Mask, what everyone sees, and positions. */
function told(
  { family, config, prefix }: Network,
  ids: readonly Row[],
  given: readonly Row[] | undefined,
  positionIds: ForwardRequest["positionIds"],
): Record<string, HostTensor> {
  const [B, T] = [ids.length, ids[0]!.length];
  const mask = given ?? ids.map((row) => row.map(() => 1));
  const shift = prefix?.takesPositions ? prefixLength({ prefix }) : 0;
  const texts = ids.map((row, b) => {
    const real = row.flatMap((_, t) => (mask[b]![t] === 0 ? [] : [t]));
    const layout = family.layout?.(
      config,
      real.map((t) => row[t]!),
    );
    const shared = row.map(() => (family.mask === "full" ? 1 : 0));
    real.slice(0, layout?.prefixLength ?? 0).forEach((t) => {
      shared[t] = 1;
    });
    const positions = (layout?.positions ?? [real.map((_, i) => i)]).map((values, part) => {
      if (family.mask === "full") return row.map((_, t) => t);
      const places = row.map(() => 0);
      real.forEach((t, i) => {
        places[t] = values[i]! + (part === 0 ? shift : 0);
      });
      return places;
    });
    return { shared, positions };
  });
  const rows = positionRows(family);
  const shape = rows === 1 ? [B, T] : [B, rows, T];
  const positions =
    positionIds === undefined ? texts.flatMap((text) => text.positions).flat() : flatten(positionIds, shape);
  return {
    mask: integers([B, T], mask.flat()),
    shared: integers(
      [B, T],
      texts.flatMap(({ shared }) => shared),
    ),
    positions: integers(shape, positions),
  };
}

/** Indexes of tokens in rows laid end to end. */
function places(at: readonly (readonly [number, number])[], B: number, T: number): HostTensor {
  const wrong = at.find(([row, column]) => !isBelow(row, B) || !isBelow(column, T));
  if (at.length > 0 && wrong === undefined) {
    return integers(
      [at.length],
      at.map(([row, column]) => row * T + column),
    );
  }
  throw new CongError(
    "BAD_ARGUMENT",
    wrong === undefined ? "forward: at names no token" : `forward: at names row ${wrong[0]}, column ${wrong[1]}`,
    { at: wrong, rows: B, columns: T },
    `name tokens of the ${B} rows of ${T}, or leave at out`,
  );
}

const isBelow = (value: number, limit: number): boolean => Number.isInteger(value) && value >= 0 && value < limit;

const rowsOf = (rows: readonly Row[] | Row): readonly Row[] =>
  typeof rows[0] === "number" ? [rows as Row] : (rows as readonly Row[]);

function checkRows(ids: readonly Row[], { config }: Network): number {
  const T = ids[0]?.length ?? 0;
  const uneven = ids.findIndex((row) => row.length !== T);
  if (ids.length === 0 || uneven >= 0) {
    throw new CongError(
      "BAD_ARGUMENT",
      ids.length === 0 ? "forward: no rows" : `forward: row ${uneven} has ${ids[uneven]!.length} ids, row 0 has ${T}`,
      { lengths: ids.map((row) => row.length) },
      "fill the shorter rows with padding and say so in attentionMask",
    );
  }
  ids.forEach((row, i) => {
    checkIds(row, i, config.vocabulary);
  });
  if (T <= config.contextLength) return T;
  throw new CongError(
    "PROMPT_TOO_LONG",
    `forward: ${T} tokens, the model's context holds ${config.contextLength}`,
    { length: T, limit: config.contextLength },
    "cut the text into parts",
  );
}

function checkMask(mask: readonly Row[], ids: readonly Row[]): void {
  const fits = mask.length === ids.length && mask.every((row, i) => row.length === ids[i]!.length);
  const isBinary = mask.every((row) => row.every((value) => value === 0 || value === 1));
  if (fits && isBinary) return;
  throw new CongError(
    "BAD_ARGUMENT",
    fits
      ? "forward: attentionMask holds other numbers than 0 and 1"
      : "forward: attentionMask has another shape than inputIds",
    { rows: mask.length },
    "give one number for each token: 1 for a token, 0 for padding",
  );
}

function flatten(positions: readonly unknown[], shape: readonly number[]): number[] {
  const flat = positions.flat(2) as number[];
  const fits = positions.length === shape[0] && flat.length === shape.reduce((a, b) => a * b, 1);
  if (fits && flat.every((position) => Number.isInteger(position) && position >= 0)) return flat;
  throw new CongError(
    "BAD_ARGUMENT",
    `forward: positionIds are not whole numbers in the shape [${shape}]`,
    { shape, got: flat.length },
    `give ${shape.length === 3 ? "two rows of positions for each text" : "one position for each token"}`,
  );
}

const integers = (shape: readonly number[], values: readonly number[]): HostTensor =>
  hostTensor("int64", shape, values);
