/** Conversations for fine-tuning: rows to learn from, rows held out, and what had to be left out. */
import type { Conversation } from "../../data/index.ts";
import { BadRecord, type TextUnit } from "../../data/index.ts";
import { CongError } from "../../support/errors.ts";
import { ignored, type Sample } from "../objectives/samples.ts";
import {
  checkFiles,
  conversationOfRecord,
  isHeldOut,
  nothingSetAside,
  readRecords,
  type SetAside,
} from "../runs/records.ts";
import { createRowStream, type RowStream } from "../runs/row-stream.ts";
import { firstRows } from "../runs/text-data.ts";
import type { ChatEncoder } from "./chat-samples.ts";

export interface ChatDataSettings {
  readonly train: readonly string[];
  readonly valid: readonly string[];
  readonly validShare: number;
  readonly format: string | null;
  readonly textUnit: TextUnit;
  readonly shuffleCharacters: number;
  readonly truncate: boolean;
}

export interface ChatDataOptions {
  readonly encode: ChatEncoder;
  readonly length: number;
  readonly packing: boolean;
  readonly padId: number;
  readonly seed: number;
}

export interface ChatData {
  readonly train: RowStream;
  validRows(count: number): Promise<Sample[]>;
  /** Samples of one pass, and how long they are. */
  measure(): Promise<{ readonly samples: number; readonly tokens: number; readonly longest: number }>;
  /** Records that could not be read so far, held-out ones included. */
  readonly aside: SetAside;
}

/** Opens the data; a first pass, which `measure` makes, finds what is set aside of what is learned. */
export function openChatData(settings: ChatDataSettings, options: ChatDataOptions): ChatData {
  checkFiles(settings.train, "data.train");
  const { length, packing, padId, seed } = options;
  const aside = nothingSetAside();
  const stream = (part: "train" | "valid", seed: number): RowStream =>
    createRowStream<Sample>({
      items: () => samplesOf(settings, options, part, aside),
      sizeOf: ({ ids }) => ids.length,
      windowSize: settings.shuffleCharacters,
      samples: (sample) => [sample],
      length,
      packing,
      padId,
      seed,
    });
  return {
    train: stream("train", seed),
    aside,
    validRows: async (count) =>
      settings.valid.length > 0 || settings.validShare > 0 ? firstRows(stream("valid", 0), count) : [],
    async measure() {
      let [samples, tokens, longest] = [0, 0, 0];
      for await (const { ids } of samplesOf(settings, options, "train", aside)) {
        samples++;
        tokens += Math.min(length, ids.length);
        longest = Math.max(longest, ids.length);
      }
      return { samples, tokens, longest };
    },
  };
}

async function* samplesOf(
  { train, valid, validShare, format, textUnit, truncate }: ChatDataSettings,
  { encode, length }: ChatDataOptions,
  part: "train" | "valid",
  aside: SetAside,
): AsyncGenerator<Sample> {
  const hasFiles = valid.length > 0;
  const files = part === "valid" && hasFiles ? valid : train;
  const read = (conversation: Conversation): Sample | undefined => {
    const isHeld = isHeldOut(JSON.stringify(conversation.messages), validShare);
    if (!hasFiles && isHeld !== (part === "valid")) return undefined;
    const sample = encoded(conversation, encode);
    if (sample.ids.length > length && !truncate) {
      throw new BadRecord(`${sample.ids.length} tokens, more than a row of ${length}`);
    }
    const asked = sample.targets.slice(0, length).some((target) => target !== ignored);
    if (!asked) throw new BadRecord(`nothing to learn in the first ${length} tokens`);
    return sample;
  };
  const records = readRecords({ files, format, textUnit }, (record) => read(conversationOfRecord(record)), aside);
  for await (const sample of records) if (sample !== undefined) yield sample;
}

/** A conversation that the template refuses is a bad record, not the end of the run. */
function encoded(conversation: Conversation, encode: ChatEncoder): Sample {
  try {
    return encode(conversation);
  } catch (error) {
    const isRecord = CongError.is(error) && ["BAD_MESSAGE", "NOTHING_TO_LEARN", "BAD_TOOL"].includes(error.code);
    if (!isRecord) throw error;
    throw new BadRecord(error.message.split("\n")[0]);
  }
}
