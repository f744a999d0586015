/** Adapters that PEFT and THUDM-style code made, on the model they were made for: logits, losses and gradients. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  type Adapter,
  attachLora,
  isLoraPath,
  mergeLora,
  peftParameterName,
  peftPrefixName,
  prefixKeysAndValues,
  readAdapter,
} from "../../src/adapters/index.ts";
import { onnxruntimeBackend } from "../../src/engine/backends/onnxruntime/index.ts";
import {
  crossEntropy,
  flattenTree,
  gradients,
  type HostTensor,
  mapTree,
  reshape,
  slice,
  specOf,
  type Tensor,
  type TensorSpec,
  type Tree,
  toNumbers,
  trace,
} from "../../src/engine/index.ts";
import { parseSafetensors, tensorToFloat32 } from "../../src/formats/index.ts";
import { loadModelParameters } from "../../src/models/index.ts";

const golden = fileURLToPath(new URL("../../../shared/golden/", import.meta.url));

function expected(fixture: string): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const { tensors } = parseSafetensors(readFileSync(`${golden}${fixture}/golden.safetensors`));
  return new Map([...tensors].map(([name, t]) => [name, { shape: t.shape, data: tensorToFloat32(t) }]));
}

/** Logits, loss, and gradients of the adapter's parameters by PEFT's names. */
async function run(adapter: Adapter | undefined, base: string, ids: HostTensor, merged = false) {
  const loaded = await loadModelParameters(`${golden}${base}`);
  const { family, config } = loaded;
  let parameters = loaded.parameters;
  if (adapter?.kind === "lora") parameters = (merged ? mergeLora : attachLora)(parameters as never, adapter);
  const prefixed = adapter?.kind === "prefix" ? adapter : undefined;
  const graph = trace((builder) => {
    const specs = mapTree<HostTensor, TensorSpec>(parameters, specOf) as Tree<TensorSpec>;
    const handles = builder.state("model", specs) as Tree<Tensor>;
    const prefixSpecs = mapTree<HostTensor, TensorSpec>((prefixed?.parameters ?? {}) as Tree<HostTensor>, specOf);
    const prefixHandles = builder.state("prefix", prefixSpecs as Tree<TensorSpec>) as Tree<Tensor>;
    const fed = builder.input("ids", "int64", ids.shape);
    const positions = prefixed?.occupiesPositions ? builder.input("positions", "int64", [ids.shape[1]!]) : undefined;
    const prefix = prefixed && prefixKeysAndValues(prefixHandles as never, prefixed.shape);
    const { hidden } = family.forward(config, handles, { ids: fed, prefix, positions });
    const logits = family.logits(config, handles, hidden.at(-1)!);
    builder.output("logits", logits);
    const [B, T] = ids.shape as [number, number];
    const rows = reshape(slice(logits, 1, 0, T - 1), [B * (T - 1), config.vocabulary]);
    const loss = crossEntropy(rows, reshape(slice(fed, 1, 1, T), [B * (T - 1)]));
    builder.output("loss", loss);
    const trained = [
      ...flattenTree<Tensor>(handles)
        .filter(([path]) => isLoraPath(path))
        .map(([path, leaf]) => [peftParameterName(path)!, leaf] as const),
      ...flattenTree<Tensor>(prefixHandles).map(([path, leaf]) => [peftPrefixName(path), leaf] as const),
    ];
    const wanted = trained.map(([, leaf]) => leaf);
    gradients(loss, wanted).forEach((gradient, i) => {
      builder.output(`grad.${trained[i]![0]}`, gradient);
    });
  });
  const program = await onnxruntimeBackend().compile(graph);
  for (const [path, leaf] of flattenTree<HostTensor>(parameters)) program.writeState(`model.${path}`, leaf);
  if (prefixed !== undefined) {
    for (const [path, leaf] of flattenTree<HostTensor>(prefixed.parameters)) program.writeState(`prefix.${path}`, leaf);
  }
  const P = prefixed?.shape.length ?? 0;
  const positions = BigInt64Array.from({ length: ids.shape[1]! }, (_, i) => BigInt(P + i));
  const fed = prefixed?.occupiesPositions
    ? { positions: { dtype: "int64", shape: [positions.length], data: positions } as const }
    : {};
  const results = await program.run({ ids, ...fed });
  await program.dispose();
  return results;
}

const idsOf = (values: ReturnType<typeof expected>): HostTensor => {
  const { shape, data } = values.get("input_ids")!;
  return { dtype: "int64", shape, data: BigInt64Array.from(data, (id) => BigInt(id)) };
};

