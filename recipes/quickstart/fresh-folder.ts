/** The folder of a run, empty: what an earlier run left goes, what anybody else put there does not. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { CongError } from "../../src/support/index.ts";

/** What a run of the quick start leaves. */
const made = [
  ..."data tokenizer pretrain instructions full lora ptuning-v2 model model-int4".split(" "),
  ...["report.html", ".DS_Store"],
];

/** @throws CongError `BAD_ARGUMENT` for a file, or a folder that holds something else */
export async function freshFolder(folder: string): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return [];
    throw new CongError(
      "BAD_ARGUMENT",
      `${folder} is no folder`,
      { folder, cause: error },
      "name a new one with --out",
    );
  });
  const other = found.find((name) => !made.includes(name));
  if (other !== undefined || (found.length > 0 && !found.includes("data"))) {
    const what = `${folder} would be emptied, and holds ${other ?? found[0]}, which is not of an earlier quick start`;
    throw new CongError("BAD_ARGUMENT", what, { folder }, "name a new folder with --out");
  }
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}
