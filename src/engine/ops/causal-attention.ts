/**
 * Causal attention and its gradients as one op each, for backends that have them whole. Only the pass `adopt-composed`
 * makes them, after differentiation, so they are not in the op table.
 *
 * Heads lie beside each other, as projections leave them: everything is [B, T, H, D].
 */
import { type KernelTensor, notDifferentiable, type OpDefinition } from "../graph/op.ts";

export interface CausalAttentionParams {
  readonly scale: number;
}

const reason = notDifferentiable("it is made after differentiation");

/** q, k, v → result. */
export const causalAttentionOp: OpDefinition<CausalAttentionParams> = {
  name: "causalAttention",
  infer: ([q]) => [q!],
  gradient: reason,
  evaluate({ inputs, outputs, params }) {
    const [q, k, v] = inputs as [KernelTensor, KernelTensor, KernelTensor];
    const out = outputs[0]!.data;
    eachQuery(q, k, params.scale, ({ size, query, keys, weights }) => {
      for (let d = 0; d < size; d++) {
        out[query + d] = keys.reduce((sum, key, i) => sum + weights[i]! * Number(v.data[key + d]), 0);
      }
    });
  },
};

/** q, k, v, gradient of the result → gradients of q, k, v. */
export const causalAttentionGradientOp: OpDefinition<CausalAttentionParams> = {
  name: "causalAttentionGradient",
  infer: ([q, k, v]) => [q!, k!, v!],
  gradient: reason,
  evaluate({ inputs, outputs, params: { scale } }) {
    const [q, k, v, g] = inputs as [KernelTensor, KernelTensor, KernelTensor, KernelTensor];
    const [dq, dk, dv] = outputs.map(({ data }) => data);
    eachQuery(q, k, scale, ({ size, query, keys, weights }) => {
      const spread = keys.map((key) => dot(g, query, v, key, size));
      const center = spread.reduce((sum, x, i) => sum + weights[i]! * x, 0);
      for (const [i, key] of keys.entries()) {
        const forScore = weights[i]! * (spread[i]! - center) * scale;
        for (let d = 0; d < size; d++) {
          dq![query + d]! += forScore * Number(k.data[key + d]);
          dk![key + d]! += forScore * Number(q.data[query + d]);
          dv![key + d]! += weights[i]! * Number(g.data[query + d]);
        }
      }
    });
  },
};

interface Query {
  readonly size: number;
  /** Where the query starts, and each key it sees. */
  readonly query: number;
  readonly keys: readonly number[];
  /** Softmax of the scores. */
  readonly weights: readonly number[];
}

function eachQuery(q: KernelTensor, k: KernelTensor, scale: number, visit: (query: Query) => void): void {
  const [B, T, H, D] = q.shape as [number, number, number, number];
  const at = (b: number, t: number, h: number) => ((b * T + t) * H + h) * D;
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let t = 0; t < T; t++) {
        const query = at(b, t, h);
        const keys = Array.from({ length: t + 1 }, (_, s) => at(b, s, h));
        const scores = keys.map((key) => scale * dot(q, query, k, key, D));
        const largest = Math.max(...scores);
        const powers = scores.map((score) => Math.exp(score - largest));
        const total = powers.reduce((sum, power) => sum + power, 0);
        visit({ size: D, query, keys, weights: powers.map((power) => power / total) });
      }
    }
  }
}

function dot(a: KernelTensor, i: number, b: KernelTensor, j: number, size: number): number {
  let sum = 0;
  for (let d = 0; d < size; d++) sum += Number(a.data[i + d]) * Number(b.data[j + d]);
  return sum;
}
