/**
 * Runs where models are wanted: `congling chat runs/base` means the model that the run made, and the folder of a run that tuned an
 * adapter means that adapter on its base model.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { CongError } from "../support/index.ts";
import { configPath, readRunConfig } from "../training/index.ts";

/** Folders as `loadModel` wants them. */
export interface ModelFolders {
  readonly folder: string;
  readonly adapter?: string;
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * The folders that a model folder, a run's folder or an adapter's folder means. What is none of them comes back as it is: who loads it
 * says what is missing.
 * @throws CongError `UNFINISHED_RUN` for a run without its result, `PATH_NOT_FOUND` for an adapter whose base model is not there
 */
export async function resolveModel(given: string, adapter?: string): Promise<ModelFolders> {
  const wanted = adapter === undefined ? undefined : await adapterFolderOf(adapter);
  if (await isThere(join(given, "config.json"))) return folders(given, wanted);
  if (await isThere(join(given, "model", "config.json"))) return folders(join(given, "model"), wanted);
  const own = await adapterFolderOf(given);
  if (await isThere(join(own, "adapter_config.json"))) {
    if (wanted !== undefined) {
      throw new CongError(
        "BAD_ARGUMENT",
        `${given} is itself an adapter, and --adapter names another`,
        { given, adapter },
        "give the base model's folder with --adapter",
      );
    }
    return { folder: await baseOf(given, own), adapter: own };
  }
  if (await isThere(configPath(given))) {
    throw new CongError(
      "UNFINISHED_RUN",
      `${given} is a run that has not made its model yet`,
      { folder: given },
      `finish it with --resume ${given} (its config.yaml says which command), or name a folder with config.json`,
    );
  }
  return folders(given, wanted);
}

/** The model's own folder, for commands that know no adapters. @throws CongError `BAD_ARGUMENT` for an adapter */
export async function modelFolderOf(given: string): Promise<string> {
  const { folder, adapter } = await resolveModel(given);
  if (adapter === undefined) return folder;
  throw new CongError(
    "BAD_ARGUMENT",
    `${given} is an adapter, wanted is a whole model`,
    { given },
    `merge it into its base model ${folder}: congling export ${given} --to hf --out MERGED`,
  );
}

/** A run's model brings the tokenizer; any other path is one itself. */
export const tokenizerFolderOf = async (given: string): Promise<string> =>
  (await isThere(join(given, "model", "config.json"))) ? join(given, "model") : given;

const folders = (folder: string, adapter: string | undefined): ModelFolders =>
  adapter === undefined ? { folder } : { folder, adapter };

async function adapterFolderOf(given: string): Promise<string> {
  const inside = join(given, "adapter");
  const isRun =
    !(await isThere(join(given, "adapter_config.json"))) && (await isThere(join(inside, "adapter_config.json")));
  return isRun ? inside : given;
}

/** The run's own record of its model comes first: PEFT's field may hold a name on a hub. */
async function baseOf(given: string, adapter: string): Promise<string> {
  const isRun = await isThere(configPath(given));
  const named: unknown = isRun
    ? ((await readRunConfig(configPath(given))) as { readonly model?: unknown }).model
    : (JSON.parse(await readFile(join(adapter, "adapter_config.json"), "utf8")) as Record<string, unknown>)
        .base_model_name_or_path;
  if (typeof named === "string" && (await isThere(named))) return (await resolveModel(named)).folder;
  throw new CongError(
    "PATH_NOT_FOUND",
    `${given} is an adapter for the model ${JSON.stringify(named ?? null)}, which is not here`,
    { given, base: named },
    `name the model: MODEL --adapter ${given}`,
  );
}
