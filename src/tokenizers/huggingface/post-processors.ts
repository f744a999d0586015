/**
 * The post-processors of tokenizer.json: which special tokens stand around a text. Only what concerns a single text is read; pairs and
 * token types belong to whoever builds the batch.
 */
import {
  broken,
  byType,
  checkCount,
  deepestNesting,
  type Fields,
  field,
  fieldsOf,
  listField,
  objectField,
  place,
  stringField,
} from "./fields.ts";

/** Special ids before and after a text. */
export interface Surroundings {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const nothing: Surroundings = { before: [], after: [] };

export function surroundingsOf(value: unknown, at: string, depth = 0): Surroundings {
  if (value === undefined || value === null) return nothing;
  if (depth > deepestNesting) throw broken(at, "nested too deep", `nested at most ${deepestNesting} deep`);
  return byType<Surroundings>("post-processor", fieldsOf(value, at), {
    // It only moves offsets, which are not kept here.
    ByteLevel: () => nothing,
    TemplateProcessing: template,
    BertProcessing: clsAndSep,
    RobertaProcessing: clsAndSep,
    Sequence: (fields) =>
      listField(fields, "processors")
        .map((part, i) => surroundingsOf(part, `${place(fields, "processors")}[${i}]`, depth + 1))
        .reduce(
          (inner, outer) => ({
            before: [...outer.before, ...inner.before],
            after: [...inner.after, ...outer.after],
          }),
          nothing,
        ),
  });
}

function clsAndSep(fields: Fields): Surroundings {
  const idOf = (name: string): number => {
    const pair = listField(fields, name);
    return checkCount(pair[1], `${place(fields, name)}[1]`);
  };
  return { before: [idOf("cls")], after: [idOf("sep")] };
}

function template(fields: Fields): Surroundings {
  const before: number[] = [];
  const after: number[] = [];
  let target = before;
  listField(fields, "single").forEach((value, i) => {
    const at = `${place(fields, "single")}[${i}]`;
    const piece = fieldsOf(value, at);
    if (field(piece, "SpecialToken") !== undefined) {
      target.push(...specialIds(fields, stringField(objectField(piece, "SpecialToken"), "id")));
    } else if (stringField(objectField(piece, "Sequence"), "id") === "A" && target === before) {
      target = after;
    } else {
      throw broken(at, value, "a special token, or once the sequence A");
    }
  });
  if (target === before)
    throw broken(place(fields, "single"), field(fields, "single"), "a template with the sequence A");
  return { before, after };
}

/** The ids that a special token of a template stands for, usually one. */
function specialIds(fields: Fields, name: string): number[] {
  const known = objectField(fields, "special_tokens");
  const at = `${known.at}[${JSON.stringify(name)}]`;
  const ids = listField(fieldsOf(field(known, name), at), "ids");
  return ids.map((id, i) => checkCount(id, `${at}.ids[${i}]`));
}
