/** Decides what a fixture is, runs its check, and says in one line how it went. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { Backend } from "../../src/engine/index.ts";
import { modelTypes } from "../../src/models/index.ts";
import { checkAdapter, isAdapter } from "./adapter.ts";
import { chatGlmCppModels, chatGlmCppOperators, checkChatGlmCppModel, checkChatGlmCppOperator } from "./chatglm-cpp.ts";
import { checkGeneration } from "./generation.ts";
import { checkMetrics } from "./metrics.ts";
import { checkModel } from "./model.ts";
import { checkOptimizers } from "./optimizers.ts";
import { type GoldenCheck, isWithin } from "./quantity.ts";
import { checkRecurrent } from "./recurrent.ts";
import { checkSchedules } from "./schedules.ts";
import { checkTokenizers, isTokenizerFolder } from "./tokenizers.ts";

export type Verdict = "PASS" | "FAIL" | "SKIP";

export interface Outcome {
  readonly verdict: Verdict;
  readonly path: string;
  readonly reason: string;
}

/** Checks of single files, by file name. */
const checks: Readonly<Record<string, GoldenCheck>> = {
  "generation.safetensors": checkGeneration,
  "lr-schedules.json": checkSchedules,
  "metrics.json": checkMetrics,
  "optimizers.safetensors": checkOptimizers,
  "rnn.safetensors": checkRecurrent,
  ...Object.fromEntries(chatGlmCppModels.map((name) => [name, checkChatGlmCppModel])),
  ...Object.fromEntries(chatGlmCppOperators.map((name) => [name, checkChatGlmCppOperator])),
};

/** A folder with one of these holds a model or an adapter. */
const modelFiles = ["config.json", "adapter_config.json"];

const isModel = (path: string): boolean => modelFiles.some((name) => existsSync(join(path, name)));

/** The fixtures a path stands for: itself, or for a folder of fixtures each of them. */
export function fixturesAt(path: string): string[] {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  if (!isFolder || isModel(path) || isTokenizerFolder(path)) return [path];
  const names = readdirSync(path).sort();
  const found = names.filter((name) => {
    const child = join(path, name);
    return statSync(child).isDirectory() ? isModel(child) : /(?<!\.meta)\.json$|\.safetensors$|\.data$/.test(name);
  });
  // A folder of other things, tokenizers for example, is one fixture.
  const folders = names.filter((name) => statSync(join(path, name)).isDirectory() && !found.includes(name));
  const all = [...found, ...folders].sort();
  return all.length === 0 ? [path] : all.map((name) => join(path, name));
}

/** The check for a file by its name, for a folder by what it holds. */
function checkOf(path: string): GoldenCheck | undefined {
  if (!statSync(path).isDirectory()) return checks[basename(path)];
  if (!isModel(path)) return isTokenizerFolder(path) ? checkTokenizers : undefined;
  return isAdapter(path) ? checkAdapter : checkModel;
}

/** The model type of a folder that no family reads. */
function foreignType(path: string): string | undefined {
  const file = join(path, "config.json");
  if (!existsSync(file)) return undefined;
  const { model_type: type } = JSON.parse(readFileSync(file, "utf8")) as { readonly model_type?: unknown };
  return typeof type === "string" && !modelTypes().includes(type) ? type : undefined;
}

/** Runs the check that belongs to one fixture; `report` gets a line per quantity. Never throws. */
export async function checkFixture(path: string, backend: Backend, report: (line: string) => void): Promise<Outcome> {
  const outcome = (verdict: Verdict, reason: string): Outcome => ({ verdict, path, reason });
  if (!existsSync(path))
    return outcome("FAIL", "no such file or folder; give the path of a fixture or of a folder of fixtures");
  const type = foreignType(path);
  if (type !== undefined) return outcome("SKIP", `models of type "${type}" are not built yet`);
  const check = checkOf(path);
  if (check === undefined) return outcome("SKIP", "nothing here is compared with this yet");
  let [count, wrong, worst] = [0, 0, 0];
  try {
    for await (const quantity of check(path, backend)) {
      if (quantity.unknown !== undefined) {
        report(`  ----- ${quantity.name}: ${quantity.unknown}`);
        continue;
      }
      const isRight = isWithin(quantity);
      const { name, error, tolerance } = quantity;
      report(
        `  ${isRight ? "ok   " : "WRONG"} ${name}: error ${error.toExponential(1)}, allowed ${tolerance.toExponential(0)}`,
      );
      count++;
      if (!isRight) wrong++;
      if (tolerance > 0) worst = Math.max(worst, error / tolerance);
    }
  } catch (error) {
    const [message] = String(error instanceof Error ? error.message : error).split("\n");
    return outcome("FAIL", `after ${count} quantities: ${message}`);
  }
  if (count === 0) return outcome("FAIL", "the file records nothing to compare with");
  const summary = `${count} quantities, the worst at ${(100 * worst).toPrecision(2)} % of what is allowed`;
  return wrong === 0 ? outcome("PASS", summary) : outcome("FAIL", `${wrong} of ${summary}`);
}
