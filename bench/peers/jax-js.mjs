// The training step of the benchmark `train-step` in jax-js, wasm backend.
//
//   node jax-js.mjs '{"case":"3m",...}'
//
// The whole step (forward, backward, clip, AdamW) is one pure function of the parameters and moments, under one
// `jit`; CONGLING_PEER_EAGER=1 runs the same function without it, which takes twice as long here. jax-js counts references: every array is consumed
// by the call it is passed to, `.ref` takes another reference first.
// Letters in comments: B batch, T length, C hidden width, H heads, D head width, F feed-forward width, V vocabulary.

import { provideThreads } from "./jax-js-threads.mjs";
import {
  fingerprint,
  makeMask,
  makeRotary,
  makeTokens,
  makeWeights,
  measure,
  nameWeights,
  readCase,
} from "./workload.mjs";

const THREADS = 2;
provideThreads(THREADS);
const jax = await import("@jax-js/jax");
const { numpy: np, nn, tree, jit, valueAndGrad } = jax;
await jax.init();
jax.defaultDevice("wasm");

const details = readCase();
const { hidden, heads, vocabulary, batch, length } = details;
const width = hidden / heads;
const eager = process.env.CONGLING_PEER_EAGER === "1";

function rmsNorm(x, gain) {
  const scale = np.reciprocal(np.sqrt(np.mean(np.square(x.ref), -1, { keepdims: true }).add(1e-5)));
  return x.mul(scale).mul(gain);
}

function rotate(x, { cosine, sine }) {
  // x [B, T, H, D], half-split; cosine, sine [T, 1, D/2]
  const [first, second] = np.split(x, 2, -1);
  const left = first.ref.mul(cosine.ref).sub(second.ref.mul(sine.ref));
  const right = second.mul(cosine).add(first.mul(sine));
  return np.concatenate([left, right], -1);
}

function attention(x, block, constants) {
  // x [B*T, C]
  const split = (y) => y.reshape([batch, length, heads, width]);
  const byHead = (y) => y.transpose([0, 2, 1, 3]); // [B, H, T, D]
  const rotary = () => ({ cosine: constants.cosine.ref, sine: constants.sine.ref });
  const query = byHead(rotate(split(np.matmul(x.ref, block.query)), rotary()));
  const key = byHead(rotate(split(np.matmul(x.ref, block.key)), rotary()));
  const value = byHead(split(np.matmul(x, block.value)));
  const scores = np.matmul(query, key.transpose([0, 1, 3, 2])).mul(width ** -0.5); // [B, H, T, T]
  const mixed = np.matmul(nn.softmax(scores.add(constants.mask.ref), -1), value); // [B, H, T, D]
  return np.matmul(mixed.transpose([0, 2, 1, 3]).reshape([batch * length, hidden]), block.output);
}

function lossOf(list, constants) {
  const model = nameWeights(list);
  let x = np.take(model.embedding.ref, constants.inputs.ref, 0); // [B*T, C]
  for (const block of model.blocks) {
    x = x.ref.add(attention(rmsNorm(x, block.attentionNorm), block, constants));
    const normed = rmsNorm(x.ref, block.mlpNorm);
    const gated = nn.silu(np.matmul(normed.ref, block.gate)).mul(np.matmul(normed, block.up)); // [B*T, F]
    x = x.add(np.matmul(gated, block.down));
  }
  const logits = np.matmul(rmsNorm(x, model.finalNorm), model.embedding.transpose()); // [B*T, V]
  const picked = nn.logSoftmax(logits, -1).mul(constants.targets.ref).sum();
  tree.dispose(constants);
  return picked.mul(-1 / (batch * length));
}

// corrections [2]: 1 / (1 - beta^step) of the first moment, 1 / sqrt(1 - beta^step) of the second.
function trainStep(parameters, first, second, corrections, constants) {
  const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(parameters), constants);
  const squares = gradients.map((gradient) => np.square(gradient.ref).sum());
  const norm = np.sqrt(squares.reduce((sum, square) => sum.add(square)));
  const clip = np.minimum(np.reciprocal(norm.add(1e-6)), 1);
  const [firstCorrection, secondCorrection] = np.split(corrections, 2);
  const next = { loss, parameters: [], first: [], second: [] };
  gradients.forEach((gradient, i) => {
    const clipped = gradient.mul(clip.ref);
    const m = first[i].mul(0.9).add(clipped.ref.mul(0.1));
    const v = second[i].mul(0.95).add(np.square(clipped).mul(0.05));
    const root = np.sqrt(v.ref).mul(secondCorrection.ref).add(1e-8);
    const change = m.ref.mul(firstCorrection.ref).mul(3e-4).div(root);
    next.parameters.push(parameters[i].mul(1 - 3e-4 * 0.1).sub(change));
    next.first.push(m);
    next.second.push(v);
  });
  clip.dispose();
  firstCorrection.dispose();
  secondCorrection.dispose();
  return next;
}

function oneHot(ids) {
  const data = new Float32Array(ids.length * vocabulary);
  ids.forEach((id, row) => {
    data[row * vocabulary + id] = 1;
  });
  return np.array(data).reshape([ids.length, vocabulary]);
}

const tokens = makeTokens(details);
const rotaryTables = makeRotary(details);
const rotaryShape = [length, 1, rotaryTables.half];
const constants = {
  inputs: np.array(tokens.inputs, { dtype: np.int32 }),
  targets: oneHot(tokens.targets),
  mask: np.array(makeMask(details)).reshape([length, length]),
  cosine: np.array(rotaryTables.cosine).reshape(rotaryShape),
  sine: np.array(rotaryTables.sine).reshape(rotaryShape),
};
let parameters = makeWeights(details).map(({ shape, data }) => np.array(data).reshape(shape));
let first = parameters.map((parameter) => np.zeros(parameter.shape));
let second = parameters.map((parameter) => np.zeros(parameter.shape));
await jax.blockUntilReady([parameters, first, second, constants]);

const gradientPrints = [];
if (details.check) {
  const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(parameters), tree.ref(constants));
  loss.dispose();
  for (const gradient of gradients) {
    gradientPrints.push(fingerprint(await gradient.data()));
  }
}

const run = eager ? trainStep : jit(trainStep);

async function step(number) {
  const corrections = np.array(new Float32Array([1 / (1 - 0.9 ** (number + 1)), (1 - 0.95 ** (number + 1)) ** -0.5]));
  const next = run(parameters, first, second, corrections, tree.ref(constants));
  ({ parameters, first, second } = next);
  await jax.blockUntilReady([parameters, first, second]);
  return (await next.loss.data())[0];
}

const row = await measure("jax-js", details, step, {
  compiles: !eager,
  gradients: gradientPrints,
  note: `wasm, ${THREADS} workers, ${eager ? "eager" : "jit of the whole step"}; targets as one-hot rows`,
});
console.log(JSON.stringify(row));
process.exit(0); // the workers would keep the process alive
