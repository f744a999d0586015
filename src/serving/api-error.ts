/** Errors in the shape of OpenAI's API: `{error: {message, type, param, code}}`. */
import type { z } from "zod";
import { CongError } from "../support/index.ts";

/** HTTP status codes that the server answers errors with. */
export type ErrorStatus = 400 | 401 | 404 | 405 | 413 | 429 | 500;

export interface ApiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** A refusal that the client is to read. */
export class ApiError extends Error {
  readonly status: ErrorStatus;
  readonly body: ApiErrorBody;

  constructor(status: ErrorStatus, message: string, options: { param?: string | undefined; code?: string } = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    const { param = null, code = null } = options;
    this.body = { error: { message, type: types[status], param, code } };
  }
}

const types: Readonly<Record<ErrorStatus, string>> = {
  400: "invalid_request_error",
  401: "invalid_request_error",
  404: "invalid_request_error",
  405: "invalid_request_error",
  413: "invalid_request_error",
  429: "rate_limit_error",
  500: "server_error",
};

/** Errors of the library that are the request's fault, with OpenAI's code where it has one. */
const requestFaults: Readonly<Record<string, string | undefined>> = {
  BAD_ARGUMENT: undefined,
  BAD_MESSAGE: undefined,
  BAD_TOOL: undefined,
  ID_OUT_OF_RANGE: undefined,
  NO_TOKEN_LEFT: undefined,
  NO_TOKENIZER: undefined,
  UNKNOWN_CHAT_TEMPLATE: undefined,
  BAD_CHAT_TEMPLATE: undefined,
  TEMPLATE_FAILED: undefined,
  TEMPLATE_REFUSED: undefined,
  ROLE_ORDER: undefined,
  UNSUPPORTED_BY_TEMPLATE: undefined,
  CANNOT_GENERATE: undefined,
  PROMPT_TOO_LONG: "context_length_exceeded",
  CONTEXT_FULL: "context_length_exceeded",
};

/** What the client is told of any error. Inner failures are named, their stack is not shown. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (!CongError.is(error)) return new ApiError(500, "the server failed while it answered; see its log");
  if (error.code === "QUEUE_FULL") return new ApiError(429, error.message, { code: "queue_full" });
  if (!Object.hasOwn(requestFaults, error.code)) return new ApiError(500, error.message);
  const code = requestFaults[error.code];
  return new ApiError(400, error.message, code === undefined ? {} : { code });
}

/** The first problem that the schema found, with the path of the field. */
export function apiErrorOfSchema(error: z.ZodError): ApiError {
  const [issue] = error.issues;
  const path = (issue?.path ?? []).map(String);
  if (issue?.code === "unrecognized_keys") {
    const param = [...path, issue.keys[0]!].join(".");
    return new ApiError(400, `Unrecognized request argument supplied: ${param}`, { param });
  }
  const param = path.length === 0 ? undefined : path.join(".");
  const text = issue?.message ?? "the request is not valid";
  return new ApiError(400, param === undefined ? text : `'${param}': ${text}`, { param });
}
