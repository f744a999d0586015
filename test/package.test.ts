/** The package as its users get it: every name in "exports" can be imported, and only what they need is published. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { readonly exports: Record<string, string> };

/** A few names of each entry point that programs rely on. */
const promised: Readonly<Record<string, readonly string[]>> = {
  ".": [
    "trainStep",
    "createTrainer",
    "train",
    "initDecoder",
    "loadModel",
    "loadTokenizer",
    "onnxruntimeBackend",
    "CongError",
  ],
  "./support": ["CongError", "Progress"],
  "./formats": ["openSafetensors", "writeSafetensors"],
  "./engine": ["trace", "gradients", "matmul", "hostTensor"],
  "./engine/onnxruntime": ["onnxruntimeBackend"],
  "./engine/reference": ["referenceBackend"],
  "./nn": ["linear", "initDecoder", "attentionLayer"],
  "./data": ["clean", "dedupe", "contamination"],
  "./models": ["readModelConfig", "openCheckpoint", "loadModelParameters", "saveCheckpoint"],
  "./tokenizers": ["loadTokenizer", "applyChatTemplate", "trainByteLevelBpe"],
  "./adapters": ["readAdapter", "attachLora", "initPrefix"],
  "./inference": ["loadModel", "createModel", "beamSearch"],
  "./compression": ["quantizeFolder"],
  "./serving": ["createApp", "listen"],
  "./evaluation": ["bleu"],
  "./export": ["exportGguf", "exportOnnx"],
  "./training": ["train", "trainStep", "createOptimizer", "createSchedule"],
};

const entryPoints = Object.keys(manifest.exports).filter((name) => name !== "./package.json");

test("every entry point has names that are checked", () => {
  expect(entryPoints.sort()).toEqual(Object.keys(promised).sort());
});

test.each(entryPoints)("%s can be imported from the built package", (name) => {
  const specifier = name.replace(/^\./, "congling");
  const program = `console.log(JSON.stringify(Object.keys(await import(${JSON.stringify(specifier)}))))`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual(expect.arrayContaining([...promised[name]!]));
});

test("what is published: code with types and both READMEs, no tests and nothing of other folders", () => {
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  const [{ files }] = JSON.parse(stdout) as [{ readonly files: readonly { readonly path: string }[] }];
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(["LICENSE", "README.md", "README.zh-CN.md", "dist/src/index.d.ts"]));
  const allowed = /^(?:LICENSE|README(?:\.zh-CN)?\.md|package\.json|dist\/src\/.*)$/;
  const unwanted = /\.(?:test|fixture)\.|\/testing\//;
  expect(paths.filter((path) => !allowed.test(path) || unwanted.test(path))).toEqual([]);
});

test("the lock file holds no address of any registry", () => {
  expect(readFileSync("package-lock.json", "utf8")).not.toMatch(
    /"resolved"|https?:\/\/(?!opencollective|github)[^"]*\.tgz/,
  );
});
