/** A GGUF file of ours back as parameters under checkpoint names: what a program that loads the file computes with. */
import { type HostTensor, hostTensor, mapTree, type TensorSpec } from "../../engine/index.ts";
import { type Gguf, openGguf } from "../../formats/index.ts";
import type { LoadedParameters, ModelConfig, ModelFamily, ParameterTree } from "../../models/index.ts";
import { parametersOf } from "../source.ts";
import { ggufArchitecture } from "./architecture.ts";
import { fromGgufLayout, ggufTensorName } from "./tensors.ts";

/** All parameters in float32, dequantised. CongError `GGUF_INVALID`, `UNKNOWN_NAME` for a missing tensor. */
export async function readGgufParameters(
  file: string,
  family: ModelFamily,
  modelConfig: ModelConfig,
): Promise<LoadedParameters> {
  const { architecture, config } = ggufArchitecture(family, modelConfig);
  const gguf: Gguf = await openGguf(file);
  try {
    const values = new Map<string, Float32Array>();
    for (const [name] of parametersOf({ family, config, read: () => hostTensor("float32", [0], []) })) {
      const stored = await gguf.readAsFloat32(ggufTensorName(name));
      values.set(name, fromGgufLayout(architecture, config, name, stored));
    }
    const parameters = mapTree<TensorSpec, HostTensor>(family.parameters(config), ({ shape }, name) => ({
      dtype: "float32",
      shape: shape.map(Number),
      data: values.get(name)!,
    })) as ParameterTree<HostTensor>;
    return { family, config, parameters };
  } finally {
    await gguf.close();
  }
}
