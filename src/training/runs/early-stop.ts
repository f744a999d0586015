/** Early stopping: remembers the best validation, and tells when it has not been beaten for long enough. */
import { readFile } from "node:fs/promises";

export interface EarlyStop {
  /** Takes a validation loss; says whether it is the best so far, and whether the run should end. */
  take(loss: number): { readonly isBest: boolean; readonly shouldStop: boolean };
  readonly best: number;
}

/** @param patience validations without a better one after which a run ends; 0: never */
export function createEarlyStop(patience: number, past: readonly number[] = []): EarlyStop {
  let best = Infinity;
  let waited = 0;
  const take = (loss: number) => {
    const isBest = loss < best;
    best = Math.min(best, loss);
    waited = isBest ? 0 : waited + 1;
    return { isBest, shouldStop: patience > 0 && waited >= patience };
  };
  for (const loss of past) take(loss);
  return {
    take,
    get best() {
      return best;
    },
  };
}

/** Validation losses in a metrics.jsonl before `step`, oldest first: what a resumed run has to remember. */
export async function pastEvaluations(path: string, step: number, field: string): Promise<number[]> {
  const lines = (await readFile(path, "utf8").catch(() => "")).split("\n");
  return lines.flatMap((line) => {
    try {
      const record = JSON.parse(line) as Readonly<Record<string, unknown>>;
      const value = record[field];
      const isEarlier = record.kind === "evaluation" && typeof record.step === "number" && record.step < step;
      return isEarlier && typeof value === "number" ? [value] : [];
    } catch {
      return [];
    }
  });
}
