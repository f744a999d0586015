/** A LoRA adapter and its base as one source: what exporters write then needs no adapter. */
import { mergeLora, readAdapter } from "../adapters/index.ts";
import { loadModelParameters } from "../models/index.ts";
import { CongError } from "../support/index.ts";
import { type ExportSource, sourceOfParameters } from "./source.ts";

/**
 * The base model of a folder with W + scale·B·A in place of each weight W that the adapter names (Hu et al. 2021, section 4.1), in
 * float32; the model is whole in memory. Of a quantised base, W is the rounded weight that the adapter was put on.
 * @throws CongError `EXPORT_UNSUPPORTED` for learned prefixes and prompts, which no weight can hold; `OTHER_MODEL` for an adapter of
 * another model
 */
export async function sourceOfMerged(folder: string, adapterFolder: string): Promise<ExportSource> {
  const adapter = await readAdapter(adapterFolder);
  if (adapter.kind !== "lora") {
    throw new CongError(
      "EXPORT_UNSUPPORTED",
      `${adapterFolder} is a learned ${adapter.kind}, which cannot be merged into weights`,
      { adapter: adapterFolder, kind: adapter.kind },
      `export the base model ${folder}, and keep the ${adapter.kind} as an adapter beside it`,
    );
  }
  const loaded = await loadModelParameters(folder);
  return sourceOfParameters({ ...loaded, parameters: mergeLora(loaded.parameters, adapter) });
}
