/** Names of the files that belong to a step's output. */
export interface OutputPaths {
  /** What was set aside, with reasons. */
  readonly rejected: string;
  readonly report: string;
  /** Folder of finished parts while the step is under way. */
  readonly parts: string;
}

/** `out/a.jsonl.gz` has `out/a.rejected.jsonl`, `out/a.report.json` and `out/a.jsonl.gz.parts/`. */
export function outputPaths(output: string): OutputPaths {
  const stem = output.replace(/\.gz$/i, "").replace(/\.(?:jsonl|ndjson|json|txt)$/i, "");
  return { rejected: `${stem}.rejected.jsonl`, report: `${stem}.report.json`, parts: `${output}.parts` };
}
