/** The `pattern` of Split and Replace: `{"String": …}` or `{"Regex": …}`; some old files hold the plain string. */
import { translatePattern } from "../pattern/index.ts";
import { broken, type Fields, field, fieldsOf, place, stringField } from "./fields.ts";

/** A global RegExp. The empty string matches between all characters, as in Hugging Face tokenizers. */
export function textPattern(fields: Fields): RegExp {
  const value = field(fields, "pattern");
  const at = place(fields, "pattern");
  if (typeof value === "string") return literal(value);
  const pattern = fieldsOf(value, at);
  if (Object.hasOwn(pattern.values, "String")) return literal(stringField(pattern, "String"));
  if (Object.hasOwn(pattern.values, "Regex")) return translatePattern(stringField(pattern, "Regex"));
  throw broken(at, value, '{"String": …} or {"Regex": …}');
}

function literal(text: string): RegExp {
  return text === "" ? /(?:)/gu : new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gu");
}
