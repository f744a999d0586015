/**
 * A compiled program on onnxruntime: its state buffers, its input and output buffers, and its runs.
 *
 * State lives in native memory. A slot is updated in place where the graph allows it (`inPlaceState`); otherwise it has
 * two buffers that swap after every run. Nothing but the inputs and outputs is copied.
 */
import { CongError } from "../../../support/errors.ts";
import { type Bindings, dimNames, evaluateShape } from "../../graph/dims.ts";
import { bytesPerElement, elementCount, type HostTensor } from "../../graph/dtype.ts";
import type { Graph, Node, StateSlot, ValueId } from "../../graph/graph.ts";
import { indexLimits } from "../../passes/index-limits.ts";
import { checkIndices, checkInputs, checkTensor, disposed, findSlot, notWritten } from "../check-values.ts";
import type { Executable } from "../contract.ts";
import { explainFailure } from "./explain-failure.ts";
import {
  allocate,
  copyIn,
  free,
  type NativeBuffer,
  type NativeTensor,
  releaseTensor,
  tensorOver,
  toHost,
} from "./memory.ts";
import { type OpTime, readProfile } from "./profile.ts";
import type { Binding, Session } from "./session.ts";

export interface OnnxruntimeExecutable extends Executable {
  /**
   * Ends profiling and returns the time of each op of the graph over all runs but the first `skip` (default 0).
   * Needs the backend option `profile`.
   */
  profile(skip?: number): OpTime[];
}

export interface ExecutableParts {
  readonly graph: Graph;
  readonly session: Session;
  readonly origins: ReadonlyMap<string, Node>;
  readonly bindings: Bindings;
  readonly blocking: boolean;
  readonly profiled: boolean;
  /** State slots whose update may overwrite the old value. */
  readonly inPlace: ReadonlySet<string>;
}

/** A state tensor and, unless it is updated in place, the buffer its next value goes to. */
interface Slot {
  readonly name: string;
  readonly updated: boolean;
  current: NativeTensor;
  next: NativeTensor | undefined;
  written: boolean;
}

/** Buffers and bindings for one set of sizes. */
interface Frame {
  readonly inputs: readonly NativeTensor[];
  readonly outputs: readonly NativeTensor[];
  readonly buffers: readonly NativeBuffer[];
  /** One binding for each phase of the swapping state buffers. */
  readonly phases: (Binding | undefined)[];
}

/** Frames are kept for a few recent sizes; more would hoard memory when lengths vary. */
const keptFrames = 4;

