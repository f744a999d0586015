/** Fixtures in shared/golden as host tensors. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type HostTensor, hostTensor } from "../../src/engine/index.ts";
import { parseSafetensors, tensorToFloat32 } from "../../src/formats/safetensors/index.ts";

export const pathOf = (file: string): string =>
  fileURLToPath(new URL(`../../../shared/golden/${file}`, import.meta.url));

export const hasGolden = (file: string): boolean => existsSync(pathOf(file));

/** All tensors of a safetensors file by name; integers become int64, everything else float32. */
export function readGolden(file: string): Record<string, HostTensor> {
  const parsed = parseSafetensors(readFileSync(pathOf(file)));
  return Object.fromEntries(
    [...parsed.tensors.values()].map((tensor) => {
      const dtype = tensor.dtype.startsWith("I") ? "int64" : "float32";
      return [tensor.name, hostTensor(dtype, tensor.shape, tensorToFloat32(tensor))];
    }),
  );
}
