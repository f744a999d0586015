/**
 * Runs another program's library in a process of its own, which knows nothing of Congling, and which may die: llama.cpp
 * ends its process when it meets a file it does not like.
 */
import { spawn } from "node:child_process";
import { CongError } from "../support/index.ts";

/** Most milliseconds a file may take to load and answer. */
const patience = 600_000;

export interface JudgeTask<Library, Request, Reply> {
  /** Name of the other program, for messages. */
  readonly judge: string;
  /** The file it judges, for messages. */
  readonly file: string;
  /** URL of the library's entry. */
  readonly library: string;
  /** How the library's exports are imported: `import * as x` or `import x`. */
  readonly imports: "namespace" | "default";
  /** Runs in the other process, from its own source text: it must not use anything from around it. */
  readonly work: (library: Library, request: Request) => Promise<Reply>;
  /** Plain JSON. */
  readonly request: Request;
}

type Message<Reply> = { readonly reply: Reply } | { readonly failure: string };

/** @throws CongError `VERIFICATION_FAILED` when the other program cannot load or run the file, with its messages */
export function askInProcess<Library, Request, Reply>(task: JudgeTask<Library, Request, Reply>): Promise<Reply> {
  const { judge, file } = task;
  const fail = (reason: string): CongError =>
    new CongError(
      "VERIFICATION_FAILED",
      `${judge} cannot run ${file}: ${reason.trim()}`,
      { judge, file },
      "the export is not usable with this program; its messages above say why",
    );
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", programOf(task)], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      serialization: "advanced",
      timeout: patience,
    });
    let message: Message<Reply> | undefined;
    let words = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-4000);
    });
    child.on("message", (received) => {
      message = received as Message<Reply>;
    });
    child.on("error", (error) => reject(fail(String(error))));
    child.on("close", (code, signal) => {
      if (message === undefined) reject(fail(`it ended with ${signal ?? code}\n${words}`));
      else if ("failure" in message) reject(fail(`${message.failure}\n${words}`));
      else resolve(message.reply);
    });
  });
}

function programOf<Library, Request, Reply>(task: JudgeTask<Library, Request, Reply>): string {
  const { library, imports, work, request } = task;
  // node-llama-cpp tries its library in a fork, which would inherit "--eval" and this program with it. And the program
  // ends itself: threads of the libraries may wait for ever after a failure.
  return `import ${imports === "namespace" ? "* as library" : "library"} from ${JSON.stringify(library)};
    process.execArgv = [];
    const end = (message) => process.send(message, () => process.exit(0));
    (${work.toString()})(library, ${JSON.stringify(request)}).then(
      (reply) => end({ reply }),
      (error) => end({ failure: String(error?.stack ?? error) }),
    );`;
}
