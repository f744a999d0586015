/**
 * A decoding session on the engine. Its cache lives in a program of the pool while it runs, on the host while another
 * session has the place, and nowhere before the first feed.
 */
import { type Executable, type HostTensor, hostTensor } from "../../engine/index.ts";
import { checkInteger } from "../../support/checks.ts";
import { CongError } from "../../support/errors.ts";
import type { DecodingSession, FeedOptions, Logits } from "../decoding-session.ts";
import { type PromptLayout, positionRows, promptLayout } from "../prompt-layout.ts";
import { freshCache, reorderRows, resizeCapacity } from "./cache-rows.ts";
import { type Network, prefixLength } from "./network.ts";
import { cacheNames, cacheSizeOf, type ProgramShape, takesPositions } from "./program.ts";
import type { Program, ProgramPool, Tenant } from "./program-pool.ts";

export interface SessionOptions {
  /** Texts in the batch. Default 1. */
  readonly rows?: number | undefined;
  /** Columns that are likely to come after the prompt: capacity for them is made at once. Default 128. */
  readonly expected?: number | undefined;
  /** Feeds after the prompt will often have several tokens (guesses). Default false. */
  readonly guesses?: boolean | undefined;
}

/** Tokens of a prompt that run at once: more would need memory for scores of prompt × prompt. */
const chunkLength = 512;

export function createSession(pool: ProgramPool, options: SessionOptions = {}): DecodingSession {
  const { rows = 1, expected = 128, guesses = false } = options;
  checkInteger("createSession", { rows }, { min: 1 });
  checkInteger("createSession", { expected }, { min: 0 });
  return new EngineSession(pool, rows, expected, guesses);
}

class EngineSession implements DecodingSession, Tenant {
  readonly rows: number;
  readonly vocabulary: number;
  readonly limit: number;
  length = 0;
  private readonly pool: ProgramPool;
  private readonly expected: number;
  private readonly guesses: boolean;
  private readonly prefix: number;
  private shape: ProgramShape | undefined;
  private padding: readonly number[] = [];
  private layouts: readonly PromptLayout[] = [];
  /** The cache, in the order of `cacheNames`, while no program holds it. */
  private saved: readonly HostTensor[] | undefined;
  private alive = true;

  constructor(pool: ProgramPool, rows: number, expected: number, guesses: boolean) {
    const { config } = pool.network;
    this.pool = pool;
    this.rows = rows;
    this.expected = expected;
    this.guesses = guesses;
    this.prefix = prefixLength(pool.network);
    this.vocabulary = config.vocabulary;
    this.limit = config.contextLength;
  }

  feed(ids: readonly (readonly number[])[], options: FeedOptions = {}): Promise<Logits> {
    return this.pool.exclusively(async () => {
      this.requireAlive();
      const count = this.checkFeed(ids);
      if (this.length === 0) this.begin(ids, count);
      const program = await this.moveIn(count);
      const fed = ids.map((row) => (row.length === count ? row : [...this.pads(count - row.length), ...row]));
      return this.runInChunks(program.executable, fed, count, options.logits === "all");
    });
  }

  reorder(sources: readonly number[]): Promise<void> {
    return this.pool.exclusively(async () => {
      this.requireAlive();
      if (sources.length !== this.rows) throw wrongRows("reorder", sources.length, this.rows);
      for (const source of sources) checkInteger("reorder", { source }, { min: 0, max: this.rows - 1 });
      if (sources.every((source, row) => source === row)) return;
      const program = this.pool.holding(this);
      if (program !== undefined) {
        for (const name of cacheNames(this.pool.network)) {
          program.executable.writeState(name, reorderRows(program.executable.readState(name), sources));
        }
      }
      this.saved = this.saved?.map((tensor) => reorderRows(tensor, sources));
      this.padding = sources.map((source) => this.padding[source]!);
      this.layouts = sources.map((source) => this.layouts[source]!);
    });
  }

  truncate(length: number): void {
    this.requireAlive();
    // Rows behind the length are hidden until they are written again.
    checkInteger("truncate", { length }, { min: 0, max: this.length });
    this.length = length;
  }

