/** The child process of kill.test.ts: trains the tiny problem with a checkpoint after every step, in the folder given. */
import { referenceBackend } from "../../src/engine/backends/reference/index.ts";
import { interruptSignal, train } from "../../src/training/index.ts";
import { tinyData, tinySchedule, tinyTrainer } from "../../src/training/tiny-run.fixture.ts";

const [folder = "", steps = "0"] = process.argv.slice(2);
const trainer = await tinyTrainer({ backend: referenceBackend(), hidden: 256 });
const { signal, release } = interruptSignal();
const result = await train({
  trainer,
  data: tinyData,
  schedule: tinySchedule,
  totalSteps: Number(steps),
  folder,
  signal,
  checkpointEvery: 1,
  progress: { silent: true },
  hooks: {
    // Tells the parent where we are; it kills us soon after, somewhere in the next steps or writes.
    onStep: ({ step }) => {
      process.stdout.write(`${step}\n`);
    },
  },
});
release();
process.stdout.write(`${result.reason}\n`);
