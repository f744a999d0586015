/**
 * The pickle machine (protocols 2 to 5) for checkpoints. It knows the opcodes that data need and none that could make
 * an object or load code by other means; names go through `globals.ts`. No recursion: nesting costs no stack.
 */
import { ByteCursor } from "./cursor.ts";
import { invalid, quote, unsafe } from "./errors.ts";
import { call, isAllowed, storageFromId } from "./globals.ts";
import { isObject, kindOf, type PickleDict, type PickleKey, type PickleList, type PickleValue } from "./values.ts";

/** Opcodes that would load code or make objects of classes; named in the message. */
const refused: Readonly<Record<number, string>> = {
  105: "INST",
  111: "OBJ",
  129: "NEWOBJ",
  130: "EXT1",
  131: "EXT2",
  132: "EXT4",
  146: "NEWOBJ_EX",
};

/** Runs a pickle and returns what it describes. Throws CongError `PICKLE_INVALID`, `PICKLE_UNSAFE`, `PICKLE_UNSUPPORTED`. */
export function runPickle(bytes: Uint8Array, file: string): PickleValue {
  const cursor = new ByteCursor(bytes, file);
  const marks: number[] = [];
  const memo = new Map<number, PickleValue>();
  const stack: PickleValue[] = [];

  const floor = () => marks.at(-1) ?? 0;
  const pop = (): PickleValue => {
    if (stack.length <= floor()) throw invalid(file, "the pickle takes a value from an empty stack");
    return stack.pop()!;
  };
  const top = (): PickleValue => {
    if (stack.length <= floor()) throw invalid(file, "the pickle looks at an empty stack");
    return stack.at(-1)!;
  };
  const popMark = (): PickleValue[] => {
    const mark = marks.pop();
    if (mark === undefined) throw invalid(file, "the pickle closes a list that it never opened");
    return stack.splice(mark);
  };
  const popTuple = (count: number) => {
    const items = Array.from({ length: count }, pop).reverse();
    stack.push({ kind: "tuple", items });
  };
  const global = (name: string): PickleValue => {
    if (!isAllowed(name)) throw unsafe(file, name, `the pickle asks for ${quote(name)}, which is not a tensor`);
    return { kind: "global", name };
  };
  const recall = (index: number) => {
    const value = memo.get(index);
    if (value === undefined) throw invalid(file, `the pickle recalls value ${index}, which it never kept`);
    stack.push(value);
  };

  const operations: Readonly<Record<number, () => void>> = {
    // Framing
    128: () => {
      const protocol = cursor.uint8();
      if (protocol < 2 || protocol > 5) throw invalid(file, `pickle protocol ${protocol}, wanted 2 to 5`);
    },
    149: () => void cursor.uint64(),
    40: () => marks.push(stack.length),
    48: () => {
      if (marks.at(-1) === stack.length) marks.pop();
      else pop();
    },
    49: () => popMark(),
    50: () => stack.push(top()),
    // Constants
    78: () => stack.push(null),
    136: () => stack.push(true),
    137: () => stack.push(false),
    75: () => stack.push(cursor.uint8()),
    77: () => stack.push(cursor.uint16()),
    74: () => stack.push(cursor.int32()),
    138: () => stack.push(cursor.long(cursor.uint8())),
    139: () => stack.push(cursor.long(cursor.uint32())),
    71: () => stack.push(cursor.float64()),
    // Text and bytes
    140: () => stack.push(cursor.text(cursor.uint8())),
    88: () => stack.push(cursor.text(cursor.uint32())),
    141: () => stack.push(cursor.text(cursor.uint64())),
    67: () => stack.push(cursor.bytes(cursor.uint8())),
    66: () => stack.push(cursor.bytes(cursor.uint32())),
    142: () => stack.push(cursor.bytes(cursor.uint64())),
    // Containers
    93: () => stack.push({ kind: "list", items: [] }),
    97: () => {
      const item = pop();
      listOf(file, top()).items.push(item);
    },
    101: () => {
      const items = popMark();
      const list = listOf(file, top());
      for (const item of items) list.items.push(item);
    },
    41: () => stack.push({ kind: "tuple", items: [] }),
    133: () => popTuple(1),
    134: () => popTuple(2),
    135: () => popTuple(3),
    116: () => stack.push({ kind: "tuple", items: popMark() }),
    125: () => stack.push({ kind: "dict", entries: new Map() }),
    115: () => {
      const value = pop();
      const key = pop();
      setItems(file, top(), [key, value]);
    },
    117: () => {
      const items = popMark();
      setItems(file, top(), items);
    },
    // Memory
    104: () => recall(cursor.uint8()),
    106: () => recall(cursor.uint32()),
    113: () => memo.set(cursor.uint8(), top()),
    114: () => memo.set(cursor.uint32(), top()),
    148: () => memo.set(memo.size, top()),
    // Names, calls and storages
    99: () => stack.push(global(`${cursor.line()}.${cursor.line()}`)),
    147: () => {
      const [name, module] = [pop(), pop()];
      if (typeof name !== "string" || typeof module !== "string") throw invalid(file, "a name that is not text");
      stack.push(global(`${module}.${name}`));
    },
    82: () => {
      const args = pop();
      stack.push(call(file, pop(), args));
    },
    98: () => {
      // The attributes of an OrderedDict (`_metadata` of a state dict) are of no use here.
      pop();
      dictOf(file, top());
    },
    81: () => stack.push(storageFromId(file, pop())),
  };

  for (;;) {
    const at = cursor.position;
    const opcode = cursor.uint8();
    if (opcode === 46) break;
    const operation = operations[opcode];
    if (operation === undefined) {
      const name = refused[opcode];
      if (name !== undefined) throw unsafe(file, name, `the pickle makes an object of a class (${name} at byte ${at})`);
      throw invalid(file, `unknown opcode 0x${opcode.toString(16).padStart(2, "0")} at byte ${at} of the pickle`);
    }
    operation();
  }
  if (marks.length > 0 || stack.length !== 1) {
    throw invalid(file, `the pickle leaves ${stack.length} values and ${marks.length} open lists`);
  }
  return stack[0]!;
}

function setItems(file: string, target: PickleValue, items: readonly PickleValue[]): void {
  const { entries } = dictOf(file, target);
  if (items.length % 2 !== 0) throw invalid(file, "a dictionary with a key that has no value");
  for (let i = 0; i < items.length; i += 2) entries.set(keyOf(file, items[i]!), items[i + 1]!);
}

function keyOf(file: string, value: PickleValue): PickleKey {
  if (value === null || typeof value !== "object") return value;
  throw invalid(file, `a dictionary with ${kindOf(value)} as a key`);
}

function listOf(file: string, value: PickleValue): PickleList {
  if (isObject(value) && value.kind === "list") return value;
  throw invalid(file, `the pickle appends to ${kindOf(value)}`);
}

function dictOf(file: string, value: PickleValue): PickleDict {
  if (isObject(value) && value.kind === "dict") return value;
  throw invalid(file, `the pickle sets an item or attribute of ${kindOf(value)}`);
}