  async dispose(): Promise<void> {
    if (!this.alive) return;
    this.alive = false;
    const program = this.pool.holding(this);
    if (program !== undefined) program.owner = undefined;
    this.saved = undefined;
  }

  moveOut(executable: Executable): void {
    this.saved = cacheNames(this.pool.network).map((name) => executable.readState(name));
  }

  private requireAlive(): void {
    if (this.alive) return;
    throw new CongError("DISPOSED", "this decoding session has been disposed", {}, "make a new one");
  }

  /** Columns that the feed adds. */
  private checkFeed(ids: readonly (readonly number[])[]): number {
    if (ids.length !== this.rows) throw wrongRows("feed", ids.length, this.rows);
    const count = Math.max(...ids.map((row) => row.length));
    const uneven = ids.findIndex((row) => row.length !== count);
    if (ids.some((row) => row.length === 0) || (uneven >= 0 && this.length > 0)) {
      throw new CongError(
        "BAD_ARGUMENT",
        `feed: rows of ${ids.map((row) => row.length).join(", ")} tokens`,
        { lengths: ids.map((row) => row.length) },
        "feed at least one token a row, and after the first feed the same number in every row",
      );
    }
    if (this.length + count > this.limit) {
      throw new CongError(
        "CONTEXT_FULL",
        `feed: ${this.length} + ${count} tokens, the model's context holds ${this.limit}`,
        { length: this.length, fed: count, limit: this.limit },
        "shorten the prompt or ask for fewer new tokens",
      );
    }
    return count;
  }

  private begin(ids: readonly (readonly number[])[], count: number): void {
    const { family, config } = this.pool.network;
    this.padding = ids.map((row) => count - row.length);
    this.layouts = ids.map((row) => promptLayout(family, config, row));
    const padded = this.padding.some((pads) => pads > 0);
    const most = this.prefix + this.limit;
    const columns = Math.min(this.prefix + count + this.expected, most);
    const shape = this.pool.shapeFor(this.rows, padded, columns, most);
    if (this.shape !== undefined && !(this.shape.padded === padded && this.shape.capacity >= columns)) this.forget();
    this.shape ??= shape;
  }

  /** The program with this session's cache in it, large enough for `count` more columns. */
  private async moveIn(count: number): Promise<Program> {
    const needed = this.prefix + this.length + count;
    if (needed > this.shape!.capacity) this.grow(needed);
    // Moving to the other program copies the cache, which pays when many single tokens follow.
    const single = count === 1 && !this.guesses && this.length > 0 && this.pool.separatesSteps;
    const program = await this.pool.decodingProgram({ ...this.shape!, single });
    if (program.owner === this) return program;
    const before = this.pool.holding(this);
    if (before !== undefined) {
      this.moveOut(before.executable);
      before.owner = undefined;
    }
    program.owner?.moveOut(program.executable);
    program.owner = undefined;
    const cache = this.saved ?? freshCaches(this.pool.network, this.shape!);
    cacheNames(this.pool.network).forEach((name, i) => {
      program.executable.writeState(name, cache[i]!);
    });
    this.saved = undefined;
    program.owner = this;
    return program;
  }

  private grow(needed: number): void {
    const holding = this.pool.holding(this);
    if (holding !== undefined) {
      this.moveOut(holding.executable);
      holding.owner = undefined;
    }
    const { rows, padded } = this.shape!;
    this.shape = this.pool.shapeFor(rows, padded, needed, this.prefix + this.limit);
    const columns = this.prefix + this.length;
    this.saved = this.saved?.map((tensor) => resizeCapacity(tensor, this.shape!.capacity, columns));
  }

  /** Back to before the first feed. */
  private forget(): void {
    const holding = this.pool.holding(this);
    if (holding !== undefined) holding.owner = undefined;
    this.saved = undefined;
    this.shape = undefined;
  }

  private pads(count: number): number[] {
    return Array.from({ length: count }, () => this.pool.network.config.padId ?? 0);
  }

