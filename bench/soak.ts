/** `npm run soak -- NAME [--json]`: long runs that must hold out. */
import { CongError } from "../src/support/index.ts";
import { pick } from "../src/support/suggest.ts";
import { machine, type Row, readOptions, say, table } from "./report.ts";
import { fuzzFiles, fuzzSummary } from "./soak/fuzz-files.ts";
import { kill, killSummary } from "./soak/kill.ts";
import { load, loadSummary } from "./soak/load.ts";
import { memory, memorySummary } from "./soak/memory.ts";

interface Soak {
  readonly summary: string;
  readonly run: (options: ReadonlyMap<string, string>) => Promise<Row[]>;
}

const soaks: Readonly<Record<string, Soak>> = {
  memory: { summary: memorySummary, run: memory },
  kill: { summary: killSummary, run: kill },
  load: { summary: loadSummary, run: load },
  "fuzz-files": { summary: fuzzSummary, run: fuzzFiles },
};

const [name = "--help", ...args] = process.argv.slice(2);
if (name === "--help") {
  const list = Object.entries(soaks).map(([key, { summary }]) => `  ${key.padEnd(11)} ${summary}`);
  say(`usage: npm run soak -- NAME [--json]\n${list.join("\n")}`);
} else {
  const options = readOptions(args);
  try {
    const results = await pick("soak", soaks, name).run(options);
    if (results.some(({ passed }) => passed === false)) process.exitCode = 1;
    process.stdout.write(
      options.has("json") ? `${JSON.stringify({ soak: name, machine: machine(), results })}\n` : `${table(results)}\n`,
    );
  } catch (error) {
    say(CongError.is(error) ? error.message : String(error instanceof Error ? error.stack : error));
    process.exitCode = 1;
  }
}
