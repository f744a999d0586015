/** JSON as Python's `json.dumps(value, ensure_ascii=False)` spaces it: templates were trained on that spelling. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}: ${pythonJson(item)}`).join(", ")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** The same with `indent=4`, where Python and JavaScript agree. */
export function indentedJson(value: unknown): string {
  return JSON.stringify(value, null, 4);
}
