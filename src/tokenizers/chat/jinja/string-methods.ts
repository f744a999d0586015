/**
 * Python's `strip`, `lstrip` and `rstrip` for Jinja templates. The library ignores their argument, so `.strip('\n')` would
 * also take spaces; calls are therefore turned into calls of these functions when a template is read.
 */
import type { parse } from "@huggingface/jinja";

const names: Readonly<Record<string, string>> = { strip: "__strip", lstrip: "__lstrip", rstrip: "__rstrip" };

/** Functions that the rewritten template calls. */
export const stringFunctions: Readonly<Record<string, (text: unknown, characters?: unknown) => string>> = {
  __strip: (text, characters) => strip(text, characters, true, true),
  __lstrip: (text, characters) => strip(text, characters, true, false),
  __rstrip: (text, characters) => strip(text, characters, false, true),
};

/** White space as Python's `str.isspace` sees it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the four separators count as white space in Python.
const pythonSpace = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

function strip(text: unknown, characters: unknown, left: boolean, right: boolean): string {
  if (typeof text !== "string")
    throw new TypeError(`strip() works on text, got ${text === null ? "none" : typeof text}`);
  const isGone = (character: string) =>
    typeof characters === "string" ? characters.includes(character) : pythonSpace.test(character);
  const letters = [...text];
  let from = 0;
  let to = letters.length;
  while (left && from < to && isGone(letters[from] as string)) from++;
  while (right && to > from && isGone(letters[to - 1] as string)) to--;
  return letters.slice(from, to).join("");
}

/** A node of the library's syntax tree, as far as it matters here. */
interface SyntaxNode {
  type: string;
  callee?: SyntaxNode;
  args?: SyntaxNode[];
  object?: SyntaxNode;
  property?: SyntaxNode;
  computed?: boolean;
  value?: unknown;
}

/** Rewrites `x.strip(y)` to `__strip(x, y)` everywhere in a parsed template, in place. */
export function rewriteStringMethods(program: ReturnType<typeof parse>): void {
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (value instanceof Map) {
      for (const [key, item] of value) {
        visit(key);
        visit(item);
      }
    } else if (typeof value === "object" && value !== null) {
      for (const child of Object.values(value)) visit(child);
      rewriteCall(value as SyntaxNode);
    }
  };
  visit(program);
}

function rewriteCall(node: SyntaxNode): void {
  const member = node.callee;
  if (node.type !== "CallExpression" || member?.type !== "MemberExpression" || member.computed === true) return;
  const method = member.property;
  const name =
    typeof method?.value === "string" && Object.hasOwn(names, method.value) ? names[method.value] : undefined;
  if (name === undefined || method === undefined || member.object === undefined) return;
  // The identifier node is kept and renamed: the library recognises nodes by their class, which it does not export.
  method.value = name;
  node.callee = method;
  node.args = [member.object, ...(node.args ?? [])];
}
