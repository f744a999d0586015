/**
 * From a YAML file and a command line to checked settings. The command line wins; keys are dotted paths
 * (`training.learningRate`), or their last part where only one setting has it (`learningRate`), in any spelling of words
 * (`learning-rate`). An unknown key is refused with the nearest one: a misspelt setting must not do nothing.
 */
import { parseDocument } from "yaml";
import { CongError } from "../../support/errors.ts";
import { closest, unknownName } from "../../support/suggest.ts";
import { foreignName } from "./foreign-names.ts";
import { isSetting, type Setting, type SettingTable, type ValuesOf } from "./setting.ts";

export interface Resolved<T> {
  readonly values: ValuesOf<T>;
  /** Dotted keys that the file or the command line set, null excepted. */
  readonly given: ReadonlySet<string>;
}

/** A key and its value as typed. */
export type Override = readonly [key: string, value: string];

/**
 * @param file content of a YAML file, as `readSettingsFile` gives it
 * @throws CongError `UNKNOWN_NAME` for a key there is no setting for, `BAD_SETTING` for a value it does not accept
 */
export function resolveSettings<T extends SettingTable>(
  table: T,
  file: unknown,
  overrides: readonly Override[] = [],
): Resolved<T> {
  const settings = flattenTable(table);
  const raw = new Map<string, { value: unknown; from: string }>();
  for (const [key, value] of flattenFile(file, settings)) raw.set(key, { value, from: "the file" });
  const typedPaths = new Set<string>();
  for (const [key, typed] of overrides) {
    const { path, rest } = findKey(key, settings);
    const { isList } = settings.get(path)!;
    // A list is text as typed: a glob or a bracket in a file name is no YAML.
    const value = isList
      ? [raw.get(path)?.value, typed].slice(typedPaths.has(path) ? 0 : 1).join(",")
      : readTyped(typed);
    typedPaths.add(path);
    if (rest === undefined) raw.set(path, { value, from: `--${key}` });
    else raw.set(path, { value: { ...openRecord(raw.get(path)?.value), [rest]: value }, from: `--${key}` });
  }
  const given = new Set<string>();
  const values = fill(table, "", (path, setting) => {
    const found = raw.get(path);
    if (found === undefined) return setting.fallback;
    const read = setting.read(found.value);
    if (read === undefined) throw badSetting(path, setting, found.value, found.from);
    if (read !== null) given.add(path);
    return read;
  });
  return { values: values as ValuesOf<T>, given };
}

/** A value from the command line: YAML where it is that, otherwise text (`@name`, `[draft`). */
function readTyped(typed: string): unknown {
  const document = parseDocument(typed);
  if (document.errors.length > 0) return typed;
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    return typed;
  }
}

/** Parses a YAML file's text. @throws CongError `BAD_YAML` with the line */
export function readSettingsText(content: string, path: string): unknown {
  const document = parseDocument(content);
  const [error] = document.errors;
  if (error !== undefined) throw badYaml(path, error.message, error.linePos?.[0].line);
  try {
    // Aliases can blow a small file up; a run needs none.
    return document.toJS({ maxAliasCount: 0 }) ?? {};
  } catch (problem) {
    throw badYaml(path, problem instanceof Error ? problem.message : String(problem), undefined);
  }
}

const badYaml = (path: string, message: string, line: number | undefined): CongError =>
  new CongError(
    "BAD_YAML",
    `${path}${line === undefined ? "" : `:${line}`}: ${message.split("\n")[0]}`,
    { path, line },
    "a run is a YAML file: `key: value` lines, indented below their section, without aliases",
  );

/** All settings of a table by dotted key. */
export function flattenTable(table: SettingTable, prefix = ""): Map<string, Setting<unknown>> {
  const found = new Map<string, Setting<unknown>>();
  for (const [key, entry] of Object.entries(table)) {
    if (isSetting(entry)) found.set(prefix + key, entry);
    else for (const [path, setting] of flattenTable(entry, `${prefix}${key}.`)) found.set(path, setting);
  }
  return found;
}

