/** Writes adapters as PEFT reads them, and P-Tuning v2 prefixes as THUDM's code does. */
import { join } from "node:path";
import { flattenTree, type HostTensor } from "../engine/index.ts";
import { type SafeTensor, writeSafetensors } from "../formats/index.ts";
import { CongError } from "../support/errors.ts";
import { replaceFolderAtomic, writeFileAtomic } from "../support/files.ts";
import type { Adapter, AdapterJson, PrefixAdapter } from "./adapter.ts";
import { writeLoraConfig } from "./lora-config.ts";
import { prefixTable } from "./prefix.ts";
import { writePeftPrefixConfig } from "./prefix-config.ts";
import { writePromptConfig } from "./prompt-config.ts";
import { loraFileName, thudmPrefixName } from "./tensor-names.ts";

/**
 * Writes a folder, replacing an older one: `adapter_config.json` and `adapter_model.safetensors`; for a prefix that
 * occupies no positions `config.json` and `model.safetensors`, as PEFT cannot express it. Of a PEFT prefix the finished
 * table is saved, not the network that makes it: that is what PEFT loads.
 *
 * @throws CongError `BAD_ARGUMENT` for a P-Tuning v2 prefix without its base's configuration; those of
 * `replaceFolderAtomic`
 */
export async function saveAdapter(folder: string, adapter: Adapter): Promise<void> {
  const { config, tensors, files } = contentOf(adapter);
  await replaceFolderAtomic(folder, async (to) => {
    await writeSafetensors(join(to, files.weights), tensors, { metadata: { format: "pt" } });
    await writeFileAtomic(join(to, files.config), [new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`)]);
  });
}

interface Content {
  readonly config: AdapterJson;
  readonly tensors: readonly SafeTensor[];
  readonly files: { readonly config: string; readonly weights: string };
}

const peftFiles = { config: "adapter_config.json", weights: "adapter_model.safetensors" };

function contentOf(adapter: Adapter): Content {
  if (adapter.kind === "lora") {
    const tensors = [...adapter.modules].flatMap(([module, { a, b }]) => [
      stored(loraFileName(module, "a"), a),
      stored(loraFileName(module, "b"), b),
    ]);
    return { config: writeLoraConfig(adapter.config, adapter.base), tensors, files: peftFiles };
  }
  if (adapter.kind === "prompt") {
    const tensors = [stored("prompt_embeddings", adapter.embeddings)];
    return { config: writePromptConfig(adapter), tensors, files: peftFiles };
  }
  if (!adapter.occupiesPositions) return thudmContent(adapter);
  const tensors = [stored("prompt_embeddings", prefixTable(adapter.parameters))];
  return { config: writePeftPrefixConfig(adapter), tensors, files: peftFiles };
}

function thudmContent({ modelConfig, shape, parameters }: PrefixAdapter): Content {
  if (modelConfig === undefined) {
    throw new CongError(
      "BAD_ARGUMENT",
      "saveAdapter: this prefix occupies no positions, and modelConfig is missing",
      {},
      "P-Tuning v2 is saved with its base's config.json in THUDM's form: pass it to initPrefix as modelConfig",
    );
  }
  const leaves = flattenTree<HostTensor>(parameters);
  return {
    config: { ...modelConfig, pre_seq_len: shape.length, prefix_projection: parameters.transform !== undefined },
    tensors: leaves.map(([path, tensor]) => stored(thudmPrefixName(path), tensor)),
    files: { config: "config.json", weights: "model.safetensors" },
  };
}

const stored = (name: string, { shape, data }: HostTensor): SafeTensor => ({
  name,
  dtype: "F32",
  shape,
  data: data as Float32Array,
});
