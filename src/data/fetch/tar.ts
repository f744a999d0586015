/**
 * Files out of an npm package (a gzipped tar), streamed. Names, sizes and checksums are checked before anything is used; links, devices
 * and names that leave the folder are refused.
 */
import { CongError } from "../../support/index.ts";

export interface TarFile {
  /** Path inside the archive, with "/". */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const block = 512;
/** Largest single file that is read into memory. */
const largestFile = 1 << 28;

/** Yields the plain files whose path `wants`; others are skipped without being kept. Throws CongError `BAD_TAR`. */
export async function* tarFiles(
  source: AsyncIterable<Uint8Array>,
  wants: (path: string) => boolean,
): AsyncGenerator<TarFile, void> {
  const reader = blockReader(source);
  let longName: string | undefined;
  for (;;) {
    const header = await reader.take(block, true);
    if (header === undefined || header.every((byte) => byte === 0)) return;
    checkHeader(header);
    const size = octal(header, 124, 12);
    const kind = String.fromCharCode(header[156]!);
    const prefix = textAt(header, 257, 5) === "ustar" ? textAt(header, 345, 155) : "";
    const path = longName ?? (prefix === "" ? textAt(header, 0, 100) : `${prefix}/${textAt(header, 0, 100)}`);
    longName = undefined;
    const isFile = kind === "0" || kind === "\0";
    const padded = Math.ceil(size / block) * block;
    const isExtra = kind === "x" || kind === "L";
    if (isExtra || (isFile && wants(path))) {
      if (isFile) checkPath(path);
      if (size > largestFile) throw bad(`${path} has ${size} bytes, more than ${largestFile}`);
      const bytes = (await reader.take(padded, false))!.slice(0, size);
      if (kind === "L") longName = textAt(bytes, 0, size);
      else if (kind === "x") longName = /(?:^|\n)\d+ path=([^\n]*)/.exec(new TextDecoder().decode(bytes))?.[1];
      else yield { path, bytes };
    } else await reader.skip(padded);
  }
}

function blockReader(source: AsyncIterable<Uint8Array>) {
  const chunks = source[Symbol.asyncIterator]();
  let pending: Uint8Array = new Uint8Array(0);
  const more = async (): Promise<boolean> => {
    const { value, done } = await chunks.next();
    if (!done) pending = value;
    return !done;
  };
  return {
    async take(count: number, mayEnd: boolean): Promise<Uint8Array | undefined> {
      const bytes = new Uint8Array(count);
      let filled = 0;
      while (filled < count) {
        if (pending.length === 0 && !(await more())) {
          if (mayEnd && filled === 0) return undefined;
          throw bad("the archive is cut off");
        }
        const part = pending.subarray(0, count - filled);
        bytes.set(part, filled);
        filled += part.length;
        pending = pending.subarray(part.length);
      }
      return bytes;
    },
    async skip(count: number): Promise<void> {
      let left = count;
      while (left > 0) {
        if (pending.length === 0 && !(await more())) throw bad("the archive is cut off");
        const part = Math.min(left, pending.length);
        pending = pending.subarray(part);
        left -= part;
      }
    },
  };
}

/** The sum of all bytes of a header, its own field taken as spaces. */
function checkHeader(header: Uint8Array): void {
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (octal(header, 148, 8) !== sum) throw bad("a header's checksum does not fit");
}

function octal(header: Uint8Array, at: number, length: number): number {
  const text = textAt(header, at, length).trim();
  if (!/^[0-7]*$/.test(text)) throw bad(`"${text}" is not an octal number`);
  return text === "" ? 0 : Number.parseInt(text, 8);
}

function textAt(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function checkPath(path: string): void {
  const isInside = !path.startsWith("/") && !/^[A-Za-z]:/.test(path) && !path.split(/[/\\]/).includes("..");
  if (!isInside) throw bad(`the name ${JSON.stringify(path)} leads out of the archive`);
}

const bad = (what: string): CongError => new CongError("BAD_TAR", `bad package archive: ${what}`, {}, "fetch it again");
