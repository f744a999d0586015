/**
 * A model behind an OpenAI-compatible interface, and a client that talks with it: no library needed but `fetch`.
 *
 *   node dist/recipes/serve.js FOLDER "写一首五言绝句"
 *
 * `createApp` gives a handler for requests, `listen` puts it behind a port. The answer comes as server-sent events, one line of
 * JSON for each piece of text.
 */
import { loadModel } from "../src/inference/index.ts";
import { createApp, listen } from "../src/serving/index.ts";

const [folder, question = "你好"] = process.argv.slice(2);
if (folder === undefined) {
  console.error("give a model folder: node dist/recipes/serve.js FOLDER [QUESTION]");
  process.exit(2);
}

const model = await loadModel(folder);
const app = createApp(model, { name: "mine", onFailure: console.error });
const server = await listen(app, { port: 0 });
try {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "mine",
      messages: [{ role: "user", content: question }],
      max_tokens: 128,
      temperature: 0.8,
      seed: 1,
      stream: true,
    }),
  });
  if (!response.ok) throw new Error(await response.text());
  let unread = "";
  for await (const bytes of response.body!.pipeThrough(new TextDecoderStream())) {
    unread += bytes;
    const events = unread.split("\n\n");
    unread = events.pop()!; // the last one may not be complete
    for (const event of events) {
      const data = event.slice("data: ".length);
      if (data === "[DONE]") break;
      const { choices } = JSON.parse(data) as { choices: { delta: { content?: string } }[] };
      process.stdout.write(choices[0]?.delta.content ?? "");
    }
  }
  process.stdout.write("\n");
} finally {
  await server.close();
  await model.dispose();
}
