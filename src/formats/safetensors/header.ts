/**
 * The header of a safetensors file: eight bytes of length (little-endian), then JSON, then the data.
 *
 * Reading checks everything the reference library checks, because the file may come from a stranger: after
 * `decodeHeader` every tensor lies inside the data, tensors neither overlap nor leave holes, and dtype × shape gives
 * exactly the bytes of the range. Two things are stricter than the reference: a repeated tensor name is an error, and
 * sizes stop at 2^53.
 */
import { CongError } from "../../support/errors.ts";
import { closest } from "../../support/suggest.ts";
import { byteLengthOf, compareDtypes, isSafeDtype, type SafeTensorInfo, safeDtypes } from "./dtypes.ts";
import { parseStrictJson, type StrictJson } from "./strict-json.ts";

/** Longest header anyone reads (the reference's limit), in bytes. */
export const largestHeader = 100_000_000;

/** Bytes of the length field. */
export const lengthBytes = 8;

export interface HeaderEntry extends SafeTensorInfo {
  /** First byte, counted from the end of the header. */
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

export interface Header {
  /** Free text of the writer; own keys only. */
  readonly metadata: Readonly<Record<string, string>>;
  /** By name, in the order of the data. */
  readonly entries: ReadonlyMap<string, HeaderEntry>;
}

/** Length of the JSON in bytes, from the first eight bytes. `fileBytes` is the size of the whole file. */
export function decodeHeaderLength(firstBytes: Uint8Array, fileBytes: number, file: string): number {
  if (firstBytes.length < lengthBytes) {
    throw invalid(file, undefined, `only ${firstBytes.length} bytes, a header starts with ${lengthBytes}`);
  }
  const length = new DataView(firstBytes.buffer, firstBytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(largestHeader)) {
    throw invalid(file, undefined, `the header claims ${length} bytes, the limit is ${largestHeader}`);
  }
  if (Number(length) + lengthBytes > fileBytes) {
    throw invalid(
      file,
      undefined,
      `the header claims ${length} bytes, the file has ${fileBytes - lengthBytes} after it`,
    );
  }
  return Number(length);
}

/** Parses and checks the JSON of a header. `dataBytes` is what follows it in the file. */
export function decodeHeader(json: Uint8Array, dataBytes: number, file: string): Header {
  const root = parseJson(json, file);
  if (!(root instanceof Map)) throw invalid(file, undefined, "the header is not a JSON object");
  const entries: HeaderEntry[] = [];
  let metadata: Header["metadata"] = {};
  for (const [name, value] of root) {
    if (name === "__metadata__") metadata = decodeMetadata(value, file);
    else entries.push(decodeEntry(name, value, file));
  }
  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  checkCoverage(entries, dataBytes, file);
  return { metadata, entries: new Map(entries.map((entry) => [entry.name, entry])) };
}

/**
 * Sorts tensors as the reference does (alignment descending, then the bytes of the name) and lays them out.
 * Returns the length field and the padded JSON as one array, and the entries in the order of the data.
 */
export function encodeHeader(
  tensors: readonly SafeTensorInfo[],
  metadata: Readonly<Record<string, string>> | undefined,
  file: string,
): { bytes: Uint8Array; entries: readonly HeaderEntry[] } {
  const entries = layOut(tensors, file);
  const fields: string[] = [];
  if (metadata !== undefined && Object.keys(metadata).length > 0) {
    fields.push(`"__metadata__":${encodeMetadata(metadata, file)}`);
  }
  for (const { name, dtype, shape, start, end } of entries) {
    fields.push(`${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${start},${end}]}`);
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > largestHeader)
    throw unwritable(file, undefined, `the header has ${padded} bytes, the limit is ${largestHeader}`);
  const bytes = new Uint8Array(lengthBytes + padded).fill(0x20, lengthBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, lengthBytes);
  return { bytes, entries };
}

/** The error of every malformed file: code `SAFETENSORS_INVALID`, with the file and, where known, the tensor. */
export function invalid(file: string, tensor: string | undefined, what: string): CongError {
  const place = tensor === undefined ? file : `${file}: tensor ${JSON.stringify(tensor.slice(0, 200))}`;
  return new CongError(
    "SAFETENSORS_INVALID",
    `${place}: ${what}`,
    { file, tensor },
    "the file is damaged, cut short or not safetensors: download or export it again",
  );
}

function parseJson(json: Uint8Array, file: string): StrictJson {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch {
    throw invalid(file, undefined, "the header is not UTF-8 text");
  }
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid(file, undefined, `the header is not valid JSON: ${error.message}`);
    throw error;
  }
}

