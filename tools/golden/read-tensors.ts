/** A safetensors file as host tensors. */
import { readFileSync } from "node:fs";
import { type HostTensor, hostTensor } from "../../src/engine/index.ts";
import { parseSafetensors, tensorToFloat32 } from "../../src/formats/index.ts";

/** All tensors by name; integers become int64, everything else float32. */
export function readTensors(path: string): Record<string, HostTensor> {
  const parsed = parseSafetensors(readFileSync(path));
  return Object.fromEntries(
    [...parsed.tensors.values()].map((tensor) => {
      const dtype = tensor.dtype.startsWith("I") ? "int64" : "float32";
      return [tensor.name, hostTensor(dtype, tensor.shape, tensorToFloat32(tensor))];
    }),
  );
}
