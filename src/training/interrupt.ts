/** Ctrl-C as an AbortSignal: the first one lets the loop save and stop, the second one ends the process as usual. */

/** Aborts on SIGINT or SIGTERM. Call `release` when done, so that the process gets its normal behaviour back. */
export function interruptSignal(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM"] as const;
  const release = () => {
    for (const name of names) process.removeListener(name, stop);
  };
  function stop(name: NodeJS.Signals): void {
    release();
    controller.abort(name);
  }
  for (const name of names) process.on(name, stop);
  return { signal: controller.signal, release };
}
