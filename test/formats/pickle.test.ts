/** Real PyTorch shards, damaged in thousands of ways: each gives tensors or an error of ours, and nothing else. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { parsePickle } from "../../src/formats/index.ts";
import { CongError } from "../../src/support/index.ts";
import { createRandom } from "../../src/support/random.ts";

const golden = fileURLToPath(new URL("../../../shared/golden/", import.meta.url));
const files = [
  "chatglm3-tiny-thudm-int4/pytorch_model-00001-of-00002.bin",
  "chatglm3-tiny-ptuning-v2/pytorch_model.bin",
];

it.skipIf(!existsSync(golden))("survives 4,000 damaged shards", async () => {
  const originals = files.map((file) => new Uint8Array(readFileSync(golden + file)));
  const random = createRandom(11);
  const outcomes = new Map<string, number>();
  for (let i = 0; i < 4000; i++) {
    const bytes = damage(originals[i % originals.length]!, random);
    const outcome = await readAll(bytes).catch((error: unknown) => {
      if (!CongError.is(error)) throw error;
      return error.code;
    });
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes.keys()].sort()).toEqual(["PICKLE_INVALID", "PICKLE_UNSAFE", "PICKLE_UNSUPPORTED", "read"]);
  expect(outcomes.get("PICKLE_INVALID")).toBeGreaterThan(1000);
});

/** Mostly in the pickle at the start and in the directory at the end; half of the files lose their checksums. */
function damage(original: Uint8Array, random: ReturnType<typeof createRandom>): Uint8Array {
  const bytes = Buffer.from(original);
  const place = () => {
    const part = [Math.min(bytes.length, 4096), Math.min(bytes.length, 3000), bytes.length][random.integer(3)]!;
    return part === 3000 ? bytes.length - 1 - random.integer(part) : random.integer(part);
  };
  for (let edits = random.integer(6); edits >= 0; edits--) {
    const at = place();
    const kind = random.integer(3);
    if (kind === 0) bytes[at] = random.integer(256);
    else if (kind === 1) bytes[at]! ^= 1 << random.integer(8);
    else bytes.copyWithin(at, place(), place());
  }
  if (random.integer(2) === 0) {
    for (let at = bytes.indexOf("PK\u0001\u0002"); at >= 0 && at + 20 < bytes.length; ) {
      bytes.writeUInt32LE(0, at + 16);
      at = bytes.indexOf("PK\u0001\u0002", at + 4);
    }
  }
  return random.integer(8) === 0 ? bytes.subarray(0, random.integer(bytes.length)) : bytes;
}

async function readAll(bytes: Uint8Array): Promise<"read"> {
  const file = await parsePickle(bytes, "damaged.bin");
  for (const name of file.tensors.keys()) await file.read(name);
  return "read";
}
