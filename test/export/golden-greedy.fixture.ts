/** The golden models' answers, chosen by Hugging Face transformers. */
import { openSafetensors } from "../../src/formats/index.ts";

export const golden = "../shared/golden";

/** Greedy tokens of row 0: 16 after the first five. */
export async function goldenGreedy(model: string): Promise<number[]> {
  const file = await openSafetensors(`${golden}/${model}/golden.safetensors`);
  try {
    const { data, shape } = await file.read("greedy");
    return Array.from(data.subarray(0, shape[1]) as BigInt64Array, Number);
  } finally {
    await file.close();
  }
}
