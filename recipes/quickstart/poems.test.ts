/** The quick start's data: what is in the files, what a batch holds, and that a run can continue in the middle. */
import { expect, test } from "vitest";
import { type HostTensor, toNumbers } from "../../src/engine/index.ts";
import type { Batch } from "../../src/training/index.ts";
import { batchesOf, readPoems, shuffledBatches, vocabularyOf } from "./poems.ts";

const train = readPoems("datasets/tang-poems/train.jsonl");
const valid = readPoems("datasets/tang-poems/valid.jsonl");

test("no half-couplet of a held-out poem is in the training poems", () => {
  const halves = (poems: readonly string[]) =>
    poems.flatMap((poem) => poem.split(/[，。]/u).filter((half) => half !== ""));
  const learned = new Set(halves(train));
  expect(halves(valid).filter((half) => learned.has(half))).toEqual([]);
  expect([train.length, valid.length]).toEqual([4341, 254]);
});

test("every poem is regulated verse in simplified characters", () => {
  const form = /^((?:\p{Script=Han}{5}，\p{Script=Han}{5}。){2}|(?:\p{Script=Han}{7}，\p{Script=Han}{7}。){2}){1,2}$/u;
  expect([...train, ...valid].filter((poem) => !form.test(poem))).toEqual([]);
  expect(train.join("")).not.toMatch(/[爲無見來時風東國]/u);
});

test("the vocabulary gives back what it read, and □ for what it does not know", () => {
  const vocabulary = vocabularyOf(["春眠不觉晓，", "春风不度。"]);
  expect(vocabulary.size).toBe(4);
  expect(vocabulary.decode(vocabulary.encode("春不晓"))).toBe("春不□");
});

test("a row is one poem: targets are the tokens one further on", () => {
  const [first, second] = batchesOf([[5, 6], [7], [8, 9], [3, 4]], 6);
  expect(numbers(first!.inputs.tokens!)).toEqual([0, 5, 6, 0, 8, 9]);
  expect(numbers(first!.inputs.targets!)).toEqual([5, 6, 0, 8, 9, 0]);
  expect(first!.tokens).toBe(6);
  expect(second!.inputs.tokens!.shape).toEqual([1, 3]);
});

test("batches continue from a position, and an epoch holds every poem once", () => {
  const poems = [[2], [3], [4], [5, 6], [7, 8]];
  const take = (from: Batch["position"] | undefined, count: number): Batch[] => {
    const iterator = (shuffledBatches(poems, 4, 9)(from) as Iterable<Batch>)[Symbol.iterator]();
    return Array.from({ length: count }, () => iterator.next().value as Batch);
  };
  const all = take(undefined, 8);
  expect(take(all[2]!.position, 5).map(content)).toEqual(all.slice(3).map(content));
  const epoch = all.slice(0, 4).flatMap((batch) => numbers(batch.inputs.tokens!).filter((token) => token > 0));
  expect(epoch.sort()).toEqual([2, 3, 4, 5, 6, 7, 8]);
});

const numbers = (tensor: HostTensor): number[] => toNumbers(tensor);
const content = (batch: Batch) => [numbers(batch.inputs.tokens!), batch.position];
