/**
 * One request at a time, in the order of arrival. The engine has one set of caches: two answers written alternately would be
 * slower together than one after the other, and the queue makes that order certain.
 */
import { CongError } from "../support/index.ts";

export interface Queue {
  /** Requests that wait, the running one not counted. */
  readonly waiting: number;
  /**
   * Waits for the turn and returns the function that ends it.
   * @throws CongError `QUEUE_FULL`, or the signal's reason when it is aborted while waiting
   */
  enter(signal?: AbortSignal): Promise<() => void>;
}

/** @param limit requests that may wait */
export function createQueue(limit: number): Queue {
  const waiting: (() => void)[] = [];
  let isBusy = false;

  function leaveOnce(): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = waiting.shift();
      if (next === undefined) isBusy = false;
      else next();
    };
  }

  return {
    get waiting() {
      return waiting.length;
    },
    async enter(signal) {
      signal?.throwIfAborted();
      if (!isBusy) {
        isBusy = true;
        return leaveOnce();
      }
      if (waiting.length >= limit) {
        throw new CongError(
          "QUEUE_FULL",
          `${waiting.length} requests are waiting already`,
          { limit },
          "try again in a moment",
        );
      }
      return new Promise((resolve, reject) => {
        const begin = (): void => {
          signal?.removeEventListener("abort", giveUp);
          resolve(leaveOnce());
        };
        const giveUp = (): void => {
          waiting.splice(waiting.indexOf(begin), 1);
          reject(signal!.reason);
        };
        waiting.push(begin);
        signal?.addEventListener("abort", giveUp, { once: true });
      });
    },
  };
}
