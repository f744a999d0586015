/** Which line of the model made a node. Captured cheaply, and turned into text only when a profile asks. */

/** Holds a stack trace; JavaScript engines format it when `stack` is first read. */
export interface CallSite {
  readonly stack?: string;
}

/** Frames above the op function that may still belong to the engine. */
const depth = 14;

/** The present call stack. */
export function captureSite(): CallSite {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  const site = new Error();
  Error.stackTraceLimit = limit;
  return site;
}

/** "decoder.ts:88:12": the innermost frame outside the engine; undefined if there is none. */
export function siteOf(site: CallSite | undefined): string | undefined {
  const frames = (site?.stack ?? "").split("\n").slice(1);
  const outside = frames.find((frame) => !/[\\/]engine[\\/](graph|ops|autodiff)[\\/]/.test(frame));
  return outside && /([^\\/()]+:\d+:\d+)\)?$/.exec(outside)?.[1];
}
