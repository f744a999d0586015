/** ChatGLM2, ChatGLM3 and GLM-4-9B folders as Hugging Face `glm` ones. */
import type { Checkpoint } from "../checkpoint.ts";
import { type RowsOf, renamed } from "../renamed.ts";
import { inconsistent } from "../tensor-files.ts";
import { readThudmConfig, type ThudmGeometry } from "./config.ts";
import {
  fusedAttention,
  huggingFaceLayer,
  isPrefixEncoder,
  layerNames,
  outerNames,
  rotaryBuffer,
  separateAttention,
  thudmLayer,
} from "./names.ts";

/** Names it does not know stay as they are, so that loading reports them. */
export function fromThudm(checkpoint: Checkpoint): Checkpoint {
  const isSandwich = checkpoint.names.some((name) => name.endsWith(".post_self_attn_layernorm.weight"));
  const { config, ...geometry } = readThudmConfig(checkpoint.config, isSandwich ? "glm4" : "glm");
  const sources = new Map<string, RowsOf>();
  for (const tensor of checkpoint.names) {
    if (tensor === rotaryBuffer || isPrefixEncoder(tensor)) continue;
    for (const [name, source] of sourcesFrom(checkpoint, tensor, geometry)) sources.set(name, source);
  }
  // Their code never ties, whatever the key says; an output layer that is there must not be dropped.
  const tied = config.tie_word_embeddings === true && !sources.has("lm_head.weight");
  const shown = renamed(checkpoint, sources, { ...config, tie_word_embeddings: tied });
  return { ...shown, hasPrefixEncoder: checkpoint.names.some(isPrefixEncoder) };
}

const outer = new Map(outerNames);
const inLayer = new Map(layerNames);

function sourcesFrom(checkpoint: Checkpoint, tensor: string, geometry: ThudmGeometry): [string, RowsOf][] {
  const plain = outer.get(tensor);
  if (plain !== undefined) return [[plain, { tensor }]];
  const [, layer, rest] = /^transformer\.encoder\.layers\.(0|[1-9]\d*)\.(.+)$/.exec(tensor) ?? [];
  if (layer === undefined || !tensor.startsWith(thudmLayer)) return [[tensor, { tensor }]];
  const known = inLayer.get(rest!);
  if (known !== undefined) return [[`${huggingFaceLayer}${layer}.${known}`, { tensor }]];
  if (rest !== `${fusedAttention}weight` && rest !== `${fusedAttention}bias`) return [[tensor, { tensor }]];
  const kind = rest.slice(fusedAttention.length);
  return splitRows(checkpoint, tensor, geometry).map((source, i) => [
    `${huggingFaceLayer}${layer}.${separateAttention[i]}${kind}`,
    source,
  ]);
}

function splitRows(checkpoint: Checkpoint, tensor: string, geometry: ThudmGeometry): RowsOf[] {
  const { heads, keyValueHeads, headSize } = geometry;
  const sizes = [heads, keyValueHeads, keyValueHeads].map((count) => count * headSize);
  const wanted = sizes.reduce((sum, size) => sum + size, 0);
  const rows = checkpoint.spec(tensor).shape[0];
  if (rows !== wanted) {
    throw inconsistent(checkpoint.folder, [
      `"${tensor}" has ${rows} rows, the configuration wants ${sizes.join(" + ")} = ${wanted} for query, key and value`,
    ]);
  }
  let from = 0;
  return sizes.map((size) => {
    from += size;
    return { tensor, from: from - size, to: from };
  });
}
