/** Parameter trees: paths as in checkpoints, and an error for what is neither branch nor leaf. */
import { expect, test } from "vitest";
import { specOf, trace } from "./builder.ts";
import { type HostTensor, hostTensor } from "./dtype.ts";
import { flattenTree, isTensorLike, mapTree, type Tree } from "./tree.ts";

const leaf = (value: number): HostTensor => hostTensor("float32", [1], [value]);
const model = { embed: leaf(1), layers: [{ w: leaf(2) }, { w: leaf(3), b: leaf(4) }] };

test("flattens in the order of the keys, with dotted paths", () => {
  expect(flattenTree<HostTensor>(model).map(([path, tensor]) => [path, tensor.data[0]])).toEqual([
    ["embed", 1],
    ["layers.0.w", 2],
    ["layers.1.w", 3],
    ["layers.1.b", 4],
  ]);
  expect(flattenTree<HostTensor>(leaf(5), "w")[0]![0]).toBe("w");
  expect(flattenTree<HostTensor>({})).toEqual([]);
});

test("maps to the same structure", () => {
  const mapped = mapTree(model, (tensor: HostTensor, path) => `${path}=${tensor.data[0]}`, "model");
  expect(mapped).toEqual({
    embed: "model.embed=1",
    layers: [{ w: "model.layers.0.w=2" }, { w: "model.layers.1.w=3", b: "model.layers.1.b=4" }],
  });
});

test("names a missing branch", () => {
  const broken = { layers: [{ w: undefined }] } as unknown as Tree<HostTensor>;
  expect(() => flattenTree(broken)).toThrow(/"layers.0.w" is undefined.*\n {2}hint: leave optional/);
  expect(() => mapTree(broken, () => 0, "model")).toThrow(/"model.layers.0.w" is undefined/);
  expect(() => mapTree({ w: 3 } as unknown as Tree<HostTensor>, () => 0)).toThrow(/"w" is 3/);
});

test("a leaf is what has dtype and shape", () => {
  expect(isTensorLike(leaf(1))).toBe(true);
  expect(isTensorLike({ dtype: leaf(1), shape: leaf(2) })).toBe(false);
  expect(isTensorLike(null)).toBe(false);
});

test("names the state slots", () => {
  const graph = trace((builder) => {
    const state = builder.state("model", mapTree(model, specOf));
    builder.output("y", state.layers[1]!.w!);
  });
  expect(graph.state.map(({ name }) => name)).toEqual([
    "model.embed",
    "model.layers.0.w",
    "model.layers.1.w",
    "model.layers.1.b",
  ]);
});
