/** The three ways in which a PyTorch file is refused. */
import { CongError } from "../../support/errors.ts";

/** Text of a stranger's file, short enough and quoted for a message. */
export const quote = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);

/** Not what the format says: code `PICKLE_INVALID`. */
export const invalid = (file: string, what: string): CongError =>
  new CongError(
    "PICKLE_INVALID",
    `${file}: ${what}`,
    { file },
    "the file is damaged, cut short or not a PyTorch checkpoint: download or export it again",
  );

/** Well-formed, but of a kind that is not read: code `PICKLE_UNSUPPORTED`. */
export const unsupported = (file: string, what: string, hint: string): CongError =>
  new CongError("PICKLE_UNSUPPORTED", `${file}: ${what}`, { file }, hint);

/** Asks for something that only running code could give: code `PICKLE_UNSAFE`. */
export const unsafe = (file: string, name: string, what: string): CongError =>
  new CongError(
    "PICKLE_UNSAFE",
    `${file}: ${what}`,
    { file, name },
    "nothing was run: Congling reads tensors and never executes what a file asks for; do not open it elsewhere unless you trust its author, and ask for safetensors",
  );