/** Largest difference over the largest reference, as the fixtures' README measures. */
function errorOf(got: HostTensor, wanted: { data: Float32Array }, floor = 0): number {
  const largest = Math.max(floor, ...wanted.data.map(Math.abs));
  return Math.max(...toNumbers(got).map((value, i) => Math.abs(value - wanted.data[i]!))) / largest;
}

describe.skipIf(!existsSync(golden))("adapters of PEFT on glm-tiny", () => {
  it.each(["glm-tiny-lora", "glm-tiny-prefix", "glm-tiny-prefix-proj"])("%s: logits and loss", async (fixture) => {
    const wanted = expected(fixture);
    const adapter = await readAdapter(`${golden}${fixture}`);
    const results = await run(adapter, adapter.base!, idsOf(wanted));
    expect(errorOf(results.logits!, wanted.get("logits")!)).toBeLessThan(1e-4);
    expect(errorOf(results.loss!, wanted.get("loss")!)).toBeLessThan(1e-4);
    // Without the adapter they are others: the comparison can fail.
    const bare = await run(undefined, adapter.base!, idsOf(wanted));
    expect(errorOf(bare.logits!, wanted.get("logits")!)).toBeGreaterThan(1e-2);
  });

  it.each(["glm-tiny-lora", "glm-tiny-prefix"])("%s: the gradient of every trained parameter", async (fixture) => {
    const wanted = expected(fixture);
    const adapter = await readAdapter(`${golden}${fixture}`);
    const results = await run(adapter, adapter.base!, idsOf(wanted));
    const names = [...wanted.keys()].filter((name) => name.startsWith("grad."));
    expect(
      Object.keys(results)
        .filter((name) => name.startsWith("grad."))
        .sort(),
    ).toEqual(names.sort());
    const floor = 1e-3 * Math.max(...names.flatMap((name) => [...wanted.get(name)!.data].map(Math.abs)));
    for (const name of names) expect(errorOf(results[name]!, wanted.get(name)!, floor), name).toBeLessThan(1e-3);
  });

  it("glm-tiny-prefix-proj: the gradient that the saved table determines", async () => {
    // PEFT keeps the table and drops the network; the bias of its last layer has the table's gradient, summed over rows.
    const wanted = expected("glm-tiny-prefix-proj");
    const adapter = await readAdapter(`${golden}glm-tiny-prefix-proj`);
    const results = await run(adapter, adapter.base!, idsOf(wanted));
    const table = results["grad.prompt_encoder.default.embedding.weight"]!;
    const [rows, columns] = table.shape as [number, number];
    const sums = new Float32Array(columns);
    toNumbers(table).forEach((value, i) => {
      sums[i % columns]! += value;
    });
    expect(rows).toBe(6);
    const bias = wanted.get("grad.prompt_encoder.default.transform.2.bias")!;
    expect(errorOf({ dtype: "float32", shape: [columns], data: sums }, bias)).toBeLessThan(1e-3);
  });

  it("glm-tiny-lora merged into the weights gives the same logits", async () => {
    const wanted = expected("glm-tiny-lora");
    const adapter = await readAdapter(`${golden}glm-tiny-lora`);
    const results = await run(adapter, "glm-tiny", idsOf(wanted), true);
    expect(errorOf(results.logits!, wanted.get("logits")!)).toBeLessThan(1e-4);
  });
});

describe.skipIf(!existsSync(golden))("a P-Tuning v2 prefix", () => {
  it("on its ChatGLM3 occupies the cache, but no positions", async () => {
    const wanted = expected("chatglm3-tiny-ptuning-v2");
    const adapter = await readAdapter(`${golden}chatglm3-tiny-ptuning-v2`);
    expect(adapter).toMatchObject({ kind: "prefix", occupiesPositions: false, shape: { length: 6, layers: 3 } });
    const { logits } = await run(adapter, "chatglm3-tiny-thudm", idsOf(wanted));
    expect(errorOf(logits!, wanted.get("logits")!)).toBeLessThan(1e-4);
    const shifted = await run({ ...adapter, occupiesPositions: true } as Adapter, "glm-tiny", idsOf(wanted));
    expect(errorOf(shifted.logits!, wanted.get("logits")!)).toBeGreaterThan(1e-3);
  });
});

describe.skipIf(!existsSync(golden))("official checkpoints of ChatGLM3", () => {
  it.each(["", "-fp16", "-int8", "-int4"])("chatglm3-tiny-thudm%s gives PyTorch's logits", async (kind) => {
    const wanted = expected(`chatglm3-tiny-thudm${kind}`);
    const { logits } = await run(undefined, `chatglm3-tiny-thudm${kind}`, idsOf(wanted));
    expect(errorOf(logits!, wanted.get("logits")!)).toBeLessThan(1e-4);
  });
});
