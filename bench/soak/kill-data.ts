/** The quick start's data and tokenizer, for its pre-training alone. */
import { join } from "node:path";
import { type Changes, recipes, tokenizerSettings } from "../../recipes/quickstart/commands.ts";
import { preparePoems } from "../../recipes/quickstart/poem-data.ts";
import { trainTokenizer } from "../../src/training/index.ts";

/** Writes both into a folder; what a run needs to know of them. */
export async function prepareQuickstart(
  folder: string,
): Promise<{ readonly recipe: string; readonly changes: Changes }> {
  const { train, valid } = await preparePoems(join(folder, "data"));
  const tokenizer = join(folder, "tokenizer");
  await trainTokenizer({ files: [train], ...tokenizerSettings, out: tokenizer });
  return { recipe: recipes.pretrain, changes: { tokenizer, "data.train": train, "data.valid": valid } };
}
