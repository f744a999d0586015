/** What the counting threads and the one that feeds them say to each other. */

export interface CounterSettings {
  readonly pattern: string;
  readonly mostWords: number;
}

export type ToCounter = { readonly texts: readonly string[] } | { readonly finish: true };

export type FromCounter =
  | { readonly type: "ready" }
  /** A batch is counted: the next may come. */
  | { readonly type: "done" }
  /** Part of the counts; the last part says so. */
  | {
      readonly type: "counts";
      readonly words: readonly string[];
      readonly times: Float64Array;
      readonly last: boolean;
      readonly dropped: number;
    };
