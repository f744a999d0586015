import { describe, expect, test } from "vitest";
import { createModel } from "./model.ts";
import { tinyNetwork, tinyPrompt } from "./tiny-network.fixture.ts";

describe.each(["glm", "glm_original"])("%s: logits of chosen tokens", (family) => {
  test("are those among all, in the order asked for", async () => {
    const model = createModel(tinyNetwork(family), { dtype: "float32", endIds: [1] });
    const inputIds = [
      [5, ...tinyPrompt],
      [7, ...tinyPrompt],
    ];
    const last = inputIds[0]!.length - 1;
    const at = [
      [1, last],
      [0, 0],
      [0, last],
    ] as const;
    const { logits: all } = await model.forward({ inputIds });
    const { logits } = await model.forward({ inputIds, at });
    const V = all.shape[2];
    expect(logits.shape).toEqual([1, 3, V]);
    at.forEach(([row, column], place) => {
      for (let id = 0; id < V; id++) {
        expect(logits.data[place * V + id]).toBeCloseTo(all.data[(row * all.shape[1] + column) * V + id]!, 5);
      }
    });
    await model.dispose();
  });
});

test("tokens that are not there are refused", async () => {
  const model = createModel(tinyNetwork("glm"), { dtype: "float32", endIds: [1] });
  const ask = (at: readonly (readonly [number, number])[]) => model.forward({ inputIds: [[5, 6]], at });
  await expect(ask([[0, 2]])).rejects.toThrow("row 0, column 2");
  await expect(ask([[1, 0]])).rejects.toMatchObject({ code: "BAD_ARGUMENT" });
  await expect(ask([])).rejects.toThrow("at names no token");
  await model.dispose();
});
