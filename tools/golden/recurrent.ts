/**
 * A two-layer bidirectional LSTM and a one-layer GRU against PyTorch 2.11: outputs, and gradients of mean(output²) for
 * every parameter: rnn.safetensors. Tolerances are those of the fixtures' README.
 */
import {
  type Backend,
  flattenTree,
  type HostTensor,
  mean,
  mul,
  type Tensor,
  toNumbers,
} from "../../src/engine/index.ts";
import { type CellName, type Recurrent, recurrent, recurrentFromTorch } from "../../src/nn/index.ts";
import { relativeError, runTraced } from "../../src/nn/run-traced.fixture.ts";
import type { Quantity } from "./quantity.ts";
import { readTensors } from "./read-tensors.ts";

type Tensors = Readonly<Record<string, HostTensor>>;

/** Entries under a prefix, which is taken off. */
export const under = (tensors: Tensors, prefix: string): Record<string, HostTensor> =>
  Object.fromEntries(
    Object.entries(tensors).flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
    ),
  );

/** The recorded networks, and how many parameters each has. */
export const recurrentCells = { lstm: 16, gru: 4 } as const satisfies Partial<Record<CellName, number>>;

/** Output and gradients of one recorded network. */
export async function recurrentErrors(
  golden: Tensors,
  cell: keyof typeof recurrentCells,
  backend: Backend,
): Promise<Quantity[]> {
  const parameters = recurrentFromTorch(under(golden, `${cell}.state.`));
  const build = (p: Recurrent<Tensor>, given: { readonly x: Tensor }) => {
    const { output } = recurrent(p, given.x, { cell });
    return { output, loss: mean(mul(output, output)) };
  };
  const found = await runTraced(parameters, { x: golden[`${cell}.x`]! }, build, backend);
  const expected = flattenTree<HostTensor>(recurrentFromTorch(under(golden, `${cell}.grad.`)));
  const all = expected.flatMap(([, gradient]) => toNumbers(gradient));
  const floor = 1e-3 * Math.max(...all.map(Math.abs));
  const output = relativeError(found.output, toNumbers(golden[`${cell}.out`]!));
  return [
    { name: `${cell} output`, error: output, tolerance: 1e-4 },
    ...expected.map(([path, gradient]) => ({
      name: `${cell} gradient of ${path}`,
      error: relativeError(found[`gradient.${path}`]!, toNumbers(gradient), floor),
      tolerance: 1e-3,
    })),
  ];
}

export async function* checkRecurrent(path: string, backend: Backend): AsyncIterable<Quantity> {
  const golden = readTensors(path);
  for (const cell of Object.keys(recurrentCells)) {
    yield* await recurrentErrors(golden, cell as keyof typeof recurrentCells, backend);
  }
}
