/** How large models and adapters are. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { openSafetensors } from "../../src/formats/index.ts";

/** How many numbers the tensors of a safetensors file or folder hold. */
export async function parameterCount(path: string): Promise<number> {
  const file = await openSafetensors(path);
  try {
    const shapes = await Promise.all(file.names.map(async (name) => (await file.info(name)).shape));
    return shapes.reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
  } finally {
    await file.close();
  }
}

/** Megabytes of a folder's files. */
export async function folderMegabytes(folder: string): Promise<number> {
  const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0) / 1e6;
}
