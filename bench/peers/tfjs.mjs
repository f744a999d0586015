// The training step of the benchmark `train-step` in TensorFlow.js, wasm backend.
//
//   node tfjs.mjs '{"case":"3m",...}'
//
// tfjs is eager: every operation is one wasm kernel. Its wasm matrix product is fast (XNNPACK) only for two
// matrices without transpose flags; batched or transposed ones take a loop about 13 times slower. This file keeps
// to the fast one: gradients transpose explicitly, attention goes head by head. See `note` and README.md.
// Letters in comments: B batch, T length, C hidden width, H heads, D head width, F feed-forward width, V vocabulary.

import { startWasm } from './tfjs-threads.mjs';
import {
  fingerprints,
  listWeights,
  makeMask,
  makeRotary,
  makeTokens,
  makeWeights,
  measure,
  readCase,
  unlistWeights,
} from './workload.mjs';

const details = readCase();
const { tf, active } = await startWasm(2);
const { hidden, layers, heads, feedForward, vocabulary, batch, length } = details;
const width = hidden / heads;

const { inputs, targets } = makeTokens(details);
const inputRows = tf.tensor1d(inputs, 'int32');
const inputIndices = tf.tensor2d(inputs, [batch * length, 1], 'int32');
const oneHotTargets = tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(targets, 'int32'), vocabulary), 'float32'));
const mask = tf.tensor2d(makeMask(details), [length, length]);
const rotary = makeRotaryTensors();

const parts = listWeights(makeWeights(details));
const variables = parts.map(({ tensor }) => tf.variable(tf.tensor(tensor.data, tensor.shape)));
const model = unlistWeights(variables);
const firstMoments = variables.map((variable) => tf.variable(tf.zerosLike(variable), false));
const secondMoments = variables.map((variable) => tf.variable(tf.zerosLike(variable), false));

// [N, K] x [K, M], gradients through explicit transposes.
const matmul = tf.customGrad((a, b, save) => {
  save([a, b]);
  return {
    value: tf.matMul(a, b),
    gradFunc: (dy, [a, b]) => [tf.matMul(dy, tf.transpose(b)), tf.matMul(tf.transpose(a), dy)],
  };
});

// [B*T] rows of the embedding. The wasm backend lacks the kernel of gather's own gradient; scatterND adds as well.
const embed = tf.customGrad((table, save) => {
  save([]);
  return {
    value: tf.gather(table, inputRows),
    gradFunc: (dy) => tf.scatterND(inputIndices, dy, [vocabulary, hidden]),
  };
});

// Mean cross-entropy of logits [B*T, V], with the closed-form gradient: saves two more passes over the logits.
const crossEntropy = tf.customGrad((logits, save) => {
  const probabilities = tf.softmax(logits);
  save([probabilities]);
  const picked = tf.sum(tf.mul(probabilities, oneHotTargets), -1);
  return {
    value: tf.neg(tf.mean(tf.log(picked))),
    gradFunc: (dy, [probabilities]) => tf.mul(tf.sub(probabilities, oneHotTargets), tf.div(dy, batch * length)),
  };
});

function makeRotaryTensors() {
  // x * cos + (x @ swap) * sin over both halves: a product with a constant [D, D] is cheaper here than split and concat.
  const { cosine, sine, half } = makeRotary(details);
  const swap = tf.buffer([width, width]);
  for (let i = 0; i < half; i++) {
    swap.set(-1, i + half, i);
    swap.set(1, i, i + half);
  }
  const table = (values) =>
    tf.tidy(() => {
      const one = tf.tensor2d(values, [length, half]);
      return tf.reshape(tf.concat([one, one], 1), [1, length, 1, width]);
    });
  return { cosine: table(cosine), sine: table(sine), swap: swap.toTensor() };
}

function rmsNorm(x, gain) {
  const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5));
  return tf.mul(tf.mul(x, scale), gain);
}

function rotate(x) {
  // x [B, T, 2H, D]
  const swapped = tf.reshape(matmul(tf.reshape(x, [-1, width]), rotary.swap), x.shape);
  return tf.add(tf.mul(x, rotary.cosine), tf.mul(swapped, rotary.sine));
}

