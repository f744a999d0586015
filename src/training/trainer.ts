/**
 * A compiled training step with its state: runs updates, hands parameters out, and is what checkpoints save and load.
 * It has a lifetime because the program behind it has; `dispose` ends both.
 */
import { type Backend, type Executable, type HostTensor, hostTensor, mapTree, type Tree } from "../engine/index.ts";
import { CongError } from "../support/errors.ts";
import { lossScaleState } from "./loss-scale.ts";
import { stateName, type TrainStep } from "./train-step.ts";

export interface StepResult {
  readonly loss: number;
  /** Global norm of the gradients before clipping. */
  readonly gradientNorm: number;
  /** What the loss function reported besides. */
  readonly metrics: Readonly<Record<string, number>>;
  /** With loss scaling: the gradients overflowed, nothing was changed but the scale. */
  readonly isSkipped: boolean;
}

export interface Trainer<P extends Tree<HostTensor> = Tree<HostTensor>> {
  readonly step: TrainStep<P>;
  /**
   * One update. With `accumulate` above 1 every input has a leading axis of that size.
   * @throws CongError `NOT_FINITE` naming the tensors whose gradients are NaN or infinite
   */
  run(inputs: Readonly<Record<string, HostTensor>>, learningRate: number): Promise<StepResult>;
  /** The parameters as they are now, frozen ones included; or their moving average. */
  parameters(which?: "model" | "ema"): P;
  /** Names of all state tensors with their types, in the order of the graph. */
  stateTypes(): readonly {
    readonly name: string;
    readonly dtype: HostTensor["dtype"];
    readonly shape: readonly number[];
  }[];
  readState(name: string): HostTensor;
  writeState(name: string, tensor: HostTensor): void;
  /** Back to the state before the first update. */
  reset(): void;
  dispose(): Promise<void>;
}

/** Compiles a step and puts it into its initial state. The caller disposes the trainer. */
export async function createTrainer<P extends Tree<HostTensor>>(
  backend: Backend,
  step: TrainStep<P>,
): Promise<Trainer<P>> {
  const program = await backend.compile(step.graph, { constants: step.constants });
  const trainer: Trainer<P> = {
    step,
    run: (inputs, learningRate) => runStep(program, step, inputs, learningRate),
    parameters: (which = "model") => parametersOf(program, step, which),
    stateTypes: () =>
      step.graph.state.map(({ name, value }) => {
        const { dtype, shape } = step.graph.types[value]!;
        return { name, dtype, shape: shape as readonly number[] };
      }),
    readState: (name) => program.readState(name),
    writeState: (name, tensor) => program.writeState(name, tensor),
    reset: () => {
      for (const [name, tensor] of step.initialState()) program.writeState(name, tensor);
    },
    dispose: () => program.dispose(),
  };
  trainer.reset();
  return trainer;
}

async function runStep(
  program: Executable,
  step: TrainStep,
  inputs: Readonly<Record<string, HostTensor>>,
  learningRate: number,
): Promise<StepResult> {
  const outputs = await program.run({ ...inputs, learningRate: hostTensor("float32", [], [learningRate]) });
  const numbers = Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Number(data[0])]));
  const { loss, gradientNorm, ...metrics } = numbers as { loss: number; gradientNorm: number };
  const named = Object.entries<number>(metrics).map(([name, value]) => [name.slice("metric.".length), value] as const);
  const isSound = Number.isFinite(loss) && Number.isFinite(gradientNorm);
  if (!isSound) {
    if (step.lossScale === undefined) throw notFinite(program, step, inputs, loss, gradientNorm);
    const scale = Number(program.readState(lossScaleState.scale).data[0]);
    if (scale < step.lossScale.minimum) throw scaleTooSmall(scale, step.lossScale.minimum, loss, gradientNorm);
  }
  return { loss, gradientNorm, metrics: Object.fromEntries(named), isSkipped: !isSound };
}

function parametersOf<P extends Tree<HostTensor>>(program: Executable, step: TrainStep<P>, which: "model" | "ema"): P {
  if (which === "ema" && !step.hasEma) {
    throw new CongError("BAD_ARGUMENT", "parameters: this step keeps no moving average", {}, "pass `ema` to trainStep");
  }
  const trainable = new Set(step.trainable);
  return mapTree<HostTensor, HostTensor, P>(step.parameters, (tensor, path) =>
    trainable.has(path) ? program.readState(stateName(which, path)) : tensor,
  ) as unknown as P;
}

/** Where the program has put NaNs is where the gradients were not finite; see train-step.ts. */
function notFinite(
  program: Executable,
  step: TrainStep,
  inputs: Readonly<Record<string, HostTensor>>,
  loss: number,
  gradientNorm: number,
): CongError {
  const states = step.graph.state.map(({ name }) => name);
  const broken = step.trainable.filter((path) =>
    states
      .filter(
        (name) => name === stateName("model", path) || (name.startsWith("optimizer.") && name.endsWith(`.${path}`)),
      )
      .some((name) => countNotFinite(program.readState(name)) > 0),
  );
  const badInputs = Object.keys(inputs).filter((name) => countNotFinite(inputs[name]!) > 0);
  const where =
    broken.length === 0
      ? "every gradient is finite by itself: only their norm, or the loss, overflows float32"
      : `gradients are NaN, infinite or too large to square in ${broken.length} of ${step.trainable.length} tensors: ${listed(broken)}`;
  const fed = badInputs.length === 0 ? "" : `; the batch itself holds NaN or infinity in ${listed(badInputs)}`;
  return new CongError(
    "NOT_FINITE",
    `training: the loss is ${loss} and the gradient norm ${gradientNorm}; ${where}${fed}`,
    { loss, gradientNorm, tensors: broken, inputs: badInputs },
    "look at this batch, lower the learning rate or lengthen the warm-up, and check for log(0), division by 0 and masked rows",
  );
}

const scaleTooSmall = (scale: number, minimum: number, loss: number, gradientNorm: number): CongError =>
  new CongError(
    "NOT_FINITE",
    `training: the loss scale fell to ${scale} (minimum ${minimum}) and gradients still overflow; loss ${loss}, gradient norm ${gradientNorm}`,
    { scale, minimum, loss, gradientNorm },
    "the model diverges whatever the scale: lower the learning rate, or look at the data",
  );

function countNotFinite({ dtype, data }: HostTensor): number {
  if (dtype !== "float32") return 0;
  let count = 0;
  for (const value of data as Float32Array) if (!Number.isFinite(value)) count++;
  return count;
}

const listed = (names: readonly string[]): string =>
  names.slice(0, 5).join(", ") + (names.length > 5 ? `, … (${names.length - 5} more)` : "");
