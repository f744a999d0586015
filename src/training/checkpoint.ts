/**
 * Checkpoints: folders that hold everything a run needs to continue with bit-identical losses.
 *
 *   model.safetensors      trainable parameters under their paths, loadable by anything that reads safetensors
 *   ema.safetensors        their moving average, if there is one
 *   optimizer.safetensors  "optimizer.MOMENT.PATH" and the "training.…" counters
 *   training.json          version, step, data position, configuration, the last losses
 *
 * Frozen parameters are left out: they are in the model that training started from. A folder appears complete or not at
 * all, so a full disk or a kill leaves the previous checkpoint as it was; and nothing is loaded before everything is read.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DType, HostTensor } from "../engine/index.ts";
import {
  openSafetensors,
  type SafeArray,
  type SafeDtype,
  type TensorSource,
  writeSafetensors,
} from "../formats/index.ts";
import { CongError } from "../support/errors.ts";
import { recoverFolder, replaceFolderAtomic, writeFileAtomic } from "../support/files.ts";
import type { Trainer } from "./trainer.ts";

/** Anything JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The content of training.json. */
export interface Manifest {
  readonly format: "congling-training";
  readonly version: 1;
  /** Steps of the loop that are done. */
  readonly step: number;
  /** Where the data continue; whatever the batch source gave. */
  readonly position: Json;
  readonly schedule: Json;
  /** `TrainStep.config`: optimizer, clipping, accumulation, seed. */
  readonly config: Json;
  /** Losses of the last steps, oldest first. */
  readonly losses: readonly (readonly [step: number, loss: number])[];
}

/** What the caller knows about the run. */
export type RunPosition = Pick<Manifest, "step" | "position" | "schedule" | "losses">;

const manifestName = "training.json";
const safeDtypes: Readonly<Record<DType, SafeDtype>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  uint32: "U32",
  uint8: "U8",
  bool: "BOOL",
};

/** File of a state tensor, and its name in there. */
function placeOf(state: string): { readonly file: string; readonly tensor: string } {
  for (const kind of ["model", "ema"]) {
    if (state.startsWith(`${kind}.`)) return { file: `${kind}.safetensors`, tensor: state.slice(kind.length + 1) };
    if (state === kind) return { file: `${kind}.safetensors`, tensor: kind };
  }
  return { file: "optimizer.safetensors", tensor: state };
}

/** Writes a checkpoint folder, replacing an older one of that name. Throws the errors of `replaceFolderAtomic`. */
export async function saveCheckpoint(folder: string, trainer: Trainer, run: RunPosition): Promise<void> {
  const manifest: Manifest = {
    format: "congling-training",
    version: 1,
    ...run,
    config: trainer.step.config as Json,
  };
  await replaceFolderAtomic(folder, async (to) => {
    for (const [file, states] of byFile(trainer)) {
      const tensors = states.map(
        ({ name, tensor, dtype, shape }): TensorSource => ({
          name: tensor,
          dtype: safeDtypes[dtype],
          shape,
          data: () => trainer.readState(name).data as SafeArray,
        }),
      );
      await writeSafetensors(join(to, file), tensors, { metadata: { format: "pt" } });
    }
    await writeFileAtomic(join(to, manifestName), [new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`)]);
  });
}

/**
 * Puts a trainer into the state of a checkpoint.
 *
 * @throws CongError `PATH_NOT_FOUND`; `BAD_CHECKPOINT` when a file is damaged or cut off; `OTHER_MODEL` listing the
 * tensors that differ from the trainer's. The trainer is then unchanged.
 */
export async function loadCheckpoint(folder: string, trainer: Trainer): Promise<Manifest> {
  await recoverFolder(folder);
  const manifest = await readManifest(folder);
  const values: [string, HostTensor][] = [];
  const differences: string[] = [];
  for (const [file, states] of byFile(trainer)) {
    const path = join(folder, file);
    const opened = await openSafetensors(path).catch((error: unknown) => {
      throw damaged(path, error);
    });
    try {
      const wanted = new Set(states.map(({ tensor }) => tensor));
      for (const name of opened.names) if (!wanted.has(name)) differences.push(`${name} is only in the checkpoint`);
      for (const { name, tensor, dtype, shape } of states) {
        const type = `${safeDtypes[dtype]} [${shape.join(", ")}]`;
        const found = opened.has(tensor) ? await opened.info(tensor) : undefined;
        const got = found && `${found.dtype} [${found.shape.join(", ")}]`;
        if (got === undefined) differences.push(`${tensor} (${type}) is not in the checkpoint`);
        else if (got !== type) differences.push(`${tensor} is ${got}, wanted ${type}`);
        else if (differences.length === 0) {
          const { data } = await opened.read(tensor);
          values.push([name, { dtype, shape, data: data as HostTensor["data"] }]);
        }
      }
    } catch (error) {
      throw damaged(path, error);
    } finally {
      await opened.close();
    }
  }
  if (differences.length > 0) throw otherModel(folder, differences, trainer);
  for (const [name, tensor] of values) trainer.writeState(name, tensor);
  return manifest;
}

/**
 * Reads and checks training.json alone.
 * @throws CongError `PATH_NOT_FOUND`, `BAD_CHECKPOINT` (not JSON, or of a newer version)
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, manifestName);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new CongError(
      "PATH_NOT_FOUND",
      `no checkpoint in ${folder}: ${manifestName} cannot be read`,
      { folder, cause: error },
      "give the folder of one checkpoint, such as runs/NAME/checkpoint-1000",
    );
  });
  const manifest = parse(path, text);
  if (manifest.format === "congling-training" && manifest.version === 1) return manifest;
  throw new CongError(
    "BAD_CHECKPOINT",
    `${path} has format ${JSON.stringify(manifest.format)} version ${JSON.stringify(manifest.version)}, wanted "congling-training" version 1`,
    { path, format: manifest.format, version: manifest.version },
    "a newer Congling may have written it: update, or convert the model from model.safetensors",
  );
}

function parse(path: string, text: string): Manifest {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Manifest;
    throw new SyntaxError("not an object");
  } catch (error) {
    throw damaged(path, error);
  }
}

function byFile(trainer: Trainer): Map<string, (ReturnType<Trainer["stateTypes"]>[number] & { tensor: string })[]> {
  const files = new Map<string, (ReturnType<Trainer["stateTypes"]>[number] & { tensor: string })[]>();
  for (const type of trainer.stateTypes()) {
    const { file, tensor } = placeOf(type.name);
    const list = files.get(file) ?? [];
    list.push({ ...type, tensor });
    files.set(file, list);
  }
  return files;
}

function damaged(path: string, error: unknown): CongError {
  const reason = error instanceof Error ? (error.message.split("\n  hint: ")[0] ?? "") : String(error);
  return new CongError(
    "BAD_CHECKPOINT",
    `the checkpoint file ${path} is missing, cut off or damaged: ${reason}`,
    { path, cause: error },
    "nothing was loaded; copy the folder again, or resume from an earlier checkpoint",
  );
}

function otherModel(folder: string, differences: readonly string[], trainer: Trainer): CongError {
  const shown = differences.slice(0, 8);
  const more = differences.length > shown.length ? [`… and ${differences.length - shown.length} more`] : [];
  return new CongError(
    "OTHER_MODEL",
    `${folder} is a checkpoint of another model or optimizer: ${differences.length} differences to the ${trainer.stateTypes().length} state tensors of this run\n  ${[...shown, ...more].join("\n  ")}`,
    { folder, differences },
    "nothing was loaded; use the configuration the checkpoint was made with (its training.json has it)",
  );
}
