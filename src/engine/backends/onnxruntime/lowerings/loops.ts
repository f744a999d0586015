/** Scan, and random bits: the ops that take more than a handful of ONNX nodes. */
import { type OnnxValue, onnxDataTypes } from "../../../../formats/onnx/index.ts";
import { type Dim, productOfDims } from "../../../graph/dims.ts";
import { keepScale, keepThreshold } from "../../../ops/random.ts";
import { parity, rotations, rounds } from "../../x64/threefry.ts";
import type { Lowerer, LoweringTable } from "../lowering.ts";
import { paramsOf } from "./tensor.ts";

export const loops = {
  scan: (lower, node, inputs) => {
    const { body, carries, sequences, reverse } = paramsOf<"scan">(node);
    const innerInputs = body.inputs.slice(0, carries + sequences).map((_, i) => lower.fresh(`scan input ${i}`));
    const captured = inputs.slice(carries + sequences);
    const { nodes, outputs } = lower.subgraph(body, [...innerInputs, ...captured]);
    const value = (name: string, index: number, list: typeof body.inputs): OnnxValue => {
      const { dtype, shape } = body.types[list[index]!.value]!;
      return { name, dtype, shape };
    };
    // Every output of the body needs a name of its own: histories repeat the carries.
    const results: { name: string; value: OnnxValue; output: number }[] = [];
    const result = (index: number, output: number) => {
      const name = lower.fresh("scan output");
      nodes.push({ op: "Identity", name, inputs: [outputs[index]!], outputs: [name] });
      results.push({ name, value: value(name, index, body.outputs), output });
    };
    for (let i = 0; i < carries; i++) result(i, i);
    for (let i = 0; i < body.outputs.length; i++) if (lower.isUsed(carries + i)) result(i, carries + i);
    const scanned = results.length - carries;
    const direction = (count: number) => ({ ints: new Array<number>(count).fill(Number(reverse)) });
    const made = lower.emitAll("Scan", inputs.slice(0, carries + sequences), {
      outputs: results.length,
      attributes: {
        num_scan_inputs: { int: sequences },
        scan_input_directions: direction(sequences),
        ...(scanned === 0 ? {} : { scan_output_directions: direction(scanned) }),
        body: {
          graph: {
            name: "body",
            nodes,
            inputs: innerInputs.map((name, i) => value(name, i, body.inputs)),
            outputs: results.map((entry) => entry.value),
            initializers: [],
          },
        },
      },
    });
    const byOutput = new Map(results.map((entry, i) => [entry.output, made[i]!]));
    return node.outputs.map((_, i) => byOutput.get(i) ?? "");
  },

  shiftRight: (lower, node, [x]) => [shift(lower, x!, paramsOf<"shiftRight">(node).bits, "RIGHT")],

  randomBits: (lower, node, [key]) => {
    const { count, stream } = paramsOf<"randomBits">(node);
    return [randomWords(lower, key!, count, stream)];
  },

  dropoutMask: (lower, node, [key]) => {
    const { shape, stream, rate } = paramsOf<"dropoutMask">(node);
    const words = randomWords(lower, key!, productOfDims(shape), stream);
    const upper = castTo(lower, shift(lower, words, 8, "RIGHT"), "float32"); // 24 bits, which float32 holds exactly
    const kept = lower.emit("GreaterOrEqual", [upper, lower.constant("float32", [], [keepThreshold(rate)])]);
    const [scale, zero] = [lower.constant("float32", [], [keepScale(rate)]), lower.constant("float32", [], [0])];
    return [lower.emit("Reshape", [lower.emit("Where", [kept, scale, zero]), lower.shape(shape)])];
  },
} as const satisfies LoweringTable;

/** `count` words of a stream: Threefry written out in ONNX ops. */
function randomWords(lower: Lowerer, key: string, count: Dim, stream: number): string {
  const words = toUint32(lower, key);
  const word = (index: number) => lower.emit("Gather", [words, lower.constant("int64", [], [index])]);
  const uint32 = (value: number) => lower.constant("uint32", [], [value >>> 0]);
  const [k0, k1] = [word(0), word(1)];
  const mixed = lower.emit("BitwiseXor", [lower.emit("BitwiseXor", [k0, k1]), uint32(parity)]);
  const keys = [k0, k1, mixed] as const;
  // Blocks 0 … ⌈count/2⌉ − 1: counter words are (block, stream).
  const size = lower.emit("Squeeze", [lower.shape([count])]);
  const half = lower.emit("Div", [lower.emit("Add", [size, int64(lower, 1)]), int64(lower, 2)]);
  const blocks = toUint32(lower, lower.emit("Range", [int64(lower, 0), half, int64(lower, 1)]));
  const streams = lower.emit("Expand", [uint32(stream), lower.emit("Shape", [blocks])]);
  let x0 = addWords(lower, blocks, k0);
  let x1 = addWords(lower, streams, k1);
  for (let round = 0; round < rounds; round++) {
    x0 = addWords(lower, x0, x1);
    x1 = lower.emit("BitwiseXor", [rotate(lower, x1, rotations[round % 8]!), x0]);
    if (round % 4 !== 3) continue;
    const injection = (round + 1) / 4;
    x0 = addWords(lower, x0, keys[injection % 3]!);
    x1 = addWords(lower, x1, addWords(lower, keys[(injection + 1) % 3]!, uint32(injection)));
  }
  const all = lower.emit("Concat", [x0, x1], { attributes: { axis: { int: 0 } } });
  return lower.emit("Slice", [all, lower.constant("int64", [1], [0]), lower.shape([count])]);
}

const int64 = (lower: Lowerer, value: number): string => lower.constant("int64", [], [value]);
const castTo = (lower: Lowerer, x: string, to: keyof typeof onnxDataTypes): string =>
  lower.emit("Cast", [x], { attributes: { to: { int: onnxDataTypes[to] } } });
/** Keeps the low 32 bits. */
const toUint32 = (lower: Lowerer, x: string): string => castTo(lower, x, "uint32");
const shift = (lower: Lowerer, x: string, bits: number, direction: "LEFT" | "RIGHT"): string =>
  lower.emit("BitShift", [x, lower.constant("uint32", [], [bits])], {
    attributes: { direction: { string: direction } },
  });
const rotate = (lower: Lowerer, x: string, bits: number): string =>
  lower.emit("BitwiseOr", [shift(lower, x, bits, "LEFT"), shift(lower, x, 32 - bits, "RIGHT")]);
const addWords = (lower: Lowerer, a: string, b: string): string => lower.emit("Add", [a, b]);