  /** Runs `count` columns and moves the length; a prompt of a causal model goes in parts. */
  private async runInChunks(
    executable: Executable,
    fed: readonly (readonly number[])[],
    count: number,
    all: boolean,
  ): Promise<Logits> {
    const step = this.pool.network.family.mask === "causal" ? chunkLength : count;
    const parts: Float32Array[] = [];
    const before = this.length;
    for (let from = 0; from < count; from += step) {
      const size = Math.min(step, count - from);
      const columns = all ? Array.from({ length: size }, (_, i) => i) : [size - 1];
      const inputs = this.inputs(fed, from, size, before + from, columns);
      const { logits } = await executable.run(inputs);
      if (all || from + size === count) parts.push(logits!.data as Float32Array);
    }
    this.length = before + count;
    const columns = all ? count : 1;
    return { data: this.joinColumns(parts), shape: [this.rows, columns, this.vocabulary] };
  }

  private joinColumns(parts: readonly Float32Array[]): Float32Array {
    if (parts.length === 1) return parts[0]!;
    const total = parts.reduce((sum, part) => sum + part.length, 0);
    const joined = new Float32Array(total);
    let at = 0;
    for (let row = 0; row < this.rows; row++) {
      for (const part of parts) {
        const size = part.length / this.rows;
        joined.set(part.subarray(row * size, (row + 1) * size), at);
        at += size;
      }
    }
    return joined;
  }

  /** @param column of the first of `size` tokens, prefix not counted */
  private inputs(
    fed: readonly (readonly number[])[],
    from: number,
    size: number,
    column: number,
    columns: readonly number[],
  ): Record<string, HostTensor> {
    const { network } = this.pool;
    const inputs: Record<string, HostTensor> = {
      ids: integers(
        [this.rows, size],
        fed.flatMap((row) => row.slice(from, from + size)),
      ),
      start: integers([1], [this.prefix + column]),
      columns: integers([columns.length], columns),
    };
    if (this.shape!.padded) inputs.padding = integers([this.rows], this.padding);
    if (network.family.mask === "prefix") {
      inputs.visible = integers(
        [this.rows],
        this.layouts.map(({ visible }) => visible),
      );
    }
    if (takesPositions(network, this.shape!)) inputs.positions = this.positions(column, size);
    return inputs;
  }

  /** [B, T], or [B, 2, T] for families with two position rows; padding stands at 0, and a prefix moves places, not counts inside a span. */
  private positions(column: number, size: number): HostTensor {
    const { family, prefix } = this.pool.network;
    const shift = prefix?.takesPositions ? this.prefix : 0;
    const count = positionRows(family);
    const values = this.layouts.flatMap((layout, row) => {
      const tokens = Array.from({ length: size }, (_, i) => {
        const index = column + i - this.padding[row]!;
        return index < 0 ? undefined : layout.positions(index);
      });
      return Array.from({ length: count }, (_, part) =>
        tokens.map((position) => (position === undefined ? 0 : position[part]! + (part === 0 ? shift : 0))),
      ).flat();
    });
    return integers(count === 1 ? [this.rows, size] : [this.rows, count, size], values);
  }
}

/** Empty but for the prefix, in the order of `cacheNames`. */
function freshCaches(network: Network, shape: ProgramShape): HostTensor[] {
  const { batch, keyValueHeads, capacity, headSize } = cacheSizeOf(network, shape);
  return Array.from({ length: network.config.layers }, (_, i) => {
    const own = network.prefix?.layers[i];
    return [own?.key, own?.value].map((part) => freshCache([batch, keyValueHeads, capacity, headSize], part));
  }).flat();
}

const integers = (shape: readonly number[], values: readonly number[]): HostTensor =>
  hostTensor("int64", shape, values);

const wrongRows = (where: string, got: number, wanted: number): CongError =>
  new CongError(
    "BAD_ARGUMENT",
    `${where}: got ${got} rows, the session has ${wanted}`,
    { got, wanted },
    `pass ${wanted}`,
  );
