// Goal: what was written is read into the cache when records of it are read, or in quiet times, and
// not while it is only written; and again when the kernel took it away. Method: an executor that
// keeps the jobs it is given; a store whose disk says that it had to wait.
import { beforeEach, expect, test, vi } from "vitest";
import { readRow } from "../../base/ports.ts";
import { readEach } from "../../platform/read-many.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { MemoryFile } from "../../platform/testing/memory-file.ts";
import { commitAt, foresee, physicalOf, putText } from "../suite.ts";
import { TestKeys } from "../testing/keys.ts";
import { openTestStore } from "../testing/world.ts";
import type { Segment } from "./books.ts";
import type { Job, JobOutcome, RunExecutor } from "./runwriter.ts";
import { Warmer } from "./warming.ts";

const mebibyte = 1 << 20;
let jobs: string[];
let answer: (() => void) | null;
let flushed: number;
let stored: number;
let segments: Map<number, Segment>;
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

/** Records of a segment of so many MiB are read from the disk. */
function miss(number: number, mebibytes: number, times: number): void {
  const segment = { header: { number }, path: `s${number}`, length: mebibytes * mebibyte };
  segments.set(number, segment as Segment);
  for (let n = 0; n < times; n++) warmer.missed(number);
}

beforeEach(() => {
  jobs = [];
  answer = null;
  flushed = 0;
  stored = 0;
  segments = new Map();
  const books = {
    get bytes() {
      return stored;
    },
    segments,
  };
  warmer = new Warmer(executor, books, () => flushed, 100 * mebibyte);
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

test("warming: what the kernel took away is read back, the sooner again the later", async () => {
  read(1, 5, 64);
  await work();
  jobs = [];
  warmer.tick(100_000);
  miss(1, 37, 31);
  miss(2, 2, 31);
  expect(jobs).toEqual([]);
  miss(1, 37, 1);
  expect(warmer.isCold(2)).toBe(false);
  await work();
  expect(jobs).toEqual(["s1 0-32", "s1 32-37"]);
  // Within a minute it takes twice as many misses, after one of calm as few as before.
  warmer.tick(101_000);
  miss(1, 37, 63);
  expect(jobs.length).toBe(2);
  miss(1, 37, 1);
  await work();
  expect(jobs.length).toBe(4);
  miss(1, 37, 1);
  warmer.tick(161_001);
  miss(1, 37, 126);
  expect(jobs.length).toBe(4);
  miss(1, 37, 1);
  await work();
  expect(jobs.length).toBe(6);
  warmer.tick(221_002);
  miss(1, 37, 32);
  await work();
  expect(jobs.length).toBe(8);
});

test("warming: what the cache was not given yet is counted once", async () => {
  miss(1, 36, 1000);
  expect(jobs).toEqual([]);
  read(1, 5, 64);
  await work();
  expect(jobs.length).toBe(3);
});

test("warming: a store that memory cannot hold is not read back for what is missed", async () => {
  read(1, 5, 64);
  await work();
  jobs = [];
  stored = 50 * mebibyte + 1;
  miss(1, 36, 32);
  expect(jobs).toEqual([]);
  expect(warmer.isCold(1)).toBe(false);
  stored--;
  miss(1, 36, 64);
  expect(jobs).toEqual(["s1 0-32"]);
  await work();
});

test("warming: records that the store reads from the disk, alone or together, count", async () => {
  const disk = new MemoryDisk();
  const store = openTestStore(disk, new TestKeys(), { memoryBytes: 1 << 30 });
  const run = store.newRun();
  run.reserve(64 * 1024);
  const names = Array.from({ length: 16 }, (_, n) => `k${n}`);
  for (const name of names) putText(run, name, name.repeat(100));
  await store.flush(run, commitAt(1));
  store.warmer.tick(2000);
  await new Promise((resolve) => setImmediate(resolve));
  const read = vi.spyOn(MemoryFile.prototype, "readCached").mockReturnValue(false);
  const warm = vi.spyOn(MemoryFile.prototype, "warm");
  const many = vi.spyOn(disk, "readMany").mockImplementation((files, target, rows, count) => {
    readEach(files, target, rows, count);
    for (let n = 0; n < count; n++) rows[n * readRow] = 1;
  });
  foresee(store, names);
  for (const name of names.slice(1)) expect(store.get(physicalOf(name), 0)).not.toBeNull();
  expect([many.mock.calls.length, read.mock.calls.length, warm.mock.calls.length]).toEqual([
    1, 0, 0,
  ]);
  store.foresee(Buffer.alloc(0), 0);
  for (const name of names) expect(store.get(physicalOf(name), 0)).not.toBeNull();
  await new Promise((resolve) => setImmediate(resolve));
  expect(read.mock.calls.length).toBe(16);
  expect(warm.mock.calls.length).toBe(1);
  vi.restoreAllMocks();
  await store.close();
});
