/** Tool calls of GLM-4 and GLM-4-0414: the name, a line break, a JSON object. */
import type { CallFormat } from "./header-calls.ts";

export const glm4Calls: CallFormat = {
  beginsLikeCall: (_name, body) => (body === "" ? undefined : body.startsWith("{")),
  parse(_name, body) {
    const json = body.trim();
    try {
      const value: unknown = JSON.parse(json);
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return { json };
      return { reason: "the arguments are not a JSON object" };
    } catch (error) {
      return { reason: `the arguments are not JSON: ${(error as Error).message}` };
    }
  },
};
