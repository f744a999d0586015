/** A decoder's parameters from a safetensors file. */
import { type HostTensor, mapTree } from "../../src/engine/index.ts";
import { openSafetensors } from "../../src/formats/index.ts";
import type { Decoder } from "../../src/nn/index.ts";

/** Reads every tensor of `like` from the file. Throws the errors of `openSafetensors`. */
export async function loadDecoder(path: string, like: Decoder<HostTensor>): Promise<Decoder<HostTensor>> {
  const file = await openSafetensors(path);
  try {
    const loaded = new Map<string, HostTensor>();
    for (const name of file.names) {
      const { shape, data } = await file.read(name);
      loaded.set(name, { dtype: "float32", shape, data: data as Float32Array });
    }
    return mapTree<HostTensor, HostTensor, Decoder<HostTensor>>(like, (_, path) => loaded.get(path)!);
  } finally {
    await file.close();
  }
}
