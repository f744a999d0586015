/** Agreement of the labellers over a labelled file, and with a gold label where records have one. */
import { readRecords } from "../steps/read-records.ts";
import type { InputFile } from "../steps/run-step.ts";
import { cohenKappa, fleissKappa } from "./agreement.ts";
import type { LabelSchema } from "./schema.ts";

export interface AgreementRow {
  readonly pair: string;
  /** Records that both labelled. */
  readonly records: number;
  /** Share of those with the same label. */
  readonly agreement: number;
  /** Cohen's kappa; Fleiss' in the row of all labellers, over records that all labelled. */
  readonly kappa: number;
}

/** A row for every pair of labellers, one for all of them from three on, and one a labeller against the field `gold`. */
export async function labelAgreement(file: InputFile, schema: LabelSchema, gold?: string): Promise<AgreementRow[]> {
  const names = schema.labellers.map(({ name }) => name);
  const votes = names.map((): (string | undefined)[] => []);
  const truth: (string | undefined)[] = [];
  const winners: (string | undefined)[] = [];
  for await (const { value } of readRecords([file])) {
    const record = (value.votes ?? {}) as Record<string, string | null>;
    names.forEach((name, i) => void votes[i]!.push(record[name] ?? undefined));
    winners.push((value[schema.field] as string | null) ?? undefined);
    const wanted = gold === undefined ? undefined : value[gold];
    truth.push(wanted === undefined || wanted === null ? undefined : String(wanted));
  }
  const row = (
    pair: string,
    first: readonly (string | undefined)[],
    second: readonly (string | undefined)[],
  ): AgreementRow => {
    const both = first.flatMap((label, i) =>
      label === undefined || second[i] === undefined ? [] : [label === second[i]],
    );
    return {
      pair,
      records: both.length,
      agreement: both.filter(Boolean).length / both.length,
      kappa: cohenKappa(first, second),
    };
  };
  const rows = names.flatMap((name, i) =>
    names.slice(i + 1).map((other, k) => row(`${name} / ${other}`, votes[i]!, votes[i + 1 + k]!)),
  );
  if (names.length > 2) {
    const complete = truth.flatMap((_, item) => {
      const given = votes.map((list) => list[item]);
      return given.includes(undefined)
        ? []
        : [schema.labels.map((label) => given.filter((vote) => vote === label).length)];
    });
    const agreement = complete.filter((counts) => counts.includes(names.length)).length / complete.length;
    if (complete.length > 0)
      rows.push({ pair: "all (Fleiss)", records: complete.length, agreement, kappa: fleissKappa(complete) });
  }
  if (gold === undefined) return rows;
  return [
    ...rows,
    ...names.map((name, i) => row(`${name} / ${gold}`, votes[i]!, truth)),
    row(`majority / ${gold}`, winners, truth),
  ];
}
