/** `congling serve`: a model behind an OpenAI-compatible interface. */
import { basename, resolve } from "node:path";
import { Command } from "commander";
import { createApp, listen } from "../serving/index.ts";
import { loadModelFor, type ModelOptions, withModelOptions } from "./model-options.ts";
import { collect, numberBetween, wholeNumber } from "./parse-number.ts";

interface ServeOptions extends ModelOptions {
  readonly host: string;
  readonly port: number;
  readonly name?: string;
  readonly apiKey?: readonly string[];
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxTokens?: number;
  readonly queue: number;
}

const examples = `
Routes: /v1/models, /v1/chat/completions, /v1/completions, /health. Any OpenAI client works: set its base URL to
http://HOST:PORT/v1. Requests are answered one after the other; a client that leaves ends its work.
Keys can also come from the environment variable CONGLING_API_KEY (several, separated by commas).

Examples:
  congling serve runs/quickstart/model
  congling serve models/glm-4-9b-chat --dtype int4 --port 9000 --name glm-4
  congling serve runs/sft --host 0.0.0.0 --api-key "$(openssl rand -hex 16)"
  curl http://127.0.0.1:8000/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"messages": [{"role": "user", "content": "写一首五言绝句"}]}'
`;

export function serveCommand(): Command {
  const command = new Command("serve")
    .description("serve a model over HTTP, as OpenAI's API does")
    .argument("<dir>", "folder of a model, or of a run: the model or adapter that it made")
    .option("--host <address>", "address to listen on; 0.0.0.0 lets other machines in", "127.0.0.1")
    .option("--port <n>", "port; 0 takes any free one", wholeNumber(0), 8000)
    .option("--name <name>", "the model's name in the interface (default: name of the folder)")
    .option("--api-key <key>", "ask for this key (may be given several times)", collect)
    .option("--temperature <t>", "for requests that name none (default: 1)", numberBetween(0, 2))
    .option("--top-p <p>", "for requests that name none (default: 1)", numberBetween(0, 1))
    .option("--max-tokens <n>", "for requests that name none (default: up to the end of the context)", wholeNumber(1))
    .option("--queue <n>", "requests that may wait; more get status 429", wholeNumber(0), 100);
  return withModelOptions(command)
    .addHelpText("after", examples)
    .exitOverride()
    .showHelpAfterError("(see --help)")
    .action(serve);
}

async function serve(folder: string, options: ServeOptions): Promise<void> {
  const model = await loadModelFor(folder, options);
  const { host, port, name = basename(resolve(folder)), temperature, topP, maxTokens } = options;
  const apiKeys = [...(options.apiKey ?? []), ...(process.env.CONGLING_API_KEY ?? "").split(",")].filter(
    (key) => key !== "",
  );
  const app = createApp(model, {
    name,
    apiKeys,
    defaults: { temperature, topP, maxTokens },
    queueLimit: options.queue,
    onFailure: (error) => process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`),
  });
  try {
    const server = await listen(app, { host, port });
    process.stderr.write(`serving "${name}" (${model.dtype}) at ${server.url}/v1\n`);
    if (apiKeys.length === 0 && !["127.0.0.1", "::1", "localhost"].includes(host)) {
      process.stderr.write("warning: everyone who reaches this address may use the model; --api-key asks for a key\n");
    }
    await new Promise<void>((stop) => {
      process.once("SIGINT", stop);
      process.once("SIGTERM", stop);
    });
    await server.close();
  } finally {
    await model.dispose();
  }
}
