/**
 * Dynamic loss scaling: multiplies the loss so that small gradients survive in half precision, and finds the largest
 * factor that does not overflow by trying. Updates whose gradients overflow are skipped.
 */
import { abs, add, equal, type GraphBuilder, lessOrEqual, mul, scalar, type Tensor, where } from "../engine/index.ts";
import { between, count, positive, readOptions } from "./schedules/options.ts";

export interface LossScaleOptions {
  /** First factor; default 65536. */
  readonly initial?: number;
  /** Factor on the scale after `growthInterval` good updates in a row; default 2. */
  readonly growth?: number;
  /** Factor on the scale after a skipped update; default 0.5. */
  readonly backoff?: number;
  /** Default 2000 updates. */
  readonly growthInterval?: number;
  /** Training stops when the scale falls below it, because then scaling cannot be the problem; default 1e-4. */
  readonly minimum?: number;
}

/** Checks the options and fills in torch.amp.GradScaler's defaults (the minimum is fairseq's). */
export const readLossScale = (options: LossScaleOptions): Required<LossScaleOptions> =>
  readOptions("lossScale", options, {
    initial: positive(65536),
    growth: between(1, 1e6, 2),
    backoff: between(1e-6, 1, 0.5),
    growthInterval: count(1, 2000),
    minimum: positive(1e-4),
  });

/** State names of the scale and of the number of good updates since it last changed. */
export const lossScaleState = { scale: "training.lossScale", streak: "training.lossScaleStreak" } as const;

/** Declares the state. */
export const lossScaleSlots = (builder: GraphBuilder): { readonly scale: Tensor; readonly streak: Tensor } => ({
  scale: builder.state(lossScaleState.scale, { dtype: "float32", shape: [] }),
  streak: builder.state(lossScaleState.streak, { dtype: "int64", shape: [] }),
});

/**
 * Assigns the state after an update: × backoff when it was not finite, × growth after `growthInterval` finite ones.
 * Source: torch.amp.GradScaler (`_amp_update_scale_`).
 */
export function updateLossScale(
  slots: { readonly scale: Tensor; readonly streak: Tensor },
  isSound: Tensor,
  options: Required<LossScaleOptions>,
): void {
  const { scale, streak } = slots;
  const longer = add(streak, 1);
  const isLongEnough = equal(longer, options.growthInterval);
  const zero = scalar(streak, 0);
  const kept = where(isLongEnough, mul(scale, options.growth), scale);
  scale.builder.assign(scale, where(isSound, kept, mul(scale, options.backoff)));
  scale.builder.assign(streak, where(isSound, where(isLongEnough, zero, longer), zero));
}

// The largest float32.
const largest = (2 - 2 ** -23) * 2 ** 127;

/** True when a float32 scalar is neither infinite nor NaN, which compares false with everything. */
export const isFiniteScalar = (x: Tensor): Tensor => lessOrEqual(abs(x), largest);
