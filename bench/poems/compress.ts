/** The poem model in 8 and 4 bits, and exported: what rounding costs on test poems, and whether the export writes the same. */
import { join } from "node:path";
import { quantizeFolder } from "../../src/compression/index.ts";
import { dataFolders, measureTask, poemSurpriseTask } from "../../src/evaluation/index.ts";
import { exportHf, sourceOfCheckpoint } from "../../src/export/index.ts";
import { loadModel, type Model } from "../../src/inference/index.ts";
import { openCheckpoint } from "../../src/models/index.ts";

export interface Rounded {
  /** Of a token, before and after. */
  readonly perplexity: number;
  readonly rounded: number;
  /** rounded / perplexity − 1 */
  readonly change: number;
  /** Bytes of the linear weights in float32 over their bytes in the folder. */
  readonly smaller: number;
}

/** Quantises the model into a folder beside it. @param perplexity of the model as it is */
export async function roundedTo(bits: 4 | 8, model: string, perplexity: number): Promise<Rounded> {
  const { folder, linearBytes } = await quantizeFolder(model, `${model}-int${bits}`, bits);
  const rounded = await perplexityOf(folder);
  const smaller = linearBytes.float32 / linearBytes.quantized;
  return { perplexity, rounded, change: rounded / perplexity - 1, smaller };
}

/** Of a token, on whole test poems. */
const perplexityOf = (folder: string): Promise<number> =>
  withModel(folder, async (model) => {
    const figures = await measureTask(model, poemSurpriseTask(), { data: dataFolders() });
    return figures.perplexity!.value;
  });

/** Exports to Hugging Face's layout, loads the export, and asks both without drawing lots. @returns prompts, and how many agree */
export async function exportAgreement(
  folder: string,
  prompts: readonly string[],
): Promise<{ readonly prompts: number; readonly equal: number }> {
  const to = join(folder, "..", "exported");
  const checkpoint = await openCheckpoint(folder);
  // Agreement with transformers is another test's; here Congling reads what it wrote.
  const options = { tokenizerFrom: folder, verify: false } as const;
  await exportHf(sourceOfCheckpoint(checkpoint), to, options).finally(() => checkpoint.close());
  const [before, after] = [await greedyTexts(folder, prompts), await greedyTexts(to, prompts)];
  return { prompts: prompts.length, equal: before.filter((text, i) => text === after[i]).length };
}

const greedyTexts = (folder: string, prompts: readonly string[]): Promise<(string | undefined)[]> =>
  withModel(folder, async (model) => {
    const answers = await model.generate({ prompt: [...prompts], maxNewTokens: 48, temperature: 0 });
    return answers.map(({ text }) => text);
  });

export async function withModel<T>(folder: string, use: (model: Model) => Promise<T>): Promise<T> {
  const model = await loadModel(folder);
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}
