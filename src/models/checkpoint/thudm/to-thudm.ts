/** Hugging Face `glm` and `glm4` checkpoints in the layout of THUDM: the way back of from-thudm.ts. */
import { CongError } from "../../../support/errors.ts";
import { unknownName } from "../../../support/suggest.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { convertFloat } from "../host-tensors.ts";
import { joinRows } from "../renamed.ts";
import { writeThudmConfig } from "./config.ts";
import {
  fusedAttention,
  huggingFaceLayer,
  layerNames,
  outerNames,
  rotaryBuffer,
  separateAttention,
  thudmLayer,
} from "./names.ts";

const outer = new Map(outerNames.map(([thudm, huggingFace]) => [huggingFace, thudm]));
const inLayer = new Map(layerNames.map(([thudm, huggingFace]) => [huggingFace, thudm]));

/**
 * The same weights bit for bit under THUDM names, with its configuration. Closing the result closes `checkpoint`.
 * @throws CongError `BAD_CONFIG` for settings that layout cannot express, `OTHER_MODEL` for tensors it has no place for
 */
export function toThudm(checkpoint: Checkpoint): Checkpoint {
  const { config, headSize } = writeThudmConfig(checkpoint.config);
  const sources = new Map<string, string[]>();
  for (const name of checkpoint.names) {
    const [target, part] = targetOf(checkpoint, name);
    const parts = sources.get(target) ?? [];
    parts[part] = name;
    sources.set(target, parts);
  }
  for (const [target, parts] of sources) {
    const isComplete =
      parts.length === (target.includes(fusedAttention) ? 3 : 1) && !parts.includes(undefined as never);
    if (!isComplete) throw misfit(checkpoint, `of query, key and value for "${target}" one is missing`);
  }
  const find = (name: string): readonly string[] => {
    const parts = sources.get(name);
    if (parts === undefined)
      throw unknownName(`tensor in ${checkpoint.folder}`, name, [...sources.keys(), rotaryBuffer]);
    return parts;
  };
  const frequencies = rotaryFrequencies(10_000 * Number(config.rope_ratio), headSize / 2);
  const dtype = checkpoint.spec("model.norm.weight").dtype;
  return {
    folder: checkpoint.folder,
    config,
    hasPrefixEncoder: false,
    names: [...sources.keys(), rotaryBuffer],
    has: (name) => sources.has(name) || name === rotaryBuffer,
    spec(name) {
      if (name === rotaryBuffer) return { dtype, shape: [frequencies.length] };
      const specs = find(name).map((part) => checkpoint.spec(part));
      const rows = specs.reduce((sum, { shape }) => sum + shape[0]!, 0);
      return { dtype: specs[0]!.dtype, shape: [rows, ...specs[0]!.shape.slice(1)] };
    },
    async read(name) {
      if (name === rotaryBuffer) {
        return convertFloat({ dtype: "float32", shape: [frequencies.length], data: frequencies }, dtype, name);
      }
      return joinRows(await Promise.all(find(name).map((part) => checkpoint.read(part))));
    },
    readQuantized: async () => undefined,
    close: () => checkpoint.close(),
  };
}

/** The THUDM tensor that a Hugging Face one goes into, and as which part of it. */
function targetOf(checkpoint: Checkpoint, name: string): [target: string, part: number] {
  const plain = outer.get(name);
  if (plain !== undefined) return [plain, 0];
  const [, layer, rest] = /^model\.layers\.(0|[1-9]\d*)\.(.+)$/.exec(name) ?? [];
  if (layer !== undefined && name.startsWith(huggingFaceLayer)) {
    const known = inLayer.get(rest!);
    if (known !== undefined) return [`${thudmLayer}${layer}.${known}`, 0];
    const part = separateAttention.findIndex((start) => rest!.startsWith(start));
    const kind = part < 0 ? "" : rest!.slice(separateAttention[part]!.length);
    if (kind === "weight" || kind === "bias") return [`${thudmLayer}${layer}.${fusedAttention}${kind}`, part];
  }
  throw misfit(checkpoint, `"${name}" has no place in the layout of THUDM`);
}

/** base^(−2j/R), j = 0 … R/2 − 1. */
const rotaryFrequencies = (base: number, rotating: number): Float32Array =>
  Float32Array.from({ length: rotating / 2 }, (_, j) => base ** ((-2 * j) / rotating));

function misfit({ folder }: Checkpoint, what: string): CongError {
  return new CongError("OTHER_MODEL", `${folder}: ${what}`, { folder }, "only ChatGLM2, ChatGLM3 and GLM-4 have it");
}
