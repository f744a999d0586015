/**
 * Exports a decoder to one GGUF file for llama.cpp, tensor by tensor, and has llama.cpp answer from it before the file
 * appears under its name.
 */
import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type GgufTensorSource, type GgufValue, ggufByteLength, writeGguf } from "../../formats/index.ts";
import { checkOneOf } from "../../support/index.ts";
import { type ExportSource, parametersOf, readFloats } from "../source.ts";
import { architectureMetadata, ggufArchitecture } from "./architecture.ts";
import { findNodeLlamaCpp } from "./judge.ts";
import { encodeTensor, fileTypes, type GgufExportType, tensorType } from "./tensor-type.ts";
import { ggufTensorName, ropeFactors, toGgufLayout } from "./tensors.ts";
import { type GgufVerification, type VerifyGgufOptions, verifyGguf } from "./verify.ts";
import { type GgufVocabulary, syntheticVocabulary, vocabularyMetadata } from "./vocabulary.ts";

export interface ExportGgufOptions {
  /** Type of the weight matrices. */
  readonly type: GgufExportType;
  /** Default: a made-up vocabulary, so that llama.cpp loads the model; its texts mean nothing. */
  readonly vocabulary?: GgufVocabulary | undefined;
  /** `general.name`. Default: the file's name. */
  readonly title?: string;
  /** How to verify, or false to leave it out. Default: llama.cpp through an installed `node-llama-cpp`. */
  readonly verify?: VerifyGgufOptions | false;
}

export interface GgufExport {
  readonly file: string;
  /** llama.cpp's name of the architecture. */
  readonly architecture: string;
  readonly type: GgufExportType;
  readonly tensors: number;
  /** Bytes of all tensors. */
  readonly bytes: number;
  /** Matrices stored in another type than asked for, because their rows are not whole blocks. */
  readonly fallbacks: readonly { readonly name: string; readonly type: GgufExportType; readonly rowLength: number }[];
  /** Absent with `verify: false`. */
  readonly verification?: GgufVerification;
}

/**
 * Writes and verifies a file; on any failure nothing is left under its name.
 * @throws CongError `EXPORT_UNSUPPORTED` with the reason, `VERIFICATION_FAILED`, `VERIFIER_MISSING`, `VOCABULARY_MISMATCH`,
 *   `SHAPE_MISMATCH`, `NOT_FINITE`, `OUT_OF_RANGE`, or the errors of writing files
 */
export async function exportGguf(source: ExportSource, file: string, options: ExportGgufOptions): Promise<GgufExport> {
  const {
    type,
    vocabulary = syntheticVocabulary(source.config),
    title = basename(file, ".gguf"),
    verify = {},
  } = options;
  checkOneOf("exportGguf", { type }, Object.keys(fileTypes));
  const { architecture, config } = ggufArchitecture(source.family, source.config);
  if (verify !== false) findNodeLlamaCpp(verify.nodeLlamaCpp); // before hours of writing, not after
  const metadata = new Map<string, GgufValue>([
    ...architectureMetadata(architecture, config, fileTypes[type], title),
    ...vocabularyMetadata(vocabulary, config.vocabulary),
  ]);
  const tensors = planTensors(source, type);
  const unverified = join(dirname(file), `.unverified-${process.pid}-${basename(file)}`);
  const target = verify === false ? file : unverified;
  try {
    await writeGguf(target, metadata, tensors);
    const verification = verify === false ? undefined : await verifyGguf(target, { ...source, type }, verify);
    if (target !== file) await rename(target, file);
    return {
      file,
      architecture: architecture.name,
      type,
      ...sizesOf(tensors, type),
      ...(verification && { verification }),
    };
  } catch (error) {
    await rm(unverified, { force: true });
    throw error;
  }
}

/** All tensors of the file in order, each read, laid out and encoded when its turn comes. */
function planTensors(source: ExportSource, wanted: GgufExportType): GgufTensorSource[] {
  const { architecture, config } = ggufArchitecture(source.family, source.config);
  const planned = parametersOf(source).map(([name, shape]): GgufTensorSource => {
    const type = tensorType(wanted, shape);
    const data = async () => {
      const values = await readFloats(source, name, shape);
      return encodeTensor(type, name, toGgufLayout(architecture, config, name, values));
    };
    return { name: ggufTensorName(name), type, shape, data };
  });
  const factors = ropeFactors(config);
  if (factors === undefined) return planned;
  const data = () => encodeTensor("f32", "rope_freqs", factors);
  return [...planned, { name: "rope_freqs.weight", type: "f32", shape: [factors.length], data }];
}

function sizesOf(tensors: readonly GgufTensorSource[], wanted: GgufExportType) {
  const fallbacks = tensors
    .filter(({ type, shape }) => shape.length > 1 && type !== wanted)
    .map(({ name, type, shape }) => ({ name, type: type as GgufExportType, rowLength: shape.at(-1)! }));
  const bytes = tensors.reduce((sum, { type, shape }) => sum + ggufByteLength(type, shape)!, 0);
  return { tensors: tensors.length, bytes, fallbacks };
}
