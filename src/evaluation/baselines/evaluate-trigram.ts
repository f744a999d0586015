/** The trigram asked what a model is asked: its figures on the harness's own items, with the same intervals. */
import { type EvaluateOptions, loadItems } from "../harness/evaluate.ts";
import { choiceFigures, type Figure, textFigures } from "../harness/summary.ts";
import type { ChoiceTask, TextTask } from "../harness/task.ts";
import { characterTrigram } from "./trigram.ts";

/**
 * Figures of each task by its name. A token of the trigram is a character.
 * @param learned the texts that the model was trained on, too
 * @throws CongError `NO_ITEMS`, `DATA_MISSING`
 */
export async function evaluateTrigram(
  learned: readonly string[],
  tasks: readonly (TextTask | ChoiceTask)[],
  options: Pick<EvaluateOptions, "seed" | "limit" | "data">,
): Promise<Readonly<Record<string, readonly Figure[]>>> {
  const { seed = 0 } = options;
  const bitsOf = characterTrigram(learned);
  const nats = (text: string, context?: string): number => Math.LN2 * bitsOf(text, context);
  const figures: Record<string, readonly Figure[]> = {};
  for (const task of tasks) {
    if (task.kind === "text") {
      const items = await loadItems(task, options);
      const results = items.map(({ id, text }) => {
        const characters = [...text].length;
        const bytes = Buffer.byteLength(text);
        return { id, negativeLogLikelihood: nats(text), tokens: characters, characters, bytes };
      });
      figures[task.name] = textFigures(results, seed);
    } else {
      const items = await loadItems(task, options);
      const results = items.map(({ id, group, answer, context, choices }) => {
        const logProbabilities = choices.map((choice) => -nats(choice, context));
        const alone = task.byInformation ? choices.map((choice) => -nats(choice, "")) : undefined;
        return {
          id,
          group,
          answer,
          logProbabilities,
          alone,
          bytes: choices.map((choice) => Buffer.byteLength(choice)),
        };
      });
      figures[task.name] = choiceFigures(results, seed);
    }
  }
  return figures;
}
