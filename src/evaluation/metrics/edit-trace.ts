/**
 * Edit distance with its operations, as Tercom computes it for TER: only cells near the diagonal are looked at, and among
 * equal costs the order is match or substitution, deletion, insertion. Shifts depend on that order, so it is kept.
 * Source: Snover et al. 2006 (Tercom) in the form of sacreBLEU's `lib_ter.py`.
 */

/** `nop` and `sub` use one word of each side, `ins` one of the reference, `del` one of the hypothesis. */
export type EditOperation = "nop" | "sub" | "ins" | "del";

export interface EditTrace {
  readonly cost: number;
  readonly operations: readonly EditOperation[];
}

const beamWidth = 25;
const far = 1e9;
const names = ["nop", "sub", "del", "ins"] as const;

/** Cost of the cheapest way from hypothesis to reference within the beam, every operation costing 1. Words are numbers. */
export function editCost(hypothesis: readonly number[], reference: readonly number[]): number {
  return fillTable(hypothesis, reference).cost.at(-1) as number;
}

/** The cost with the operations. */
export function editTrace(hypothesis: readonly number[], reference: readonly number[]): EditTrace {
  const { cost, operation } = fillTable(hypothesis, reference);
  const columns = reference.length + 1;
  const operations: EditOperation[] = [];
  for (let i = hypothesis.length, j = reference.length; i > 0 || j > 0; ) {
    const kind = names[operation[i * columns + j]!] as EditOperation;
    operations.push(kind);
    if (kind !== "ins") i--;
    if (kind !== "del") j--;
  }
  return { cost: cost.at(-1) as number, operations: operations.reverse() };
}

function fillTable(hypothesis: readonly number[], reference: readonly number[]) {
  const rows = hypothesis.length;
  const columns = reference.length + 1;
  const cost = new Int32Array((rows + 1) * columns).fill(far);
  const operation = new Uint8Array((rows + 1) * columns);
  for (let j = 0; j < columns; j++) {
    cost[j] = j;
    operation[j] = 3;
  }
  const ratio = rows > 0 ? reference.length / rows : 1;
  // Texts of very different length would leave rows without a common cell.
  const beam = beamWidth < ratio / 2 ? Math.ceil(ratio / 2 + beamWidth) : beamWidth;
  for (let i = 1; i <= rows; i++) {
    const diagonal = Math.floor(i * ratio);
    const from = Math.max(0, diagonal - beam);
    const to = i === rows ? columns : Math.min(columns, diagonal + beam);
    for (let j = from; j < to; j++) {
      const here = i * columns + j;
      const above = here - columns;
      if (j === 0) {
        cost[here] = cost[above]! + 1;
        operation[here] = 2;
        continue;
      }
      const differs = hypothesis[i - 1] === reference[j - 1] ? 0 : 1;
      let best = cost[above - 1]! + differs;
      let kind = differs;
      if (cost[above]! + 1 < best) {
        best = cost[above]! + 1;
        kind = 2;
      }
      if (cost[here - 1]! + 1 < best) {
        best = cost[here - 1]! + 1;
        kind = 3;
      }
      cost[here] = best;
      operation[here] = kind;
    }
  }
  return { cost, operation };
}
