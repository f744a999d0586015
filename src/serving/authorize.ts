/** Keys of the API, compared in constant time. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { ApiError } from "./api-error.ts";

/** Lets a request pass that brings `Authorization: Bearer KEY` with one of the keys. */
export function requireKey(keys: readonly string[]): MiddlewareHandler {
  const digests = keys.map(digestOf);
  return async (context, next) => {
    const [, given] = /^Bearer +(.+)$/i.exec(context.req.header("authorization") ?? "") ?? [];
    if (given === undefined) {
      throw new ApiError(401, "You didn't provide an API key: send it as 'Authorization: Bearer KEY'", {
        code: "invalid_api_key",
      });
    }
    // Digests have one length, and every key is compared: the time taken tells nothing.
    const digest = digestOf(given);
    const matches = digests.filter((each) => timingSafeEqual(each, digest));
    if (matches.length === 0) throw new ApiError(401, "Incorrect API key provided", { code: "invalid_api_key" });
    await next();
  };
}

const digestOf = (key: string): Buffer => createHash("sha256").update(key).digest();
