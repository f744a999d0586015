/** Transformers 5 keeps the experts of a layer as two stacks, checkpoints keep them one by one; this makes the stacks. */
import { type HostTensor, hostTensor } from "../../src/engine/index.ts";

type Tensors = Readonly<Record<string, HostTensor>>;

const expertName = /^(.*\.experts)\.(\d+)\.(gate_proj|up_proj|down_proj)\.weight$/;

/** The same tensors, and for each layer `experts.gate_up_proj` [E, 2F, C] (gate rows first) and `experts.down_proj` [E, C, F]. */
export function expertGradients(tensors: Tensors): Record<string, HostTensor> {
  const layers = new Map<string, number>();
  for (const name of Object.keys(tensors)) {
    const [, layer, index] = expertName.exec(name) ?? [];
    if (layer !== undefined) layers.set(layer, Math.max(layers.get(layer) ?? 0, Number(index) + 1));
  }
  const stacks: Record<string, HostTensor> = {};
  for (const [layer, count] of layers) {
    const each = (part: string) => Array.from({ length: count }, (_, e) => tensors[`${layer}.${e}.${part}.weight`]!);
    const [gates, ups, downs] = [each("gate_proj"), each("up_proj"), each("down_proj")];
    const [F, C] = gates[0]!.shape as [number, number];
    stacks[`${layer}.gate_up_proj`] = join(
      [count, 2 * F, C],
      gates.flatMap((gate, e) => [gate, ups[e]!]),
    );
    stacks[`${layer}.down_proj`] = join([count, C, F], downs);
  }
  return { ...tensors, ...stacks };
}

const join = (shape: readonly number[], parts: readonly HostTensor[]): HostTensor =>
  hostTensor(
    "float32",
    shape,
    parts.flatMap(({ data }) => Array.from(data as Float32Array)),
  );
