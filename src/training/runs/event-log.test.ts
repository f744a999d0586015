import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openEventLog } from "./event-log.ts";
import { crc32c, encodeRecord } from "./record-file.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

it("computes CRC-32C as in RFC 3720", () => {
  expect(crc32c(ascii("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
});

it("writes records as TensorFlow does", () => {
  // tf.io.TFRecordWriter: b"abc"
  const { length } = encodeRecord(ascii("abc"));
  expect(length).toBe(19);
  expect(
    Buffer.from(encodeRecord(ascii("abc")))
      .toString("hex")
      .slice(0, 16),
  ).toBe("0300000000000000");
});

it("writes version, start and scalars in protobuf", async () => {
  const folder = await mkdtemp(join(tmpdir(), "events-"));
  const log = await openEventLog(folder, 5, () => 1.5);
  await log.write(6, { "train/loss": 2, nothing: Number.NaN });
  await log.close();
  const bytes = await readFile(log.path);
  const records: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = Number(bytes.readBigUInt64LE(at));
    records.push(bytes.subarray(at + 12, at + 12 + size).toString("hex"));
    at += 16 + size;
  }
  const time = "09000000000000f83f"; // field 1, double 1.5
  expect(records).toEqual([
    `${time}1a0d${Buffer.from("brain.Event:2").toString("hex")}`,
    `${time}10063a020801`,
    // summary { value { tag: "train/loss" simple_value: 2.0 } }
    `${time}10062a130a110a0a${Buffer.from("train/loss").toString("hex")}1500000040`,
  ]);
  await rm(folder, { recursive: true });
});
