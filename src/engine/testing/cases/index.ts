/** At least one case for every op. A new op without a case does not compile. */
import type { OpName } from "../../ops/table.ts";
import type { OpCase } from "../op-case.ts";
import { cacheCases } from "./cache.ts";
import { matmulCases, normalizeCases, reduceCases, rotaryCases, sourceCases } from "./compute.ts";
import { binaryCases, compareCases, selectCases, unaryCases } from "./elementwise.ts";
import { scanCases } from "./loops.ts";
import { gatherCases, movementCases } from "./movement.ts";
import { quantizedCases } from "./quantized.ts";
import { randomCases, sourceOpCases } from "./random.ts";

export const opCases: { readonly [K in OpName]: readonly [OpCase, ...OpCase[]] | readonly OpCase[] } = {
  ...unaryCases,
  ...binaryCases,
  ...compareCases,
  ...selectCases,
  ...movementCases,
  ...gatherCases,
  ...reduceCases,
  ...matmulCases,
  ...quantizedCases,
  ...cacheCases,
  ...normalizeCases,
  ...rotaryCases,
  ...scanCases,
  ...randomCases,
  ...sourceOpCases,
  iota: [...sourceCases.iota, ...gatherCases.iota],
};

export { functionCases } from "./functions.ts";
