/**
 * The one error class of the project. A message has three parts: what was got, what was wanted, what to do next.
 * `code` is stable and meant for programs; `details` holds the operands (shapes, names, paths) unformatted.
 */
const marker = Symbol.for("congling.error");

export class CongError extends Error {
  readonly [marker] = true;
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;

  constructor(code: string, what: string, details: Readonly<Record<string, unknown>> = {}, hint?: string) {
    super(hint === undefined ? what : `${what}\n  hint: ${hint}`);
    this.name = "CongError";
    this.code = code;
    this.details = details;
    this.hint = hint;
  }

  /** True for errors of this project, also across two installed copies of the package. */
  static is(value: unknown): value is CongError {
    return typeof value === "object" && value !== null && marker in value;
  }
}
