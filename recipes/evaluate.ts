/**
 * How good is a model, and how sure is that? A task of one's own, the built-in ones beside it, and the table.
 *
 *   node dist/recipes/evaluate.js FOLDER
 *
 * A task is data: items to ask, and for generated answers a function that scores them. This one asks for the capital of a country, and
 * compares how likely the model finds each of three answers; nothing is generated, so it works for models that only continue texts.
 */
import { type ChoiceTask, dataFolders, evaluate, reportTable, tasks } from "../src/evaluation/index.ts";
import { loadModel } from "../src/inference/index.ts";

const capitals = [
  ["中国", "北京"],
  ["法国", "巴黎"],
  ["日本", "东京"],
  ["英国", "伦敦"],
  ["埃及", "开罗"],
] as const;

const capitalTask: ChoiceTask = {
  kind: "choice",
  name: "capitals",
  title: "capitals, three options",
  titleZh: "首都（三选一）",
  version: 1,
  load: async ({ shots }) =>
    capitals.map(([country, capital], i) => {
      // The next two capitals of the list are the wrong answers, and solved questions come from the others.
      const wrong = [1, 2].map((step) => capitals[(i + step) % capitals.length]![1]);
      const solved = capitals.filter(([other]) => other !== country).slice(0, shots);
      const examples = solved.map(([other, answer]) => `${other}的首都是${answer}。`).join("");
      return { id: country, context: `${examples}${country}的首都是`, choices: [capital, ...wrong], answer: 0 };
    }),
};

const folder = process.argv[2];
if (folder === undefined) {
  console.error("give a model folder: node dist/recipes/evaluate.js FOLDER");
  process.exit(2);
}
const model = await loadModel(folder);
try {
  const wanted = [capitalTask, tasks["poem-next-line"]!, tasks["poem-surprise"]!];
  // 200 items are enough to see a difference of some points; the interval says how sure it is.
  const result = await evaluate(model, wanted, { name: folder, data: dataFolders(), limit: 200, seed: 0 });
  console.log(reportTable(result));
} finally {
  await model.dispose();
}
