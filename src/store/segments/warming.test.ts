// Goal: what was written is read into the cache when records of it are read, or in quiet times, and
// not while it is only written. Method: an executor that keeps the jobs it is given.
import { beforeEach, expect, test } from "vitest";
import type { Segment } from "./books.ts";
import type { Job, JobOutcome, RunExecutor } from "./runwriter.ts";
import { Warmer } from "./warming.ts";

const mebibyte = 1 << 20;
let jobs: string[];
let answer: (() => void) | null;
let flushed: number;
let warmer: Warmer;

const executor = {
  run: (job: Extract<Job, { type: "warm" }>): Promise<JobOutcome> => {
    jobs.push(`${job.path} ${job.from / mebibyte}-${job.to / mebibyte}`);
    return new Promise((resolve) => {
      answer = () => resolve({ ok: false, full: false, code: null, detail: "", end: 0 });
    });
  },
} as unknown as RunExecutor;

/** Answers jobs, whatever comes of them, until there are no more. */
async function work(): Promise<void> {
  while (answer !== null) {
    const next: () => void = answer;
    answer = null;
    next();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function wrote(number: number, from: number, to: number): void {
  const segment = { header: { number }, path: `s${number}`, length: from * mebibyte };
  warmer.wrote(segment as Segment, to * mebibyte);
  flushed += (to - from) * mebibyte;
}

function read(number: number, at: number, times: number): void {
  for (let n = 0; n < times; n++) warmer.met(number, at * mebibyte);
}

beforeEach(() => {
  jobs = [];
  answer = null;
  flushed = 0;
  warmer = new Warmer(executor, () => flushed);
  wrote(1, 0, 36);
  wrote(2, 0, 1);
  wrote(2, 1, 2);
});

test("warming: nothing is read back while much is written, or something else is read", async () => {
  for (let ms = 1000; ms < 60_000; ms += 1000) {
    wrote(2, 2, 11);
    warmer.tick(ms);
    expect(warmer.busy).toBe(true);
  }
  read(2, 11, 1000);
  read(3, 0, 1000);
  read(1, 0, 63);
  await work();
  expect(jobs).toEqual([]);
});

test("warming: after some reads all is read back, in steps, once, the newest first", async () => {
  read(1, 5, 64);
  await work();
  expect(jobs).toEqual(["s2 0-2", "s1 0-32", "s1 32-36"]);
  expect([warmer.isCold(1), warmer.isCold(2)]).toEqual([false, false]);
  read(1, 5, 1000);
  wrote(2, 2, 3);
  read(2, 1, 1000);
  expect(jobs.length).toBe(3);
  read(2, 2, 64);
  await work();
  expect(jobs[3]).toBe("s2 2-3");
});

test("warming: what is written meanwhile is read back, too; what goes is not", async () => {
  read(1, 5, 64);
  wrote(2, 2, 4);
  wrote(3, 0, 1);
  warmer.forget(1);
  await work();
  expect(jobs).toEqual(["s2 0-2", "s3 0-1", "s2 2-4"]);
});

test("warming: while little is written all is read back without being asked for", async () => {
  wrote(1, 36, 37);
  warmer.tick(1000);
  expect(jobs).toEqual([]);
  wrote(2, 2, 10);
  const segment = { header: { number: 3 }, path: "s3", length: 0 };
  warmer.wrote(segment as Segment, 80 * mebibyte);
  warmer.tick(1999);
  expect(jobs).toEqual([]);
  expect(warmer.busy).toBe(true);
  warmer.tick(2000);
  expect(warmer.busy).toBe(false);
  await work();
  expect(jobs.slice(0, 3)).toEqual(["s3 0-32", "s3 32-64", "s3 64-80"]);
  expect(jobs.slice(-2)).toEqual(["s1 0-32", "s1 32-37"]);
});

test("warming: it ends once much is written and nobody reads; readers keep it going", async () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const answered = async (): Promise<void> => {
    const next = answer;
    answer = null;
    next?.();
    await turn();
  };
  warmer.tick(1000);
  warmer.tick(2000);
  wrote(2, 2, 11);
  read(2, 11, 64);
  read(1, 5, 63);
  read(1, 40, 100);
  await answered();
  expect(jobs).toEqual(["s2 0-2"]);
  read(1, 5, 1);
  expect(jobs).toEqual(["s2 0-2", "s2 2-11"]);
  wrote(2, 11, 20);
  read(1, 5, 64);
  await answered();
  wrote(2, 20, 21);
  await answered();
  await answered();
  expect(jobs.slice(2)).toEqual(["s2 11-20", "s2 20-21", "s1 0-32"]);
});

test("warming: stopped it ends behind the job that runs, and begins no other", async () => {
  read(1, 5, 64);
  let stopped = false;
  const stop = warmer.stop().then(() => {
    stopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(stopped).toBe(false);
  await work();
  await stop;
  read(1, 5, 64);
  expect(jobs).toEqual(["s2 0-2"]);
});