function attention(x, block) {
  // x [B*T, C]
  const [both, value] = tf.split(matmul(x, block.qkv), [2 * hidden, hidden], 1);
  const rotated = tf.reshape(rotate(tf.reshape(both, [batch, length, 2 * heads, width])), [batch * length, 2 * hidden]);
  const queryKeys = tf.split(rotated, batch, 0); // B of [T, 2C]
  const values = tf.split(value, batch, 0); // B of [T, C]
  const mixed = queryKeys.map((queryKey, b) => {
    const queriesAndKeys = tf.split(queryKey, 2 * heads, 1); // [T, D] each
    const headValues = tf.split(values[b], heads, 1);
    return tf.concat(
      headValues.map((headValue, h) => {
        const scores = matmul(queriesAndKeys[h], tf.transpose(queriesAndKeys[heads + h])); // [T, T]
        return matmul(tf.softmax(tf.add(tf.mul(scores, width ** -0.5), mask)), headValue);
      }),
      1,
    );
  });
  return matmul(tf.concat(mixed, 0), block.output);
}

function forward() {
  let x = embed(model.embedding); // [B*T, C]
  for (const block of model.blocks) {
    x = tf.add(x, attention(rmsNorm(x, block.attentionNorm), block));
    const [gate, up] = tf.split(matmul(rmsNorm(x, block.mlpNorm), block.gateUp), [feedForward, feedForward], 1);
    x = tf.add(x, matmul(tf.mul(tf.mul(gate, tf.sigmoid(gate)), up), block.down));
  }
  return crossEntropy(matmul(rmsNorm(x, model.finalNorm), tf.transpose(model.embedding)));
}

function update(gradients, step) {
  const squares = gradients.map((gradient) => tf.sum(tf.square(gradient)));
  const norm = tf.sqrt(tf.addN(squares));
  const clip = tf.minimum(tf.div(1, tf.add(norm, 1e-6)), 1);
  const firstCorrection = 1 - 0.9 ** (step + 1);
  const secondCorrection = 1 - 0.95 ** (step + 1);
  variables.forEach((variable, i) => {
    const gradient = tf.mul(gradients[i], clip);
    firstMoments[i].assign(tf.add(tf.mul(firstMoments[i], 0.9), tf.mul(gradient, 0.1)));
    secondMoments[i].assign(tf.add(tf.mul(secondMoments[i], 0.95), tf.mul(tf.square(gradient), 0.05)));
    const root = tf.add(tf.mul(tf.sqrt(secondMoments[i]), secondCorrection ** -0.5), 1e-8);
    const change = tf.mul(tf.div(firstMoments[i], root), 3e-4 / firstCorrection);
    variable.assign(tf.sub(tf.mul(variable, 1 - 3e-4 * 0.1), change));
  });
}

const gradientPrints = [];
let tensorsAfterFirst = null;

async function step(number) {
  const loss = tf.tidy(() => {
    const { value, grads } = tf.variableGrads(forward, variables);
    const gradients = variables.map((variable) => grads[variable.name]);
    if (number === 0 && details.check) {
      gradients.forEach((gradient, i) => {
        gradientPrints.push(...fingerprints(gradient.dataSync(), gradient.shape, parts[i].parts));
      });
    }
    update(gradients, number);
    return value;
  });
  const value = (await loss.data())[0];
  loss.dispose();
  tensorsAfterFirst ??= tf.memory().numTensors;
  return value;
}

const row = await measure('tfjs', details, step, {
  compiles: false,
  gradients: gradientPrints,
  note:
    `tfjs-core ${tf.version_core}, ${active}; workarounds: own gradient of matMul with explicit transposes, attention ` +
    'as one plain product per head, embedding gradient by scatterND, closed-form cross-entropy gradient',
});
const leaked = tf.memory().numTensors - tensorsAfterFirst;
if (leaked !== 0) {
  row.note += `; ${leaked} tensors leaked`;
}
console.log(JSON.stringify(row));
process.exit(0); // the backend's workers would keep the process alive
