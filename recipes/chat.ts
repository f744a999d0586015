/**
 * A conversation: messages in, an answer token by token out, and the answer becomes part of what is sent next.
 *
 *   npm run recipe -- chat FOLDER [QUESTION…] [--adapter FOLDER]
 *
 * `congling chat` adds what a person at a keyboard wants: history, commands, forgetting what no longer fits.
 */
import { parseArgs } from "node:util";
import { loadModel } from "../src/inference/index.ts";
import type { ChatMessage } from "../src/tokenizers/index.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { adapter: { type: "string" } } });
const [folder, ...given] = positionals;
if (folder === undefined) {
  console.error("give a model folder: npm run recipe -- chat FOLDER [QUESTION…]");
  process.exit(2);
}
const questions = given.length > 0 ? given : ["以“秋夜”为题写一首五绝。", "以“登高”为题写一首七绝。"];

const model = await loadModel(folder, { adapter: values.adapter });
const messages: ChatMessage[] = [];
for (const [turn, content] of questions.entries()) {
  console.log(`> ${content}`);
  messages.push({ role: "user", content });
  let answer = "";
  const settings = { maxNewTokens: 96, temperature: 0.7, topP: 0.9, seed: turn };
  for await (const { text } of model.stream({ messages, ...settings })) {
    // GLM begins an answer with a line break, which its template writes by itself when the answer is sent again.
    const piece = answer === "" ? text.trimStart() : text;
    process.stdout.write(piece);
    answer += piece;
  }
  process.stdout.write("\n");
  messages.push({ role: "assistant", content: answer });
}
await model.dispose();
