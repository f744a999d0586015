/**
 * Ids back to text, as SentencePiece does it: "▁" becomes a space, runs of byte pieces become characters, and the space
 * that encoding put before the text is taken off again.
 */
import { byteOfPiece, type SentencePiece, type SentencePieceModel } from "./model.ts";
import { Normalizer } from "./normalizer.ts";
import { repairUtf8 } from "./utf8.ts";

const escapedSpace = "\u2581";
const outside: SentencePiece = { piece: "", score: 0, type: "control" };

export interface SentencePieceDecoder {
  /** Text of these ids. Control pieces, and ids beyond the pieces, give nothing but end a run of bytes. */
  decode(ids: Iterable<number>): string;
  /** The bytes one piece adds, whatever stands around it; none for control pieces. */
  bytesOf(id: number): Uint8Array;
}

export function createDecoder(model: SentencePieceModel): SentencePieceDecoder {
  const { pieces, normalizer, unknownSurface } = model;
  const encoder = new TextEncoder();
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  const denormalizer = model.denormalizer === undefined ? undefined : new Normalizer(model.denormalizer);
  const stripsSpace = normalizer.addDummyPrefix || normalizer.removeExtraWhitespaces;

  const decode = (ids: Iterable<number>): string => {
    let text = "";
    let run: number[] = [];
    const endRun = (): void => {
      if (run.length === 0) return;
      text += utf8.decode(Uint8Array.from(repairUtf8(run)));
      run = [];
    };
    // True until something has been written, or the dummy space has been dropped.
    let atStart = true;
    let dropped = false;
    for (const id of ids) {
      const { piece, type } = pieces[id] ?? outside;
      if (type === "byte") {
        run.push(byteOfPiece(piece));
        continue;
      }
      endRun();
      if (dropped || text !== "") atStart = false;
      dropped = false;
      if (type === "control") continue;
      if (type === "unknown") {
        text += unknownSurface;
        continue;
      }
      const strip = atStart && stripsSpace && piece.startsWith(escapedSpace);
      // Where encoding strips all spaces in front, so does decoding; otherwise only the dummy one goes.
      dropped = strip && !normalizer.removeExtraWhitespaces;
      text += (strip ? piece.slice(1) : piece).replaceAll(escapedSpace, " ");
    }
    endRun();
    return denormalizer === undefined ? text : denormalizer.toText(text);
  };

  const bytesOf = (id: number): Uint8Array => {
    const { piece, type } = pieces[id]!;
    if (type === "control") return new Uint8Array(0);
    if (type === "byte") return Uint8Array.of(byteOfPiece(piece));
    return encoder.encode(type === "unknown" ? unknownSurface : piece.replaceAll(escapedSpace, " "));
  };
  return { decode, bytesOf };
}
