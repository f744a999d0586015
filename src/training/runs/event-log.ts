/**
 * Metrics as a TensorBoard event file. Each start of a run opens a file of its own and says from which step it goes on;
 * TensorBoard then forgets what an earlier file has beyond that step.
 */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import protobuf from "protobufjs";
import { encodeRecord } from "./record-file.ts";

/** Field numbers of tensorflow/core/util/event.proto and summary.proto. */
const { root } = protobuf.parse(`
syntax = "proto3";
message Value { string tag = 1; oneof value { float simple_value = 2; } }
message Summary { repeated Value value = 1; }
message SessionLog { int32 status = 1; }
message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what { string file_version = 3; Summary summary = 5; SessionLog session_log = 7; }
}`);
const eventType = root.lookupType("Event");

/** SessionLog.SessionStatus.START */
const started = 1;

/** An open event file; it owns a file handle until `close`. */
export interface EventLog {
  readonly path: string;
  /** Numbers by tag, such as `train/loss`. */
  write(step: number, scalars: Readonly<Record<string, number>>): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a new event file in a folder.
 * @param step steps done before this start
 * @param now seconds since 1970; default the clock
 */
export async function openEventLog(folder: string, step: number, now = () => Date.now() / 1000): Promise<EventLog> {
  const begin = now();
  // TensorBoard reads the files of a folder in the order of their names.
  const path = join(folder, `events.out.tfevents.${begin.toFixed(6).padStart(17, "0")}.${process.pid}.congling`);
  const handle: FileHandle = await open(path, "a");
  const write = async (event: Readonly<Record<string, unknown>>) => {
    const message = eventType.create({ wallTime: now(), ...event });
    await handle.write(encodeRecord(eventType.encode(message).finish()));
  };
  await write({ fileVersion: "brain.Event:2" });
  // Whatever an earlier file has from this step on is void.
  await write({ step: step + 1, sessionLog: { status: started } });
  return {
    path,
    async write(at, scalars) {
      const value = Object.entries(scalars)
        .filter(([, number]) => Number.isFinite(number))
        .map(([tag, simpleValue]) => ({ tag, simpleValue }));
      if (value.length > 0) await write({ step: at, summary: { value } });
    },
    close: () => handle.close(),
  };
}
