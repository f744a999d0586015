/**
 * Names and layouts of tensors in llama.cpp's files, from Hugging Face names (gguf-py `tensor_mapping.py`), and back.
 *
 * All weights keep their [out, in] rows. One layout differs: where ggml's rope of an architecture turns neighbouring
 * channels and the checkpoint pairs channel i with i + R/2 (Llama), the rows of the query and key projections are
 * shuffled inside each head so that partners become neighbours; scores do not change by it.
 */
import type { DecoderModelConfig } from "../../models/index.ts";
import { ropeFrequencies } from "../../models/index.ts";
import { CongError } from "../../support/index.ts";
import type { GgufArchitecture } from "./architecture.ts";

const outer: Readonly<Record<string, string>> = {
  "model.embed_tokens.weight": "token_embd.weight",
  "model.norm.weight": "output_norm.weight",
  "lm_head.weight": "output.weight",
};

const inner: Readonly<Record<string, string>> = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  post_self_attn_layernorm: "post_attention_norm",
  post_attention_layernorm: "ffn_norm", // before the feed-forward layer in every generation, whatever the name says
  post_mlp_layernorm: "post_ffw_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.gate_up_proj": "ffn_up", // gate rows, then up rows: llama.cpp's SWIGLU_SEQ
  "mlp.down_proj": "ffn_down",
};

/** The name of a checkpoint tensor in the file. CongError `EXPORT_UNSUPPORTED` for a tensor without a place. */
export function ggufTensorName(name: string): string {
  const found = outer[name];
  if (found !== undefined) return found;
  const [, layer, part, kind] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  const mapped = part === undefined || !Object.hasOwn(inner, part) ? undefined : inner[part];
  if (mapped !== undefined) return `blk.${layer}.${mapped}.${kind}`;
  throw new CongError(
    "EXPORT_UNSUPPORTED",
    `cannot export to GGUF: parameter "${name}" has no place in llama.cpp's files`,
    { name },
    "nothing was written",
  );
}

/** The values of a checkpoint tensor as the architecture wants them; the same array where nothing moves. */
export function toGgufLayout(
  architecture: GgufArchitecture,
  config: DecoderModelConfig,
  name: string,
  values: Float32Array,
): Float32Array {
  return reorder(architecture, config, name, values, (i, half) => (i % 2) * half + (i >> 1));
}

/** Undoes `toGgufLayout`. */
export function fromGgufLayout(
  architecture: GgufArchitecture,
  config: DecoderModelConfig,
  name: string,
  values: Float32Array,
): Float32Array {
  return reorder(architecture, config, name, values, (i, half) => (i < half ? 2 * i : 2 * (i - half) + 1));
}

/** The extra tensor of rope_type "llama3": what each frequency is divided by, [R/2]. */
export function ropeFactors(config: DecoderModelConfig): Float32Array | undefined {
  if (config.rope.scaling?.type !== "llama3") return undefined;
  const { scaling: _, ...plain } = config.rope;
  const scaled = ropeFrequencies(config.rope).frequencies;
  return Float32Array.from(ropeFrequencies(plain).frequencies, (frequency, i) => frequency / scaled[i]!);
}

/** `sourceRow(i, R/2)` is where row i of a head's rotating part comes from; rows beyond it stay. */
function reorder(
  { interleaved }: GgufArchitecture,
  { heads, keyValueHeads, headSize, rope }: DecoderModelConfig,
  name: string,
  values: Float32Array,
  sourceRow: (i: number, half: number) => number,
): Float32Array {
  const isQuery = /\.q_proj\.(weight|bias)$/.test(name);
  if ((!isQuery && !/\.k_proj\.(weight|bias)$/.test(name)) || interleaved === rope.interleaved) return values;
  const count = isQuery ? heads : keyValueHeads;
  const columns = values.length / (count * headSize);
  const moved = Float32Array.from(values);
  for (let head = 0; head < count; head++) {
    for (let i = 0; i < rope.channels; i++) {
      const from = (head * headSize + sourceRow(i, rope.channels / 2)) * columns;
      moved.set(values.subarray(from, from + columns), (head * headSize + i) * columns);
    }
  }
  return moved;
}
