/** What exporters start from: a family, its configuration, and its tensors one at a time by checkpoint name. */
import { flattenTree, type HostTensor, mapTree, type TensorSpec } from "../engine/index.ts";
import { type Checkpoint, convertFloat } from "../models/checkpoint/index.ts";
import {
  type LoadedParameters,
  type ModelConfig,
  type ModelFamily,
  type ParameterTree,
  readModelConfig,
} from "../models/index.ts";
import { CongError, unknownName } from "../support/index.ts";

export interface ExportSource {
  readonly family: ModelFamily;
  readonly config: ModelConfig;
  /** One tensor of any floating-point type; each is asked for once, so a model need never be whole in memory. */
  readonly read: (name: string) => HostTensor | Promise<HostTensor>;
}

/** Parameters in memory as a source. */
export function sourceOfParameters({ family, config, parameters }: LoadedParameters): ExportSource {
  const leaves = new Map(flattenTree<HostTensor>(parameters));
  const read = (name: string): HostTensor => {
    const found = leaves.get(name);
    if (found === undefined) throw unknownName("parameter", name, leaves.keys());
    return found;
  };
  return { family, config, read };
}

/**
 * An open checkpoint as a source; the caller closes it.
 * @throws CongError `BAD_CONFIG`, `UNKNOWN_NAME`; `EXPORT_UNSUPPORTED` with a P-Tuning v2 prefix, which would be lost
 */
export function sourceOfCheckpoint(checkpoint: Checkpoint): ExportSource {
  if (checkpoint.hasPrefixEncoder) {
    throw new CongError(
      "EXPORT_UNSUPPORTED",
      `${checkpoint.folder} holds a P-Tuning v2 prefix, which no exported model can`,
      { folder: checkpoint.folder },
      "export the base model, and keep the prefix as an adapter beside it",
    );
  }
  const { family, config } = readModelConfig(checkpoint.config);
  return { family, config, read: (name) => checkpoint.read(name) };
}

/** Names and shapes of all parameters of a source, in the order of its family. */
export function parametersOf({ family, config }: ExportSource): [name: string, shape: readonly number[]][] {
  return flattenTree<TensorSpec>(family.parameters(config)).map(([name, { shape }]) => [name, shape.map(Number)]);
}

/** The float32 elements of one parameter. CongError `SHAPE_MISMATCH`, `NOT_FINITE`. */
export async function readFloats(source: ExportSource, name: string, shape: readonly number[]): Promise<Float32Array> {
  const tensor = await source.read(name);
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i])) {
    throw new CongError(
      "SHAPE_MISMATCH",
      `parameter "${name}" has shape [${tensor.shape}], its configuration wants [${shape}]`,
      { name, got: tensor.shape, wanted: shape },
      "is this the configuration the weights were trained with?",
    );
  }
  const values = convertFloat(tensor, "float32", name).data as Float32Array;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) {
      throw new CongError(
        "NOT_FINITE",
        `parameter "${name}" holds ${values[i]} at element ${i}`,
        { name, index: i },
        "the training diverged or the file is damaged: export an earlier checkpoint",
      );
    }
  }
  return values;
}

/** All parameters in memory, in float32, as a tree of the family. Throws as `readFloats` does. */
export async function allParameters(source: ExportSource): Promise<ParameterTree<HostTensor>> {
  const values = new Map<string, Float32Array>();
  for (const [name, shape] of parametersOf(source)) values.set(name, await readFloats(source, name, shape));
  return mapTree<TensorSpec, HostTensor>(source.family.parameters(source.config), ({ shape }, name) => ({
    dtype: "float32",
    shape: shape.map(Number),
    data: values.get(name)!,
  })) as ParameterTree<HostTensor>;
}
