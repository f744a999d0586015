/** A LoRA adapter and its base as one source: what exporters write then needs no adapter. */
import { mergeLora, readAdapter } from "../adapters/index.ts";
import { type Checkpoint, parametersFrom } from "../models/index.ts";
import { CongError } from "../support/index.ts";
import { type ExportSource, sourceOfCheckpoint, sourceOfParameters } from "./source.ts";

/**
 * An open checkpoint with W + scale·B·A in place of each weight W that the adapter names (Hu et al. 2021, section 4.1), in float32; the
 * model is whole in memory. Of a quantised base, W is the rounded weight that the adapter was put on.
 * @throws CongError as `sourceOfCheckpoint`; `EXPORT_UNSUPPORTED` for learned prefixes and prompts, which no weight can hold;
 * `OTHER_MODEL` for an adapter of another model
 */
export async function sourceOfMerged(checkpoint: Checkpoint, adapterFolder: string): Promise<ExportSource> {
  sourceOfCheckpoint(checkpoint); // what cannot be exported alone cannot be with an adapter
  const adapter = await readAdapter(adapterFolder);
  if (adapter.kind !== "lora") {
    throw new CongError(
      "EXPORT_UNSUPPORTED",
      `${adapterFolder} is a learned ${adapter.kind}, which cannot be merged into weights`,
      { adapter: adapterFolder, kind: adapter.kind },
      `export the base model ${checkpoint.folder}, and keep the ${adapter.kind} as an adapter beside it`,
    );
  }
  const loaded = await parametersFrom(checkpoint);
  return sourceOfParameters({ ...loaded, parameters: mergeLora(loaded.parameters, adapter) });
}
