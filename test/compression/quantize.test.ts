/** Quantised folders: the same codes after saving and loading, damage refused, and the commands as a user starts them. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quantizeFolder } from "../../src/compression/index.ts";
import { loadModel } from "../../src/inference/index.ts";
import { openCheckpoint } from "../../src/models/index.ts";
import { writeTinyModel } from "../serving/tiny-model.fixture.ts";

let folder = "";
let model = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "congling-quantize-"));
  model = join(folder, "tiny");
  await writeTinyModel(model);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ids = [[5, 80, 120, 200, 33, 7, 61]];

describe.each([4, 8] as const)("%d bits", (bits) => {
  const dtype = bits === 4 ? "int4" : "int8";

  test("a folder computes exactly what quantising while loading does", async () => {
    const to = join(folder, dtype);
    const written = await quantizeFolder(model, to, bits);
    const { float32, quantized } = written.linearBytes;
    // All weights together: 4.5 or 8.5 bits each, embedding and output layer always 8.5.
    expect(float32 / quantized).toBeGreaterThan(bits === 4 ? 4.2 : 3.7);
    expect(statSync(join(to, "model.safetensors")).size).toBeLessThan(written.totalBytes.quantized + 8192);
    const [loaded, direct] = [await loadModel(to), await loadModel(model, { dtype })];
    expect(loaded.dtype).toBe(dtype);
    expect(loaded.tokenizer!.decode(loaded.tokenizer!.encode("春眠"))).toBe("春眠");
    const [a, b] = [await loaded.forward({ inputIds: ids }), await direct.forward({ inputIds: ids })];
    expect(a.logits.data).toEqual(b.logits.data);
    await loaded.dispose();
    await direct.dispose();
    const wide = await loadModel(to, { dtype: "float32" });
    expect(wide.dtype).toBe("float32");
    await wide.dispose();
  });

  test("quantising again, or over something, is refused", async () => {
    const to = join(folder, dtype);
    await expect(quantizeFolder(model, to, bits)).rejects.toMatchObject({ code: "FOLDER_IN_USE" });
    await expect(quantizeFolder(to, join(folder, "twice"), bits)).rejects.toMatchObject({ code: "QUANTIZED" });
  });
});

test("damaged folders are refused with what is wrong", async () => {
  const from = join(folder, "int4");
  const damaged = join(folder, "damaged");
  cpSync(from, damaged, { recursive: true });
  const config = JSON.parse(readFileSync(join(from, "config.json"), "utf8"));
  const rewrite = (quantization: unknown) =>
    writeFileSync(join(damaged, "config.json"), JSON.stringify({ ...config, quantization_config: quantization }));
  rewrite({ quant_method: "congling", bits: 3, block_size: 32 });
  await expect(loadModel(damaged)).rejects.toMatchObject({ code: "BAD_CONFIG" });
  rewrite({ quant_method: "gptq", bits: 4 });
  await expect(loadModel(damaged)).rejects.toThrow(/quantization_config/);
  rewrite(config.quantization_config);
  const path = join(damaged, "model.safetensors");
  const bytes = readFileSync(path);
  const text = bytes.toString("latin1");
  // Scales under another name: the header keeps its length.
  writeFileSync(path, Buffer.from(text.replace("q_proj.scales", "q_proj.scalez"), "latin1"));
  await expect(openCheckpoint(damaged)).rejects.toMatchObject({ code: "CHECKPOINT_INVALID" });
  writeFileSync(path, bytes.subarray(0, bytes.length - 100));
  await expect(openCheckpoint(damaged)).rejects.toThrow();
});

describe("commands", () => {
  const congling = (...args: string[]) => {
    const run = spawnSync(process.execPath, ["dist/src/cli/main.js", ...args], { encoding: "utf8" });
    return { stdout: run.stdout, stderr: run.stderr, status: run.status };
  };

  test("quantize reports size, perplexity and speed; the folder exports", () => {
    const texts = join(folder, "texts.txt");
    writeFileSync(texts, "白日依山尽，黄河入海流。\n\n春眠不觉晓，处处闻啼鸟。\n");
    const out = join(folder, "by-command");
    const run = congling("quantize", model, "--bits", "4", "--out", out, "--text", texts, "--json");
    expect(run).toMatchObject({ status: 0, stderr: "" });
    const report = JSON.parse(run.stdout);
    expect(report).toMatchObject({ bits: 4, before: { dtype: "float32" }, after: { dtype: "int4" } });
    expect(report.before.perplexity).toBeGreaterThan(1);
    expect(Math.abs(Math.log(report.after.perplexity / report.before.perplexity))).toBeLessThan(0.5);
    const hf = congling("export", out, "--to", "hf", "--out", join(folder, "hf"));
    expect(hf).toMatchObject({ status: 0, stdout: expect.stringContaining("bit for bit") });
    const onnx = congling("export", model, "--to", "onnx", "--out", join(folder, "onnx"));
    expect(onnx).toMatchObject({ status: 0, stdout: expect.stringContaining("answers as Congling does") });
    const gguf = congling(
      "export",
      model,
      "--to",
      "gguf",
      "--type",
      "q8_0",
      "--out",
      join(folder, "m.gguf"),
      "--no-verify",
    );
    expect(gguf).toMatchObject({ status: 0, stdout: expect.stringContaining("not verified") });
  });

  test("evaluate writes table, JSON and page, and goes on", () => {
    const out = join(folder, "evaluation");
    const args = ["evaluate", model, "--tasks", "poem-next-line,poem-surprise,poem-form", "--limit", "6", "--out", out];
    const first = congling(...args, "--max-tokens", "8");
    expect(first.status).toBe(0);
    expect(first.stdout).toMatch(/poem-next-line +accuracy /);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("古诗接句");
    const again = congling(...args, "--max-tokens", "8", "--json");
    const { tasks } = JSON.parse(again.stdout) as { tasks: { resumed: number; figures: unknown[] }[] };
    expect(tasks.map(({ resumed }) => resumed)).toEqual([6, 6, 6]);
    expect(congling(...args, "--max-tokens", "9")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("another run"),
    });
    expect(congling("evaluate", model, "--tasks", "cmlu").stderr).toContain('did you mean "cmmlu"');
  });

  test.each(["quantize", "export", "evaluate"])("%s --help shows examples", (verb) => {
    expect(congling(verb, "--help")).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/Examples:\n {2}congling /),
    });
  });
});
