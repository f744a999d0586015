/**
 * A model for other programs: a Hugging Face folder, read back tensor by tensor, and a GGUF file for llama.cpp and Ollama.
 *
 *   npm run recipe -- export FOLDER NEW_FOLDER [--pre NAME]
 *
 * `verify: false` leaves out asking the other program itself; `congling export` asks transformers and llama.cpp where they are
 * installed. What a format cannot hold is refused with the reason. llama.cpp knows how texts are cut into words by names only;
 * `--pre` gives one for a tokenizer whose rule has none. `glm4` fits one made by the recipe `tokenizer`: its merges stay inside Han
 * characters, so Chinese text becomes the same tokens.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { exportGguf, exportHf, readGgufVocabulary, sourceOfCheckpoint } from "../src/export/index.ts";
import { loadModel } from "../src/inference/index.ts";
import { openCheckpoint } from "../src/models/index.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { pre: { type: "string" } } });
const [folder, target] = positionals;
if (folder === undefined || target === undefined) {
  console.error("give a model folder and a new one: npm run recipe -- export FOLDER NEW_FOLDER");
  process.exit(2);
}

const checkpoint = await openCheckpoint(folder);
try {
  const source = sourceOfCheckpoint(checkpoint);
  const hf = await exportHf(source, join(target, "hf"), { tokenizerFrom: folder, verify: false });
  console.log(`${hf.tensors} tensors, equal bit for bit → ${hf.folder}`);
  const vocabulary = await readGgufVocabulary(folder, values.pre === undefined ? {} : { pre: values.pre });
  const file = join(target, "model-q8_0.gguf");
  await exportGguf(source, file, { type: "q8_0", vocabulary, verify: false });
  console.log(`8-bit weights → ${file}`);
} finally {
  await checkpoint.close();
}

// Greedy texts of both folders are the same, letter for letter.
const texts: (string | undefined)[] = [];
for (const each of [folder, join(target, "hf")]) {
  const model = await loadModel(each);
  const [answer] = await model.generate({ prompt: "白日依山尽，", maxNewTokens: 32 });
  texts.push(answer!.text);
  await model.dispose();
}
console.log(texts[0] === texts[1] ? `the same text: ${texts[0]}` : `DIFFERENT: ${texts.join(" / ")}`);
