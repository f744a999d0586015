/** What a fine-tuning method is: which tree of parameters is trained, how the network uses it, and what is saved. */
import type { HostTensor, Tensor } from "../../engine/index.ts";
import type { ParameterTree } from "../../models/index.ts";
import type { LossOf } from "../objectives/evaluator.ts";

export interface TuningMethod {
  /** The model's parameters with those of the method. */
  readonly parameters: ParameterTree<HostTensor>;
  /** Which of them stay as they are. */
  readonly frozen: (path: string) => boolean;
  readonly loss: LossOf;
  /** Tokens that the method puts before every text. */
  readonly virtualTokens: number;
  /** Writes what was trained. `base` is the folder of the model. */
  save(run: string, trained: ParameterTree<HostTensor>): Promise<void>;
}

export type Tensors = ParameterTree<Tensor>;
