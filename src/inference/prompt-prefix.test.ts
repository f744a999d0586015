/** A learned prompt as a prefix: the same logits as with its embeddings in front of the text, as it was trained. */
import { expect, it } from "vitest";
import { type PromptAdapter, withPrompt } from "../adapters/index.ts";
import { type HostTensor, hostTensor, slice, type Tensor, type Tree } from "../engine/index.ts";
import { relativeError, runTraced, wave } from "../nn/run-traced.fixture.ts";
import { forward } from "./forward.ts";
import { promptPrefix } from "./prompt-prefix.ts";
import { ProgramPool } from "./session/program-pool.ts";
import { tinyNetwork } from "./tiny-network.fixture.ts";

const ids = [
  [5, 7, 9, 2, 11],
  [1, 3, 3, 8, 4],
];

const promptFor = (hidden: number, layers: number): PromptAdapter => ({
  kind: "prompt",
  base: undefined,
  layers,
  heads: 4,
  embeddings: wave([3, hidden], 9, 0.4),
});

it.each(["glm", "glm4", "glm4_moe", "llama", "qwen2", "qwen3"])("%s answers as it was trained", async (name) => {
  const network = tinyNetwork(name);
  const { family, config, parameters, backend } = network;
  const adapter = promptFor(config.hidden, config.layers);
  const tree = { base: parameters, prompt: adapter.embeddings } as Tree<HostTensor>;
  const given = { ids: hostTensor("int64", [2, 5], ids.flat()) };
  const { logits: wanted } = await runTraced(
    tree as Parameters<typeof runTraced>[0],
    given,
    ({ base, prompt }: { base: Tree<Tensor>; prompt: Tensor }, fed) => {
      const prompted = withPrompt(base, prompt, fed.ids, config);
      const { hidden } = family.forward(config, prompted.parameters, { ids: prompted.ids });
      return { logits: family.logits(config, base, slice(hidden.at(-1)!, 1, 3)) };
    },
    backend,
  );
  const pool = new ProgramPool({ ...network, prefix: await promptPrefix(network, adapter) });
  const { data } = await forward(pool, { inputIds: ids });
  await pool.dispose();
  expect(relativeError([...data], wanted)).toBeLessThan(1e-5);
  const bare = new ProgramPool(network);
  expect(relativeError([...(await forward(bare, { inputIds: ids })).data], wanted)).toBeGreaterThan(1e-3);
  await bare.dispose();
});

it("fits only the model it was made for, and only models that look back", async () => {
  const network = tinyNetwork("glm");
  await expect(promptPrefix(network, promptFor(24, 2))).rejects.toMatchObject({ code: "OTHER_MODEL" });
  await expect(promptPrefix(network, promptFor(16, 3))).rejects.toThrow(/3 layers of 16 channels, the model has 2/);
  await expect(promptPrefix(tinyNetwork("chatglm_6b"), promptFor(16, 2))).rejects.toThrow(/only looks back/);
});