export function createExecutable(parts: ExecutableParts): OnnxruntimeExecutable {
  const { graph, session, bindings: compiled } = parts;
  const buffers: NativeBuffer[] = [];
  const slots = graph.state.map((slot) => createSlot(graph, slot, parts.inPlace.has(slot.name), buffers));
  const frames = new Map<string, Frame>();
  const limits = indexLimits(graph);
  let phase = 0;
  let alive = true;
  let queue: Promise<unknown> = Promise.resolve();

  const requireAlive = () => {
    if (!alive) throw disposed();
  };

  async function compute(inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> {
    requireAlive();
    const bindings = { ...compiled, ...checkInputs(graph, inputs) };
    checkIndices(limits, inputs, bindings);
    const unset = slots.find((slot) => !slot.written);
    if (unset !== undefined) throw notWritten(unset.name);
    const frame = frameFor(bindings);
    for (const [i, { name }] of graph.inputs.entries()) copyIn(frame.inputs[i]!, inputs[name]!);
    frame.phases[phase] ??= session.bind(
      [...frame.inputs, ...slots.map((slot) => slot.current)],
      [...frame.outputs, ...slots.flatMap((slot) => (slot.updated ? [slot.next ?? slot.current] : []))],
    );
    try {
      if (parts.blocking) session.run(frame.phases[phase]!);
      else await session.runAsync(frame.phases[phase]!);
    } catch (error) {
      throw explainFailure(error, parts.origins, inputs);
    }
    swap();
    return Object.fromEntries(graph.outputs.map(({ name }, i) => [name, toHost(frame.outputs[i]!)]));
  }

  function swap(): void {
    if (!slots.some((slot) => slot.next !== undefined)) return;
    phase = 1 - phase;
    for (const slot of slots) {
      if (slot.next !== undefined) [slot.current, slot.next] = [slot.next, slot.current];
    }
  }

  function frameFor(bindings: Bindings): Frame {
    const key = JSON.stringify(Object.entries(bindings).sort());
    const known = frames.get(key);
    if (known !== undefined) {
      frames.delete(key); // moves it to the end: the front is the least recently used
      frames.set(key, known);
      return known;
    }
    while (frames.size >= keptFrames) {
      const [oldest, frame] = frames.entries().next().value!;
      releaseFrame(frame);
      frames.delete(oldest);
    }
    const frame = createFrame(graph, bindings);
    frames.set(key, frame);
    return frame;
  }

  return {
    graph,
    run(inputs) {
      const result = queue.then(() => compute(inputs));
      queue = result.catch(() => {});
      return result;
    },
    readState(name) {
      requireAlive();
      findSlot("state", graph.state, name);
      const slot = slots.find((candidate) => candidate.name === name)!;
      if (!slot.written) throw notWritten(name);
      return toHost(slot.current);
    },
    writeState(name, tensor) {
      requireAlive();
      const { value } = findSlot("state", graph.state, name);
      checkTensor(`state "${name}"`, tensor, graph.types[value]!);
      const slot = slots.find((candidate) => candidate.name === name)!;
      copyIn(slot.current, tensor);
      slot.written = true;
    },
    profile(skip = 0) {
      requireAlive();
      if (!parts.profiled) {
        throw new CongError(
          "NOT_PROFILED",
          "profile: this program was compiled without profiling",
          {},
          "use onnxruntimeBackend({ profile: true })",
        );
      }
      return readProfile(session.endProfiling(), parts.origins, skip);
    },
    async dispose() {
      if (!alive) return;
      alive = false;
      await queue;
      for (const frame of frames.values()) releaseFrame(frame);
      for (const slot of slots) {
        releaseTensor(slot.current);
        if (slot.next !== undefined) releaseTensor(slot.next);
      }
      session.release();
      for (const buffer of buffers) free(buffer);
    },
  };
}

function createSlot(graph: Graph, { name, value, update }: StateSlot, inPlace: boolean, buffers: NativeBuffer[]): Slot {
  const type = graph.types[value]!;
  const names = type.shape.flatMap(dimNames);
  if (names.length > 0) {
    throw new CongError(
      "UNBOUND_DIMENSION",
      `state "${name}" has the unbound size "${names[0]}"`,
      { name },
      "state needs fixed sizes: bind them in compile options",
    );
  }
  const make = (touch: boolean): NativeTensor => {
    const shape = type.shape as readonly number[];
    const buffer = allocate(elementCount(shape) * bytesPerElement(type.dtype));
    buffers.push(buffer);
    // Touches every page now rather than in the first step; the current buffer is touched when it is written.
    if (touch) new Uint8Array(buffer.memory).fill(0);
    return tensorOver(buffer, type.dtype, shape);
  };
  const updated = update !== undefined;
  return { name, updated, current: make(false), next: updated && !inPlace ? make(true) : undefined, written: false };
}

function createFrame(graph: Graph, bindings: Bindings): Frame {
  const buffers: NativeBuffer[] = [];
  const make = (value: ValueId): NativeTensor => {
    const { dtype, shape } = graph.types[value]!;
    const sizes = evaluateShape(shape, bindings);
    const buffer = allocate(elementCount(sizes) * bytesPerElement(dtype));
    buffers.push(buffer);
    return tensorOver(buffer, dtype, sizes);
  };
  return {
    inputs: graph.inputs.map(({ value }) => make(value)),
    outputs: graph.outputs.map(({ value }) => make(value)),
    buffers,
    phases: [undefined, undefined],
  };
}

function releaseFrame(frame: Frame): void {
  for (const tensor of [...frame.inputs, ...frame.outputs]) releaseTensor(tensor);
  for (const buffer of frame.buffers) free(buffer);
}
