/**
 * The code for one vector of a fused program: loads, arithmetic, stores, with a register allocator for straight lines.
 *
 * A value lives in a register from its instruction to its last use. When registers run out, the value whose next use is
 * farthest away gives up its own (Belady 1966): inputs and constants are read again later, others go to the stack.
 */
import type { FusedInstruction, FusedParams } from "../../ops/fused.ts";
import type { Assembler, Memory, Ymm, YmmOrMemory } from "./assembler.ts";
import { emitOperation, type Operands } from "./elementwise-operations.ts";

export interface VectorCode {
  readonly params: FusedParams;
  readonly inputCount: number;
  /** Where an input lies; those that are not wide lie there eight times over. */
  homeOf(input: number): Memory;
  /** Has an element of its own for each lane. */
  isWide(input: number): boolean;
  resultHome(index: number): Memory;
  constant(value: number): Memory;
  bits(value: number): Memory;
  spillSlot(index: number): Memory;
  /** Lanes to compute, for the tail of a row. Default all. */
  readonly mask?: Memory;
}

const registerCount = 16;
const never = Number.POSITIVE_INFINITY;

export function compileVector(assembler: Assembler, code: VectorCode): void {
  const { params, inputCount } = code;
  const { instructions, results } = params;
  const end = instructions.length;
  const uses = useList(params, inputCount);
  const nextUse = (value: number, after: number): number => uses[value]!.find((position) => position > after) ?? never;

  const mask: Ymm = registerCount - 1;
  const usable = code.mask === undefined ? registerCount : registerCount - 1;
  const owners = new Array<number | undefined>(usable).fill(undefined);
  const locked = new Set<Ymm>();
  const spilled = new Set<number>();
  if (code.mask !== undefined) assembler.vex2("vmovups", mask, code.mask);

  const instructionOf = (value: number): FusedInstruction | undefined => instructions[value - inputCount];
  const registerOf = (value: number): Ymm | undefined => {
    const register = owners.indexOf(value);
    return register < 0 ? undefined : register;
  };
  /** Where a value can be read without a register; undefined for one that is only in a register. */
  const memoryOf = (value: number): Memory | undefined => {
    if (value < inputCount) return code.homeOf(value);
    const instruction = instructionOf(value)!;
    if (instruction.op === "constant") return code.constant(instruction.value);
    return spilled.has(value) ? code.spillSlot(value - inputCount) : undefined;
  };

  let position = 0;
  /** A register that nobody needs now; locked until the instruction is done. */
  const claim = (owner?: number): Ymm => {
    let register = owners.findIndex((value, i) => value === undefined && !locked.has(i));
    if (register < 0) {
      const candidates = owners.flatMap((value, i) =>
        locked.has(i) ? [] : [{ i, next: nextUse(value!, position - 1) }],
      );
      register = candidates.reduce((best, candidate) => (candidate.next > best.next ? candidate : best)).i;
      const evicted = owners[register]!;
      if (memoryOf(evicted) === undefined) {
        assembler.vstore(code.spillSlot(evicted - inputCount), register);
        spilled.add(evicted);
      }
    }
    owners[register] = owner;
    locked.add(register);
    return register;
  };
  const inRegister = (value: number): Ymm => {
    const known = registerOf(value);
    if (known !== undefined) {
      locked.add(known);
      return known;
    }
    const register = claim(value);
    const memory = memoryOf(value)!;
    if (code.mask !== undefined && value < inputCount && code.isWide(value))
      assembler.vmaskload(register, mask, memory);
    else assembler.vex2("vmovups", register, memory);
    return register;
  };
  /** Memory where that is as good: for what is the same in all lanes, spilled, or read only here. */
  const anywhere = (value: number): YmmOrMemory => {
    const wide = value < inputCount && code.isWide(value);
    const keep = wide && (code.mask !== undefined || nextUse(value, position) !== never);
    return registerOf(value) !== undefined || keep ? inRegister(value) : memoryOf(value)!;
  };

  const operands: Operands = {
    inRegister,
    anywhere,
    scratch: () => claim(),
    constant: code.constant,
    bits: code.bits,
    isInRegister: (value) => registerOf(value) !== undefined,
  };
  for (; position < end; position++) {
    const instruction = instructions[position]!;
    if (instruction.op === "constant") continue;
    const made = inputCount + position;
    emitOperation(assembler, instruction.op, instruction.inputs, operands, () => claim(made));
    locked.clear();
    owners.forEach((value, i) => {
      if (value !== undefined && nextUse(value, position) === never) owners[i] = undefined;
    });
  }
  // No input is read from here on: the stores may overwrite them.
  results.forEach((value, i) => {
    const register = inRegister(value);
    if (code.mask === undefined) assembler.vstore(code.resultHome(i), register);
    else assembler.vmaskstore(code.resultHome(i), mask, register);
    locked.clear();
  });
}

/** For each value the instructions that read it, in order; results are read at the end. */
function useList({ instructions, results }: FusedParams, inputCount: number): number[][] {
  const uses = Array.from({ length: inputCount + instructions.length }, (): number[] => []);
  instructions.forEach((instruction, position) => {
    if (instruction.op !== "constant") for (const value of instruction.inputs) uses[value]!.push(position);
  });
  for (const value of results) uses[value]!.push(instructions.length);
  return uses;
}
