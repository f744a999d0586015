/**
 * The compiled programs of one network, shared by its sessions.
 *
 * A compiled program holds its own copy of weights that are not quantised, so few are kept. Sessions take turns: the cache of the session that
 * ran last stays in the program (its owner), and moves out to the host only when another session needs the place. So any
 * number of sessions may be open, and one at a time costs nothing extra.
 */
import { type Executable, flattenTree, type HostTensor } from "../../engine/index.ts";
import { CongError } from "../../support/errors.ts";
import type { Network } from "./network.ts";
import { compileProgram, type ProgramShape } from "./program.ts";

/** A session, seen from the pool. */
export interface Tenant {
  /** Takes the cache out of the program. */
  moveOut(executable: Executable): void;
}

export interface Program {
  readonly key: string;
  /** Of a program with a cache. */
  readonly shape: ProgramShape | undefined;
  readonly executable: Executable;
  /** Whose cache the program holds. */
  owner: Tenant | undefined;
}

/** Capacities grow in powers of two from here: the attention of a step costs time linear in the capacity. */
const smallestCapacity = 128;
/** While a program's own copy of weights is at most this large, several are kept. */
const smallCopy = 256 * 1024 * 1024; // bytes
const keptOfSmall = 4;

const isQuantized = /\.(?:codes|scales)$/;

export class ProgramPool {
  readonly network: Network;
  private readonly programs: Program[] = []; // the most recently used last
  private readonly kept: number;
  private queue: Promise<unknown> = Promise.resolve();
  private alive = true;

  constructor(network: Network) {
    this.network = network;
    // Quantised weights are packed once for all programs; of the others each program has a copy.
    const copied = flattenTree<HostTensor>(network.parameters).filter(([path]) => !isQuantized.test(path));
    const bytes = copied.reduce((sum, [, { data }]) => sum + data.byteLength, 0);
    this.kept = bytes <= smallCopy ? keptOfSmall : 1;
  }

  /** Whether single tokens may have a program of their own beside the one for prompts. */
  get separatesSteps(): boolean {
    return this.kept > 1;
  }

  /** Runs `work` while nobody else uses the programs. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(() => {
      if (!this.alive) throw disposed();
      return work();
    });
    this.queue = result.catch(() => {});
    return result;
  }

  /** The smallest fitting shape for any number of tokens that is compiled, else the next step of capacity. */
  shapeFor(rows: number, padded: boolean, columns: number, most: number): ProgramShape {
    const fitting = this.programs
      .flatMap(({ shape }) => shape ?? [])
      .filter((shape) => shape.rows === rows && shape.padded === padded && !shape.single && shape.capacity >= columns)
      .sort((a, b) => a.capacity - b.capacity);
    if (fitting[0] !== undefined) return fitting[0];
    let capacity = smallestCapacity;
    while (capacity < columns) capacity *= 2;
    return { rows, padded, single: false, capacity: Math.min(capacity, most) };
  }

  /** The decoding program of a shape. Call it from within `exclusively`. */
  decodingProgram(shape: ProgramShape): Promise<Program> {
    const key = `decode ${shape.rows} × ${shape.capacity}${shape.padded ? ", padded" : ""}${shape.single ? ", single tokens" : ""}`;
    return this.program(key, () => compileProgram(this.network, shape), shape);
  }

  /** The program called `key`, compiled if need be. Call it from within `exclusively`. */
  async program(key: string, compile: () => Promise<Executable>, shape?: ProgramShape): Promise<Program> {
    const at = this.programs.findIndex((program) => program.key === key);
    if (at >= 0) {
      const [found] = this.programs.splice(at, 1);
      this.programs.push(found!);
      return found!;
    }
    // Room first: two sets of weights in memory at once may be one too many.
    while (this.programs.length >= this.kept) {
      const oldest = this.programs.shift()!;
      oldest.owner?.moveOut(oldest.executable);
      await oldest.executable.dispose();
    }
    const program: Program = { key, shape, executable: await compile(), owner: undefined };
    this.programs.push(program);
    return program;
  }

  /** The program that holds this session's cache. */
  holding(tenant: Tenant): Program | undefined {
    return this.programs.find(({ owner }) => owner === tenant);
  }

  /** Frees all programs after the work that waits; sessions cannot be used any more. */
  async dispose(): Promise<void> {
    if (!this.alive) return;
    this.alive = false;
    await this.queue;
    for (const { executable } of this.programs.splice(0)) await executable.dispose();
  }
}

const disposed = (): CongError =>
  new CongError("DISPOSED", "this model has been disposed", {}, "load the model again to use it");
