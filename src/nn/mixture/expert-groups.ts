/**
 * Group-limited choice of experts (DeepSeek-V3, DeepSeek-AI 2024): a token may only use experts of its best groups, so
 * that it is sent to few machines. N tokens, E experts.
 */
import { forbiddenScore, greater, oneHot, reshape, sum, type Tensor, topK, where } from "../../engine/index.ts";

/**
 * Scores [N, E] with a very negative number for experts outside the best `active` of `groups` equal groups. A group
 * counts as much as its two best experts together.
 */
export function limitToGroups(scores: Tensor, groups: number, active: number): Tensor {
  const [N, E] = [scores.shape[0]!, Number(scores.shape[1])];
  const grouped = reshape(scores, [N, groups, E / groups]);
  const best = topK(grouped, Math.min(2, E / groups)).values; // (N, groups, 2)
  const { indices } = topK(sum(best, { axes: 2 }), active); // (N, active)
  const isOpen = greater(sum(oneHot(indices, groups), { axes: 1 }), 0); // (N, groups)
  // Hugging Face writes 0 here, the paper's authors −∞: with a negative correction bias 0 could win over open experts.
  const limited = where(reshape(isOpen, [N, groups, 1]), grouped, forbiddenScore);
  return reshape(limited, scores.shape);
}
