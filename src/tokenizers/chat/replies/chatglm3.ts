/**
 * Tool calls of ChatGLM3: the name, then a fenced block with `tool_call(city="北京", days=3)`. The reference runs that line
 * with Python's eval; here it is read as literals. `interpreter` calls hold a program, which becomes the argument `code`.
 */
import { parsePythonCall } from "../python-call.ts";
import type { CallFormat } from "./header-calls.ts";

const fence = "```";
const call = "tool_call(";

export const chatglm3Calls: CallFormat = {
  beginsLikeCall(_name, body) {
    if (body.startsWith(fence) || body.startsWith(call)) return true;
    return fence.startsWith(body) || call.startsWith(body) ? undefined : false;
  },
  parse(name, body) {
    const block = unfence(body.trim());
    if (block === undefined) return { reason: `the block is not closed by a line with ${fence}` };
    if (name === "interpreter") return { json: JSON.stringify({ code: block }) };
    const parsed = parsePythonCall(block, "tool_call");
    return "reason" in parsed ? parsed : { json: parsed.json };
  },
};

/** The lines between the fences; text without a fence as it is; undefined when the second fence is missing. */
function unfence(body: string): string | undefined {
  if (!body.startsWith(fence)) return body;
  const firstLine = body.indexOf("\n");
  if (firstLine < 0 || !body.endsWith(fence) || body.length < firstLine + fence.length) return undefined;
  return body.slice(firstLine + 1, -fence.length).replace(/\r?\n$/, "");
}
