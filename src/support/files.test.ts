import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CongError } from "./errors.ts";
import { recoverFolder, replaceFolderAtomic, writeFileAtomic } from "./files.ts";

const text = (s: string) => new TextEncoder().encode(s);
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "congling-files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("writes chunks in order, also from an async source that reuses its buffer", async () => {
  const path = join(folder, "a.txt");
  async function* chunks() {
    const buffer = new Uint8Array(2);
    for (const part of ["ab", "cd", "ef"]) {
      buffer.set(text(part));
      yield buffer;
    }
  }
  await writeFileAtomic(path, chunks());
  expect(readFileSync(path, "utf8")).toBe("abcdef");
  await writeFileAtomic(path, []);
  expect(readFileSync(path, "utf8")).toBe("");
  expect(readdirSync(folder)).toEqual(["a.txt"]);
});

it("keeps the old file, and nothing else, when the source fails half way", async () => {
  const path = join(folder, "a.txt");
  writeFileSync(path, "old");
  function* failing() {
    yield text("new");
    throw new Error("source broke");
  }
  await expect(writeFileAtomic(path, failing())).rejects.toMatchObject({ code: "FILE_WRITE_FAILED" });
  await expect(writeFileAtomic(path, failing())).rejects.toThrow(/source broke/);
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder)).toEqual(["a.txt"]);
});

it("passes a CongError of the source through unchanged", async () => {
  const mine = new CongError("MINE", "stop");
  const failing = (function* () {
    yield text("x");
    throw mine;
  })();
  await expect(writeFileAtomic(join(folder, "a"), failing)).rejects.toBe(mine);
});

it("says that the folder is missing, or that the path is a folder", async () => {
  await expect(writeFileAtomic(join(folder, "no", "a"), [text("x")])).rejects.toMatchObject({ code: "PATH_NOT_FOUND" });
  mkdirSync(join(folder, "sub"));
  await expect(writeFileAtomic(join(folder, "sub"), [text("x")])).rejects.toBeInstanceOf(CongError);
  expect(readdirSync(folder)).toEqual(["sub"]);
});

it.skipIf(process.platform === "win32")("keeps the mode and writes through a symbolic link", async () => {
  const path = join(folder, "secret");
  const link = join(folder, "link");
  writeFileSync(path, "old");
  chmodSync(path, 0o600);
  symlinkSync(path, link);
  await writeFileAtomic(link, [text("new")]);
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it("replaces a folder as a whole and removes files of the previous version", async () => {
  const path = join(folder, "deep", "checkpoint");
  await replaceFolderAtomic(path, async (to) => writeFileSync(join(to, "one"), "1"));
  await replaceFolderAtomic(path, async (to) => {
    mkdirSync(join(to, "sub"));
    writeFileSync(join(to, "sub", "two"), "2");
  });
  expect(readdirSync(path)).toEqual(["sub"]);
  expect(readFileSync(join(path, "sub", "two"), "utf8")).toBe("2");
  expect(readdirSync(join(folder, "deep"))).toEqual(["checkpoint"]);
});

it("keeps the previous folder when filling the new one fails", async () => {
  const path = join(folder, "checkpoint");
  await replaceFolderAtomic(path, async (to) => writeFileSync(join(to, "one"), "1"));
  const failing = replaceFolderAtomic(path, async (to) => {
    writeFileSync(join(to, "one"), "half");
    throw new Error("power cut");
  });
  await expect(failing).rejects.toThrow(/power cut/);
  expect(readFileSync(join(path, "one"), "utf8")).toBe("1");
  expect(readdirSync(folder)).toEqual(["checkpoint"]);
});

it("brings the previous folder back after a crash between the two renames", async () => {
  const path = join(folder, "checkpoint");
  mkdirSync(`${path}.old-1-aa`);
  writeFileSync(join(`${path}.old-1-aa`, "one"), "1");
  expect(await recoverFolder(path)).toBe(true);
  expect(readFileSync(join(path, "one"), "utf8")).toBe("1");
  expect(await recoverFolder(path)).toBe(false);
});

// A real limit of the operating system (EFBIG), which only a child process can take on. The sources are compiled
// for it because Node 20 does not run TypeScript.
it.skipIf(process.platform === "win32")("survives running out of space: old file, old folder, no litter", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const flags = "--noCheck --module nodenext --target es2023 --types node --rewriteRelativeImportExtensions --outDir";
  const compiled = spawnSync(
    process.execPath,
    [compiler, "--ignoreConfig", "src/support/files.ts", ...flags.split(" "), join(folder, "js")],
    { cwd: root, encoding: "utf8" },
  );
  expect(compiled.stdout + compiled.stderr).toBe("");
  writeFileSync(join(folder, "js", "package.json"), '{"type":"module"}');
  const script = join(folder, "js", "main.js");
  writeFileSync(
    script,
    `import { writeFileAtomic, replaceFolderAtomic } from "./files.js";
     import { join } from "node:path";
     const chunks = [new Uint8Array(40_000).fill(65), new Uint8Array(400_000).fill(66)];
     const codes = [];
     const note = (error) => codes.push([error.name, error.code, error.details.cause.code, /untouched/.test(error.hint)].join());
     await writeFileAtomic("file", chunks).catch(note);
     await replaceFolderAtomic("checkpoint", (to) => writeFileAtomic(join(to, "one"), chunks)).catch(note);
     process.stdout.write(codes.join(" "));`,
  );
  const work = join(folder, "work");
  mkdirSync(join(work, "checkpoint"), { recursive: true });
  writeFileSync(join(work, "file"), "old");
  writeFileSync(join(work, "checkpoint", "one"), "old");
  // 100 blocks are 50 or 100 kB, depending on the shell.
  const child = spawnSync("sh", ["-c", `ulimit -f 100 && exec "${process.execPath}" "${script}"`], {
    cwd: work,
    encoding: "utf8",
  });
  expect(child.stderr).toBe("");
  expect(child.stdout).toBe("CongError,DISK_FULL,EFBIG,true CongError,DISK_FULL,EFBIG,true");
  expect(readFileSync(join(work, "file"), "utf8")).toBe("old");
  expect(readFileSync(join(work, "checkpoint", "one"), "utf8")).toBe("old");
  expect(readdirSync(work).sort()).toEqual(["checkpoint", "file"]);
  expect(existsSync(join(work, "checkpoint", "one"))).toBe(true);
});
