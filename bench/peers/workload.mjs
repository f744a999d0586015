// What the JavaScript peers share so that they do the same work as torch.py: the tokens, the initial weights, the
// measuring loop and the one line of JSON they print. Nothing here touches a tensor library.
// Letters in comments: B batch, T length, C hidden width, F feed-forward width, V vocabulary.

/** Reads the case from the program's one argument. */
export function readCase() {
  const text = process.argv[2];
  if (text === undefined) {
    throw new Error("no case given; pass one JSON argument such as the ones in README.md");
  }
  return { weights: "normal", check: false, ...JSON.parse(text) };
}

/** Token ids [B * (T+1)]: id at flat position i is (i * 7919 + 13) mod V; inputs are columns 0..T-1, targets 1..T. */
export function makeTokens({ batch, length, vocabulary }) {
  const inputs = new Int32Array(batch * length);
  const targets = new Int32Array(batch * length);
  for (let row = 0; row < batch; row++) {
    for (let column = 0; column < length; column++) {
      const flat = row * (length + 1) + column;
      inputs[row * length + column] = (flat * 7919 + 13) % vocabulary;
      targets[row * length + column] = ((flat + 1) * 7919 + 13) % vocabulary;
    }
  }
  return { inputs, targets };
}

/**
 * Initial weights as a flat list of { shape, data }, in the order and numbering of torch.py, matrices [in, out]: normal with deviation 0.02 and norm
 * gains of one, or with `weights: "sine"` 0.02 * sin(flat index + tensor number), gains plus one.
 */
export function makeWeights({ hidden, layers, feedForward, vocabulary, weights }) {
  const normal = makeNormal(1);
  let number = 0;
  const make = (rows, columns = 0) => {
    const isGain = columns === 0;
    const data = new Float32Array(rows * (isGain ? 1 : columns));
    for (let i = 0; i < data.length; i++) {
      if (weights === "sine") {
        data[i] = 0.02 * Math.sin(i + number) + (isGain ? 1 : 0);
      } else {
        data[i] = isGain ? 1 : 0.02 * normal();
      }
    }
    number++;
    return { shape: isGain ? [rows] : [rows, columns], data };
  };
  const list = [make(vocabulary, hidden)];
  for (let layer = 0; layer < layers; layer++) {
    list.push(make(hidden)); // attention norm
    list.push(make(hidden, hidden), make(hidden, hidden), make(hidden, hidden), make(hidden, hidden)); // q, k, v, output
    list.push(make(hidden)); // MLP norm
    list.push(make(hidden, feedForward), make(hidden, feedForward), make(feedForward, hidden)); // gate, up, down
  }
  list.push(make(hidden)); // final norm
  return list;
}

/** Names for a list in the order of `makeWeights`: weights, gradients or anything else one per tensor. */
export function nameWeights(list) {
  const blocks = [];
  for (let at = 1; at + 1 < list.length; at += 9) {
    const [attentionNorm, query, key, value, output, mlpNorm, gate, up, down] = list.slice(at, at + 9);
    blocks.push({ attentionNorm, query, key, value, output, mlpNorm, gate, up, down });
  }
  return { embedding: list[0], blocks, finalNorm: list.at(-1) };
}

/** Rotary tables [T, D/2], base 10000, for the half-split layout. */
export function makeRotary({ hidden, heads, length }) {
  const half = hidden / heads / 2;
  const cosine = new Float32Array(length * half);
  const sine = new Float32Array(length * half);
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * 10000 ** (-i / half);
      cosine[position * half + i] = Math.cos(angle);
      sine[position * half + i] = Math.sin(angle);
    }
  }
  return { cosine, sine, half };
}

/** Causal mask [T, T]: 0 where attending is allowed, a large negative number elsewhere. */
export function makeMask({ length }) {
  return Float32Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? -1e9 : 0));
}

/**
 * Runs `step` (returns a promise of the loss, read back) warmup + steps times and returns the row to print.
 * A peer that has to compile reports it as `compileMs`: time to the first step less the median.
 */
export async function measure(engine, details, step, { compiles, note, gradients }) {
  const times = [];
  const losses = [];
  for (let i = 0; i < details.warmup + details.steps; i++) {
    const start = performance.now();
    losses.push(await step(i));
    times.push(performance.now() - start);
    console.error(`${engine} ${details.case} step ${i + 1}: loss ${losses[i].toFixed(4)}, ${times[i].toFixed(0)} ms`);
  }
  const sorted = times.slice(details.warmup).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const ms = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  const { hidden, layers, feedForward, vocabulary, batch, length } = details;
  const parameters =
    vocabulary * hidden + layers * (4 * hidden * hidden + 3 * hidden * feedForward + 2 * hidden) + hidden;
  const flops = (6 * parameters + 12 * layers * hidden * length) * batch * length;
  return {
    case: details.case,
    engine,
    ms: round(ms),
    gflops: round(flops / ms / 1e6),
    gemmGflops: null,
    ratio: null,
    compileMs: compiles ? round(times[0] - ms) : null,
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024), // libuv gives KiB
    losses,
    note,
    ...(gradients?.length > 0 ? { gradients } : {}),
  };
}

/** [norm, sum of value[i] * cos(i)] of a gradient, as torch.py's `fingerprint`. */
export function fingerprint(data) {
  let squares = 0;
  let probe = 0;
  for (let i = 0; i < data.length; i++) {
    squares += data[i] * data[i];
    probe += data[i] * Math.cos(i);
  }
  return [Math.sqrt(squares), probe];
}

/** Seeded normal numbers: mulberry32 and the Box-Muller transform. */
function makeNormal(seed) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

function round(value) {
  return Math.round(value * 100) / 100;
}
