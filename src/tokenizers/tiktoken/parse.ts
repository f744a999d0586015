/**
 * tiktoken's rank files: a line `base64(bytes) rank` for every token. The rank is both the token's id and its turn to merge: two neighbours
 * become one when their joined bytes are a token, the lowest rank first.
 */
import { CongError } from "../../support/index.ts";
import { createMergeTable, type Merge, mostMerges } from "../bpe/index.ts";
import type { ByteBpe } from "../byte-level/byte-bpe.ts";

/** Bytes of a token as a Latin-1 string, and its rank. */
export type Ranks = ReadonlyMap<string, number>;

/** No published token is longer than some 500 bytes; the work below is quadratic in this. */
const longestToken = 4096;
const line = /^([A-Za-z0-9+/]+={0,2}) (\d{1,8})$/;

/** True when bytes look like a rank file: its first line does. */
export function looksLikeTiktoken(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 2 * longestToken)).toString("latin1");
  return line.test(start.split(/\r?\n/, 1)[0] ?? "");
}

/** @throws CongError `BAD_TOKENIZER_FILE` that names the line */
export function parseRanks(source: string | Uint8Array): Ranks {
  const text = typeof source === "string" ? source : Buffer.from(source).toString("latin1");
  const ranks = new Map<string, number>();
  const taken = new Set<number>();
  text.split("\n").forEach((raw, i) => {
    const content = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (content === "") return;
    const match = line.exec(content);
    if (match === null) throw badLine(i, content, "a token in base64, a space and a rank");
    const token = Buffer.from(match[1]!, "base64").toString("latin1");
    const rank = Number(match[2]);
    if (token.length > longestToken) throw badLine(i, content, `a token of at most ${longestToken} bytes`);
    if (rank >= mostMerges) throw badLine(i, content, `a rank below ${mostMerges}`);
    if (ranks.has(token) || taken.has(rank)) throw badLine(i, content, "a token and a rank not used before");
    ranks.set(token, rank);
    taken.add(rank);
  });
  for (let byte = 0; byte < 256; byte++) {
    if (ranks.has(String.fromCharCode(byte))) continue;
    throw new CongError(
      "BAD_TOKENIZER_FILE",
      `tiktoken file: ${ranks.size} tokens, but none for the byte 0x${byte.toString(16).padStart(2, "0")}`,
      { tokens: ranks.size, byte },
      "all 256 bytes must be tokens; the file may be cut short",
    );
  }
  return ranks;
}

/** The merges that ranks imply: a token can come from every pair of tokens that spell it. */
export function ranksToBpe(ranks: Ranks): ByteBpe {
  const merges: Merge[] = [];
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const wholeWords = new Map<string, number>();
  for (const [token, rank] of ranks) {
    for (let cut = 1; cut < token.length; cut++) {
      const left = ranks.get(token.slice(0, cut));
      if (left === undefined) continue;
      const right = ranks.get(token.slice(cut));
      if (right !== undefined) merges.push({ left, right, result: rank });
    }
    try {
      wholeWords.set(strict.decode(Buffer.from(token, "latin1")), rank);
    } catch {
      // Half a character: no word can equal it.
    }
  }
  const byteIds = Int32Array.from({ length: 256 }, (_, byte) => ranks.get(String.fromCharCode(byte))!);
  return {
    merges: createMergeTable(
      merges,
      merges.map(({ result }) => result),
    ),
    byteIds,
    wholeWords,
  };
}

function badLine(index: number, content: string, wanted: string): CongError {
  return new CongError(
    "BAD_TOKENIZER_FILE",
    `tiktoken file: line ${index + 1} is ${JSON.stringify(content.slice(0, 60))}`,
    { line: index + 1 },
    `it must be ${wanted}; the file may be damaged or of another kind`,
  );
}
