// Goal: what is to be done at the end of a turn is done before it is over, in order, once, and no
// job is lost to another that throws.
import { expect, test } from "vitest";
import { beginTurn, endTurn, whenTurnEnds } from "./turns.ts";

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

test("turns: jobs of a turn run at its end, in order, with those that they ask for", async () => {
  const done: number[] = [];
  for (let round = 0; round < 2; round++) {
    done.length = 0;
    beginTurn();
    whenTurnEnds(() => {
      done.push(1);
      whenTurnEnds(() => done.push(3));
    });
    whenTurnEnds(() => done.push(2));
    expect(done).toEqual([]);
    endTurn();
    expect(done).toEqual([1, 2, 3]);
  }
  await nextTick();
  expect(done).toEqual([1, 2, 3]);
});

test("turns: without a turn a job runs when the callback ends", async () => {
  const done: number[] = [];
  whenTurnEnds(() => done.push(1));
  expect(done).toEqual([]);
  await nextTick();
  expect(done).toEqual([1]);
});

test("turns: what a job throws is thrown, and the jobs behind it run all the same", async () => {
  const done: number[] = [];
  beginTurn();
  whenTurnEnds(() => done.push(1));
  whenTurnEnds(() => {
    throw new Error("of a job");
  });
  whenTurnEnds(() => done.push(2));
  expect(endTurn).toThrow("of a job");
  await nextTick();
  expect(done).toEqual([1, 2]);
  beginTurn();
  endTurn();
  expect(done).toEqual([1, 2]);
});