function* flattenFile(
  value: unknown,
  settings: ReadonlyMap<string, Setting<unknown>>,
  prefix = "",
): Generator<readonly [string, unknown]> {
  const where = prefix === "" ? "the file" : prefix.slice(0, -1);
  if (value === null && prefix !== "") return;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CongError(
      "BAD_SETTING",
      `${where} is ${JSON.stringify(value)}, wanted a record of settings`,
      { key: where },
      `settings: ${[...settings.keys()].filter((key) => key.startsWith(prefix)).join(", ")}`,
    );
  }
  for (const [key, inner] of Object.entries(value)) {
    const path = prefix + key;
    if (settings.has(path)) yield [path, inner];
    else if ([...settings.keys()].some((each) => each.startsWith(`${path}.`)))
      yield* flattenFile(inner, settings, `${path}.`);
    else throw unknownSetting(path, settings);
  }
}

/** The setting that a key on the command line means, and the option inside it. */
function findKey(
  key: string,
  settings: ReadonlyMap<string, Setting<unknown>>,
): { readonly path: string; readonly rest?: string } {
  const wanted = plain(key);
  const paths = [...settings.keys()];
  const whole = paths.filter((path) => plain(path) === wanted);
  const last = whole.length > 0 ? whole : paths.filter((path) => plain(path.split(".").at(-1)!) === wanted);
  if (last.length === 1) return { path: last[0]! };
  if (last.length > 1) {
    throw new CongError(
      "BAD_SETTING",
      `--${key} may mean ${last.map((path) => `--${path}`).join(" or ")}`,
      { key, candidates: last },
      "write the whole key",
    );
  }
  // optimizer.beta2, training.optimizer.beta2
  const dot = key.lastIndexOf(".");
  if (dot > 0) {
    const holder = plain(key.slice(0, dot));
    const open = paths.filter(
      (path) => settings.get(path)!.isOpen && [path, path.split(".").at(-1)!].some((name) => plain(name) === holder),
    );
    if (open.length === 1) return { path: open[0]!, rest: key.slice(dot + 1) };
  }
  throw unknownSetting(key, settings);
}

const plain = (key: string): string => key.toLowerCase().replace(/[-_]/g, "");

function openRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "string") return { name: value };
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** A key of another section is what people get wrong, or its name elsewhere: last parts count as candidates, too. */
function unknownSetting(key: string, settings: ReadonlyMap<string, Setting<unknown>>): CongError {
  const paths = [...settings.keys()];
  const lastOf = (path: string): string => plain(path.split(".").at(-1)!);
  const withLast = (last: string | undefined): string | undefined => paths.find((path) => lastOf(path) === last);
  const moved = withLast(lastOf(key));
  const foreign = moved === undefined ? foreignName(plain(key), lastOf(key), settings) : undefined;
  if (foreign !== undefined) {
    return new CongError("UNKNOWN_NAME", `unknown setting "${key}"`, { key, suggestion: foreign.key }, foreign.hint);
  }
  const same = moved ?? closest(key, paths) ?? withLast(closest(lastOf(key), new Set(paths.map(lastOf))));
  if (same === undefined) return unknownName("setting", key, paths);
  return new CongError(
    "UNKNOWN_NAME",
    `unknown setting "${key}"`,
    { key, suggestion: same },
    `did you mean "${same}"? known: ${paths.join(", ")}`,
  );
}

function badSetting(path: string, { wanted, about }: Setting<unknown>, value: unknown, from: string): CongError {
  return new CongError(
    "BAD_SETTING",
    `${path} is ${JSON.stringify(value)} (from ${from}), wanted ${wanted}`,
    { key: path, value },
    `${path}: ${about}`,
  );
}

function fill(
  table: SettingTable,
  prefix: string,
  pickValue: (path: string, setting: Setting<unknown>) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).map(([key, entry]) => {
      const path = prefix + key;
      return [key, isSetting(entry) ? pickValue(path, entry) : fill(entry, `${path}.`, pickValue)];
    }),
  );
}

/** A line for every setting: key, what it is, the names it takes, default. */
export function describeSettings(table: SettingTable): string {
  return [...flattenTable(table)]
    .map(([path, { about, fallback, choices = [] }]) => {
      const shown = fallback === null ? "derived or none" : JSON.stringify(fallback);
      const names = choices.length === 0 ? "" : `: ${choices.join(", ")}`;
      return `  --${path.padEnd(30)} ${about}${names} [${shown}]`;
    })
    .join("\n");
}
