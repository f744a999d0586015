/**
 * Exports a model as a folder that Hugging Face tools open: `config.json`, sharded safetensors, the tokenizer's files. One
 * tensor is in memory at a time. The folder is then opened as a stranger's would be: its configuration must describe the
 * same network, and every tensor must hold the source's numbers, rounded once where a narrower type was asked for. Where a
 * Python with transformers is at hand, it must then answer as Congling does.
 */
import type { DType, HostTensor } from "../../engine/index.ts";
import {
  type Checkpoint,
  convertCheckpoint,
  convertFloat,
  openCheckpoint,
  type SaveOptions,
} from "../../models/checkpoint/index.ts";
import { readModelConfig } from "../../models/index.ts";
import { CongError, unknownName } from "../../support/index.ts";
import { elsewhere } from "../elsewhere.ts";
import { type ExportSource, parametersOf, readFloats } from "../source.ts";
import { type HfVerification, hasTransformers, type VerifyHfOptions, verifyHf } from "./verify.ts";

export interface ExportHfOptions extends Omit<SaveOptions, "dtype" | "keepsFloat32"> {
  /** Type of all weights. Default "float32". Routers' correction biases stay float32, as in transformers. */
  readonly dtype?: SaveOptions["dtype"];
  /**
   * How transformers is asked. With options it must be there; by default it is asked where `python3` has it and the model
   * continues texts. `false`: not asked.
   */
  readonly verify?: VerifyHfOptions | false;
}

export interface HfExport {
  readonly folder: string;
  /** Tensors written, read back and compared. */
  readonly tensors: number;
  /** What transformers said; undefined when it was not asked. */
  readonly verification: HfVerification | undefined;
}

/**
 * Writes the folder, replacing an older one, and compares it with the source.
 * @throws CongError `EXPORT_UNSUPPORTED` with the reason, `VERIFICATION_FAILED`, `SHAPE_MISMATCH`, `NOT_FINITE`, `FOLDER_IN_USE`, or the errors of writing files
 */
export async function exportHf(source: ExportSource, folder: string, options: ExportHfOptions = {}): Promise<HfExport> {
  const { verify, ...saving } = options;
  refuseUnknown(source.family.name);
  await convertCheckpoint(asCheckpoint(source), folder, { dtype: "float32", ...saving });
  const tensors = await readBack(source, folder);
  const asks = verify === undefined ? source.family.mask === "causal" && hasTransformers() : verify !== false;
  return { folder, tensors, verification: asks ? await verifyHf(folder, verify || {}) : undefined };
}

/** Families whose folders transformers would take for another network. */
const reasons: Readonly<Record<string, string>> = {
  glm_original:
    "the first GLM adds two learned position tables and lets the prompt see itself (prefix mask); transformers' architecture glm has one rotary position and a causal mask",
};

function refuseUnknown(family: string): void {
  if (!Object.hasOwn(reasons, family)) return;
  throw new CongError(
    "EXPORT_UNSUPPORTED",
    `${family} cannot be exported to Hugging Face: ${reasons[family]}`,
    { family },
    elsewhere(family),
  );
}

/** Compares configuration and every tensor with the source; the number of tensors. */
async function readBack(source: ExportSource, folder: string): Promise<number> {
  const written = await openCheckpoint(folder);
  try {
    checkConfig(source, written);
    const parameters = parametersOf(source);
    for (const [name, shape] of parameters) {
      const { dtype } = written.spec(name);
      const values = await readFloats(source, name, shape);
      const wanted = convertFloat({ dtype: "float32", shape, data: values }, dtype, name);
      checkSame(name, wanted, await written.read(name), folder);
    }
    return parameters.length;
  } finally {
    await written.close();
  }
}

/** A source in the form that folders are written from. */
function asCheckpoint(source: ExportSource): Checkpoint {
  const { family, config } = source;
  const shapes = new Map(parametersOf(source));
  const shapeOf = (name: string): readonly number[] => {
    const shape = shapes.get(name);
    if (shape === undefined) throw unknownName("parameter", name, shapes.keys());
    return shape;
  };
  const float32: DType = "float32";
  return {
    folder: "",
    config: family.writeConfig(config),
    hasPrefixEncoder: false,
    names: [...shapes.keys()],
    has: (name) => shapes.has(name),
    spec: (name) => ({ dtype: float32, shape: shapeOf(name) }),
    read: async (name) => ({
      dtype: float32,
      shape: shapeOf(name),
      data: await readFloats(source, name, shapeOf(name)),
    }),
    readQuantized: async () => undefined,
    close: async () => {},
  };
}

function checkConfig({ family, config }: ExportSource, written: Checkpoint): void {
  const read = readModelConfig(written.config);
  if (read.family.name === family.name && canonical(read.config) === canonical(config)) return;
  throw new CongError(
    "VERIFICATION_FAILED",
    `${written.folder}: config.json describes another ${read.family.name} model than the ${family.name} model exported`,
    { wanted: config, got: read.config },
    "the export is not usable; please report both configurations",
  );
}

/** Text that is the same for configurations with the same settings; absent and undefined are alike. */
const canonical = (config: object): string =>
  JSON.stringify(config, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );

function checkSame(name: string, wanted: HostTensor, got: HostTensor, folder: string): void {
  const same =
    got.dtype === wanted.dtype &&
    got.shape.join() === wanted.shape.join() &&
    Buffer.compare(bytesOf(got), bytesOf(wanted)) === 0;
  if (same) return;
  throw new CongError(
    "VERIFICATION_FAILED",
    `${folder}: tensor "${name}" does not hold what was written`,
    { name, got: [got.dtype, got.shape], wanted: [wanted.dtype, wanted.shape] },
    "the disk may be failing: write the folder again, elsewhere",
  );
}

const bytesOf = ({ data }: HostTensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
