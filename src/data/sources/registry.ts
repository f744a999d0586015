/**
 * A registry of data sets in the form of LLaMA-Factory's `dataset_info.json`: names for files, with the columns they keep their texts
 * in. `readRegistry` reads one; `columnMapper` turns a record into the field names that `formats.ts` knows.
 */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { CongError, unknownName } from "../../support/index.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { BadRecord } from "./formats.ts";

export interface DatasetEntry {
  readonly name: string;
  /** Absolute path of the file. */
  readonly path: string;
  readonly formatting: "alpaca" | "sharegpt";
  /** Preference pairs. */
  readonly ranking: boolean;
  /** Our name of a column → the file's. */
  readonly columns: Readonly<Record<string, string>>;
  /** How messages spell their fields and roles (`role_tag`, `content_tag`, `user_tag` …). */
  readonly tags: Readonly<Record<string, string>>;
  /** Take only so many records from the start. */
  readonly samples?: number;
  /** Set where the entry names no file: what it names instead, which would be a download. */
  readonly elsewhere?: string;
}

const columnNames = [
  ...["prompt", "query", "response", "history", "system", "messages", "tools", "chosen", "rejected", "kto_tag"],
  ...["images", "videos", "audios"],
];

/** Entries whose data lies elsewhere (`hf_hub_url` and so on) are known by name and refused when asked for: they need a download. */
export async function readRegistry(path: string): Promise<ReadonlyMap<string, DatasetEntry>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw bad(path, `cannot read the registry ${path}: ${reason}`, "wanted is a JSON file such as dataset_info.json");
  }
  if (!isJsonObject(parsed))
    throw bad(path, `${path} is not a record of data sets`, 'wanted {"name": {"file_name": …}}');
  const entries = new Map<string, DatasetEntry>();
  for (const [name, value] of Object.entries(parsed)) {
    if (!isJsonObject(value)) throw bad(path, `${path}: "${name}" is not a record`, 'wanted {"file_name": …}');
    const file = value.file_name;
    if (typeof file === "string") entries.set(name, readEntry(path, name, value, file));
    else entries.set(name, { ...readEntry(path, name, value, ""), elsewhere: Object.keys(value).join(", ") });
  }
  return entries;
}

/** The entry called `name`; throws `UNKNOWN_NAME` with a suggestion, `BAD_REGISTRY` for one without a file. */
export function datasetEntry(registry: ReadonlyMap<string, DatasetEntry>, name: string): DatasetEntry {
  const entry = registry.get(name);
  if (entry === undefined) throw unknownName("data set", name, registry.keys());
  if (entry.elsewhere !== undefined) {
    throw new CongError(
      "BAD_REGISTRY",
      `the data set "${name}" has no file_name (only ${entry.elsewhere})`,
      { name },
      'fetch its file and write {"file_name": …} into the registry',
    );
  }
  return entry;
}

function readEntry(path: string, name: string, value: JsonObject, file: string): DatasetEntry {
  const formatting = value.formatting ?? "alpaca";
  if (formatting !== "alpaca" && formatting !== "sharegpt") {
    throw bad(
      path,
      `${path}: "${name}" has the formatting ${JSON.stringify(formatting)}`,
      "wanted is alpaca or sharegpt",
    );
  }
  const columns = textRecord(path, name, "columns", value.columns);
  for (const column of Object.keys(columns)) {
    if (!columnNames.includes(column)) throw unknownName(`column of "${name}"`, column, columnNames);
  }
  const samples = value.num_samples;
  return {
    name,
    path: resolve(dirname(path), file),
    formatting,
    ranking: value.ranking === true,
    columns,
    tags: textRecord(path, name, "tags", value.tags),
    ...(typeof samples === "number" ? { samples } : {}),
  };
}

function textRecord(path: string, name: string, field: string, value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value) || !Object.values(value).every((column) => typeof column === "string")) {
    throw bad(path, `${path}: "${name}".${field} is not a record of names`, 'wanted {"prompt": "content"}');
  }
  return value as Record<string, string>;
}

const bad = (path: string, what: string, hint: string): CongError =>
  new CongError("BAD_REGISTRY", what, { path }, hint);

/** What a registry entry, or a command line, says about the columns of a file. Plain data: it travels to threads. */
export interface ColumnMapping extends Pick<DatasetEntry, "ranking" | "columns" | "tags"> {
  /** "plain": `columns` are our own field names (`text`, `instruction` …) and the file's. */
  readonly formatting: DatasetEntry["formatting"] | "plain";
}

/** A function that renames a record's fields to ours (`instruction`, `output`, `conversations` …); other fields stay. */
export function columnMapper(mapping: ColumnMapping): (record: JsonObject) => JsonObject {
  const { columns, ranking } = mapping;
  const isPlain = mapping.formatting === "plain";
  const ours: Readonly<Record<string, string>> = isPlain
    ? {}
    : mapping.formatting === "sharegpt"
      ? { messages: "conversations" }
      : ranking
        ? { prompt: "prompt", query: "query" }
        : { prompt: "instruction", query: "input", response: "output" };
  return (record) => {
    const mapped: JsonObject = { ...record };
    const moved: JsonObject = {};
    for (const [column, theirs] of Object.entries(columns)) {
      if (!(theirs in record)) {
        const optional = !isPlain && ["query", "history", "system", "tools", "kto_tag"].includes(column);
        if (optional) continue;
        throw new BadRecord(`the column "${theirs}" (${column}) is missing`);
      }
      delete mapped[theirs];
      moved[ours[column] ?? column] = record[theirs];
    }
    Object.assign(mapped, moved);
    if (isPlain) return mapped;
    if (mapping.formatting === "sharegpt") renameTags(mapped, mapping.tags);
    else if (ranking) joinQuery(mapped);
    else if (!("output" in mapped) && "instruction" in mapped && !("response" in columns)) {
      // LLaMA-Factory's pretraining entries map `prompt` alone: the text to learn.
      mapped.text = mapped.instruction;
      delete mapped.instruction;
    }
    return mapped;
  };
}

function joinQuery(record: JsonObject): void {
  if (typeof record.query === "string" && record.query !== "") record.prompt = `${record.prompt}\n${record.query}`;
  delete record.query;
}

function renameTags(record: JsonObject, tags: Readonly<Record<string, string>>): void {
  if (Object.keys(tags).length === 0) return;
  const { role_tag = "from", content_tag = "value" } = tags;
  const roles = new Map(
    Object.entries({
      user: "human",
      assistant: "gpt",
      observation: "observation",
      function: "function_call",
      system: "system",
    })
      .filter(([name]) => tags[`${name}_tag`] !== undefined)
      .map(([name, role]) => [tags[`${name}_tag`], role] as const),
  );
  const rename = (message: unknown): unknown => {
    if (!isJsonObject(message)) return message;
    const { [role_tag]: role, [content_tag]: content, ...rest } = message;
    return { ...rest, from: roles.get(String(role)) ?? role, value: content };
  };
  for (const key of ["conversations", "chosen", "rejected"]) {
    const value = record[key];
    if (Array.isArray(value)) record[key] = value.map(rename);
    else if (isJsonObject(value)) record[key] = rename(value);
  }
}
