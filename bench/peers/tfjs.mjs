// The training step of the benchmark `train-step` in TensorFlow.js, wasm backend.
//
//   node tfjs.mjs '{"case":"3m",...}'
//
// tfjs is eager: every operation is one wasm kernel. Its wasm matrix product is fast (XNNPACK) only for two
// matrices without transpose flags; batched or transposed ones take a loop about 13 times slower. This file keeps
// to the fast one: gradients transpose explicitly, attention goes head by head. See `note` and README.md.
// Letters in comments: B batch, T length, C hidden width, H heads, D head width, F feed-forward width, V vocabulary.

import { startWasm } from "./tfjs-threads.mjs";
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

const details = readCase();
const { tf, active } = await startWasm(2);
const { hidden, heads, vocabulary, batch, length } = details;
const width = hidden / heads;

const { inputs, targets } = makeTokens(details);
const inputRows = tf.tensor1d(inputs, "int32");
const inputIndices = tf.tensor2d(inputs, [batch * length, 1], "int32");
const oneHotTargets = tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(targets, "int32"), vocabulary), "float32"));
const mask = tf.tensor2d(makeMask(details), [length, length]);
const rotary = makeRotaryTensors();

const variables = makeWeights(details).map(({ shape, data }) => tf.variable(tf.tensor(data, shape)));
const model = nameWeights(variables);
const firstMoments = variables.map((variable) => tf.variable(tf.zerosLike(variable), false));
const secondMoments = variables.map((variable) => tf.variable(tf.zerosLike(variable), false));

// Tensors that a gradient needs. customGrad's own `save` copies them in this backend; keeping them does not.
const kept = new Set();
function keep(tensor) {
  if (!(tensor instanceof tf.Variable || tensor.kept)) {
    kept.add(tf.keep(tensor));
  }
}

// [N, K] x [K, M], gradients through explicit transposes.
const matmul = tf.customGrad((a, b) => {
  keep(a);
  keep(b);
  return {
    value: tf.matMul(a, b),
    gradFunc: (dy) => [tf.matMul(dy, tf.transpose(b)), tf.matMul(tf.transpose(a), dy)],
  };
});

// The B*H heads of x [B*H, T*D] as [T, D] each, in two levels: this backend's split copies its whole input per piece.
const splitHeads = (x) =>
  tf.split(x, batch, 0).flatMap((rows) => tf.split(rows, heads, 0).map((head) => tf.reshape(head, [length, width])));

// Causal attention of query, key and value [B*H, T*D] each, head by head; value [B*H*T, D]. One operation with its
// gradient written out, as splitting and joining heads on the tape costs more than the attention itself.
const attend = tf.customGrad((query, key, value) => {
  const [queries, keys, values] = [query, key, value].map(splitHeads);
  const scaled = queries.map((head) => tf.mul(head, width ** -0.5));
  const probabilities = scaled.map((head, i) =>
    tf.tidy(() => tf.softmax(tf.add(tf.matMul(head, tf.transpose(keys[i])), mask))),
  ); // [T, T] each
  for (const list of [scaled, keys, values, probabilities]) {
    list.forEach(keep);
  }
  const gradFunc = (dy) => {
    const gradients = splitHeads(tf.reshape(dy, query.shape)).map((dMixed, i) =>
      tf.tidy(() => {
        const p = probabilities[i];
        const dP = tf.matMul(dMixed, tf.transpose(values[i])); // [T, T]
        const dScores = tf.mul(p, tf.sub(dP, tf.sum(tf.mul(dP, p), -1, true)));
        return [
          tf.mul(tf.matMul(dScores, keys[i]), width ** -0.5),
          tf.matMul(tf.transpose(dScores), scaled[i]),
          tf.matMul(tf.transpose(p), dMixed),
        ];
      }),
    );
    return [0, 1, 2].map((which) =>
      tf.reshape(
        tf.concat(
          gradients.map((gradient) => gradient[which]),
          0,
        ),
        query.shape,
      ),
    );
  };
  return {
    value: tf.concat(
      probabilities.map((p, i) => tf.matMul(p, values[i])),
      0,
    ),
    gradFunc,
  };
});

// [B*T] rows of the embedding. The wasm backend lacks the kernel of gather's own gradient; scatterND adds as well.
const embed = tf.customGrad((table) => ({
  value: tf.gather(table, inputRows),
  gradFunc: (dy) => tf.scatterND(inputIndices, dy, [vocabulary, hidden]),
}));

// Mean cross-entropy of logits [B*T, V], with the closed-form gradient: saves two more passes over the logits.
const crossEntropy = tf.customGrad((logits) => {
  const probabilities = tf.softmax(logits);
  keep(probabilities);
  const picked = tf.sum(tf.mul(probabilities, oneHotTargets), -1);
  return {
    value: tf.neg(tf.mean(tf.log(picked))),
    gradFunc: (dy) => tf.mul(tf.sub(probabilities, oneHotTargets), tf.div(dy, batch * length)),
  };
});

function makeRotaryTensors() {
  // x * cos + (x @ swap) * sin over both halves: a product with a constant [D, D] is cprojecteder here than split and concat.
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
  return { cosine: table(cosine), sine: table(sine), swap: tf.keep(swap.toTensor()) };
}

function rmsNorm(x, gain) {
  const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5));
  return tf.mul(tf.mul(x, scale), gain);
}

function rotate(x) {
  // x [B, T, H, D]
  const swapped = tf.reshape(matmul(tf.reshape(x, [-1, width]), rotary.swap), x.shape);
  return tf.add(tf.mul(x, rotary.cosine), tf.mul(swapped, rotary.sine));
}

function attention(x, block) {
  // x [B*T, C]
  const byHead = (y) => tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [batch * heads, length * width]);
  const projected = [block.query, block.key, block.value].map((w) =>
    tf.reshape(matmul(x, w), [batch, length, heads, width]),
  );
  const mixed = attend(byHead(rotate(projected[0])), byHead(rotate(projected[1])), byHead(projected[2])); // [B*H*T, D]
  const joined = tf.transpose(tf.reshape(mixed, [batch, heads, length, width]), [0, 2, 1, 3]);
  return matmul(tf.reshape(joined, [batch * length, hidden]), block.output);
}

function forward() {
  let x = embed(model.embedding); // [B*T, C]
  for (const block of model.blocks) {
    x = tf.add(x, attention(rmsNorm(x, block.attentionNorm), block));
    const normed = rmsNorm(x, block.mlpNorm);
    const gate = matmul(normed, block.gate); // [B*T, F]
    x = tf.add(x, matmul(tf.mul(tf.mul(gate, tf.sigmoid(gate)), matmul(normed, block.up)), block.down));
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
      gradientPrints.push(...gradients.map((gradient) => fingerprint(gradient.dataSync())));
    }
    for (const tensor of kept) {
      tensor.dispose();
    }
    kept.clear();
    update(gradients, number);
    return value;
  });
  const value = (await loss.data())[0];
  loss.dispose();
  tensorsAfterFirst ??= tf.memory().numTensors;
  return value;
}

const row = await measure("tfjs", details, step, {
  compiles: false,
  gradients: gradientPrints,
  note:
    `tfjs-core ${tf.version_core}, ${active}; workarounds: own gradient of matMul with explicit transposes, attention ` +
    "head by head with its gradient written out, embedding gradient by scatterND, closed-form cross-entropy gradient",
});
const leaked = tf.memory().numTensors - tensorsAfterFirst;
if (leaked !== 0) {
  row.note += `; ${leaked} tensors leaked`;
}
console.log(JSON.stringify(row));
process.exit(0); // the backend's workers would keep the process alive