function decodeMetadata(value: StrictJson, file: string): Header["metadata"] {
  if (value === null) return {};
  if (!(value instanceof Map)) throw invalid(file, undefined, "__metadata__ is not a JSON object");
  for (const [key, text] of value) {
    if (typeof text !== "string") throw invalid(file, undefined, `__metadata__ ${JSON.stringify(key)} is not a string`);
  }
  // fromEntries defines own properties, so that a key called __proto__ is only a key.
  return Object.fromEntries(value as ReadonlyMap<string, string>);
}

function decodeEntry(name: string, value: StrictJson, file: string): HeaderEntry {
  if (!(value instanceof Map)) throw invalid(file, name, "its entry is not a JSON object");
  const dtype = value.get("dtype");
  if (typeof dtype !== "string") throw invalid(file, name, "its dtype is missing or not a string");
  if (!isSafeDtype(dtype)) {
    const near = closest(dtype, safeDtypes);
    throw invalid(file, name, `unknown dtype "${dtype.slice(0, 40)}"${near === undefined ? "" : ` (near "${near}")`}`);
  }
  const shape = decodeSizes(value.get("shape"));
  if (shape === undefined) throw invalid(file, name, "its shape is not a list of integers from 0 to 2^53");
  const [start, end, ...more] = decodeSizes(value.get("data_offsets")) ?? [];
  if (start === undefined || end === undefined || more.length > 0) {
    throw invalid(file, name, "its data_offsets are not two integers from 0 to 2^53");
  }
  if (end < start) throw invalid(file, name, `its data_offsets run backwards: [${start}, ${end}]`);
  const bytes = byteLengthOf(dtype, shape);
  if (bytes === undefined) throw invalid(file, name, `${dtype} [${shape.join(", ")}] has no byte count that fits`);
  if (bytes !== end - start) {
    throw invalid(
      file,
      name,
      `${dtype} [${shape.join(", ")}] needs ${bytes} bytes, its data_offsets give ${end - start}`,
    );
  }
  return { name, dtype, shape, start, end };
}

function decodeSizes(value: StrictJson | undefined): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const sizes: number[] = [];
  for (const size of value as readonly StrictJson[]) {
    if (typeof size !== "bigint" || size < 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
    sizes.push(Number(size));
  }
  return sizes;
}

function checkCoverage(entries: readonly HeaderEntry[], dataBytes: number, file: string): void {
  let position = 0;
  for (const { name, start, end } of entries) {
    if (start > position) throw invalid(file, name, `starts at byte ${start}, leaving a hole after byte ${position}`);
    if (start < position)
      throw invalid(file, name, `starts at byte ${start}, inside the tensor that ends at ${position}`);
    position = end;
  }
  if (position > dataBytes) {
    throw invalid(file, entries.at(-1)?.name, `ends at byte ${position} of the data, the file has only ${dataBytes}`);
  }
  if (position < dataBytes) throw invalid(file, undefined, `${dataBytes - position} bytes after the last tensor`);
}

function layOut(tensors: readonly SafeTensorInfo[], file: string): HeaderEntry[] {
  const keyed = tensors.map((tensor) => ({ tensor, key: Buffer.from(tensor.name, "utf8") }));
  keyed.sort((a, b) => compareDtypes(b.tensor.dtype, a.tensor.dtype) || Buffer.compare(a.key, b.key));
  const seen = new Set<string>();
  let position = 0;
  return keyed.map(({ tensor: { name, dtype, shape } }) => {
    if (name === "__metadata__") throw unwritable(file, name, "this name is reserved by the format");
    if (/\p{Surrogate}/u.test(name)) throw unwritable(file, name, "the name is not valid Unicode");
    if (seen.has(name)) throw unwritable(file, name, "the name occurs twice");
    if (!isSafeDtype(dtype)) throw unwritable(file, name, `unknown dtype "${dtype as string}"`);
    const bytes = byteLengthOf(dtype, shape);
    if (bytes === undefined) throw unwritable(file, name, `${dtype} [${shape.join(", ")}] has no byte count that fits`);
    seen.add(name);
    const start = position;
    position += bytes;
    return { name, dtype, shape: [...shape], start, end: position };
  });
}

function encodeMetadata(metadata: Readonly<Record<string, string>>, file: string): string {
  const fields = Object.keys(metadata)
    .sort()
    .map((key) => {
      const value: unknown = metadata[key];
      if (typeof value !== "string" || /\p{Surrogate}/u.test(key + value)) {
        throw unwritable(file, undefined, `metadata "${key}" is not a string of valid Unicode`);
      }
      return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
    });
  return `{${fields.join(",")}}`;
}

function unwritable(file: string, tensor: string | undefined, what: string): CongError {
  const place = tensor === undefined ? file : `${file}: tensor ${JSON.stringify(tensor)}`;
  return new CongError(
    "BAD_ARGUMENT",
    `${place}: ${what}`,
    { file, tensor },
    "nothing was written; change the tensor list",
  );
}
