/**
 * What every log engine must do. An engine's test file gives a harness and calls `logSuite`.
 * @module
 */
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { LogIndex } from "../base/brand.ts";
import type { ReplicatedLog } from "./log.ts";

export interface LogHarness {
  /** Opens the log of the current test, again if it was closed or abandoned before. */
  open(): Promise<ReplicatedLog>;
  /** The process dies: an open log is abandoned; what is not durable may be lost. */
  kill(log: ReplicatedLog): Promise<void>;
  /** A new, empty place. */
  reset(): Promise<void>;
}

export interface LogCapabilities {
  /** Truncation can free a prefix at once: how many entries of the suite's size at most stay. */
  readonly keptAfterTruncateMax: number;
  /** Largest entry that must be taken. */
  readonly entryBytes: number;
}

export interface Outcome {
  readonly error: Error | null;
  readonly index: number;
}

/** Appends and resolves with what `done` said. */
export function appendOne(log: ReplicatedLog, entry: Uint8Array): Promise<Outcome> {
  return new Promise((resolve) => {
    log.append(entry, (error, index) => resolve({ error, index }));
  });
}

/** Copies of all entries in the range. */
export function entriesOf(log: ReplicatedLog, from: number = log.first, to?: number): Buffer[] {
  const found: Buffer[] = [];
  for (const { index, entry } of log.read(from as LogIndex, to as LogIndex | undefined)) {
    expect(index).toBe(from + found.length);
    found.push(Buffer.from(entry));
  }
  return found;
}

/** An entry whose bytes tell its number. */
export function numbered(number: number, bytes = 64): Buffer {
  const entry = Buffer.alloc(bytes, number & 0xff);
  entry.writeUInt32BE(number, 0);
  return entry;
}

export function logSuite(name: string, harness: LogHarness, has: LogCapabilities): void {
  describe(`${name}: a replicated log`, () => {
    beforeEach(() => harness.reset());

    test("a new log is empty and stays so", async () => {
      for (let round = 0; round < 3; round++) {
        const log = await harness.open();
        expect([log.first, log.last, await log.readIndex()]).toEqual([1, 0, 0]);
        expect(entriesOf(log)).toEqual([]);
        await log.close();
      }
    });

    test("indexes are contiguous in call order, each callback runs once and in order", async () => {
      const log = await harness.open();
      await log.start();
      const seen: number[] = [];
      let returned = false;
      await new Promise<void>((resolve) => {
        for (let n = 1; n <= 200; n++)
          log.append(numbered(n), (error, index) => {
            expect([error, returned]).toEqual([null, true]);
            seen.push(index);
            if (n === 200) resolve();
          });
        returned = true;
      });
      expect(seen).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
      expect([log.first, log.last, await log.readIndex()]).toEqual([1, 200, 200]);
      expect(entriesOf(log)).toEqual(seen.map((n) => numbered(n)));
      await log.close();
    });

    test("the caller may reuse an entry's memory at once", async () => {
      const log = await harness.open();
      const memory = Buffer.alloc(10);
      const done: Promise<Outcome>[] = [];
      for (let n = 1; n <= 5; n++) done.push(appendOne(log, memory.fill(n)));
      await Promise.all(done);
      expect(entriesOf(log).map((entry) => entry[9])).toEqual([1, 2, 3, 4, 5]);
      await log.close();
    });

    test("entries in allocated memory are kept like others, whatever the order", async () => {
      const log = await harness.open();
      if (log.allocate === undefined) return;
      const done: Promise<Outcome>[] = [];
      const buffers = Array.from({ length: 20 }, (_, n) => log.allocate!(100 + n * 5000));
      buffers.forEach((buffer, n) => {
        buffer.fill(n + 1);
      });
      for (const n of [3, 0, 1, 19, 2, 7]) {
        done.push(appendOne(log, buffers[n]!.subarray(0, 90 + n)));
        done.push(appendOne(log, numbered(n)));
      }
      await Promise.all(done);
      const expected = [3, 0, 1, 19, 2, 7].flatMap((n) => [
        Buffer.alloc(90 + n, n + 1),
        numbered(n),
      ]);
      expect(entriesOf(log)).toEqual(expected);
      await log.close();
      const again = await harness.open();
      expect(entriesOf(again)).toEqual(expected);
      await again.close();
    });

    test("small and large entries, ranges, and an empty range", async () => {
      const log = await harness.open();
      const sizes = [1, 2, 4000, 4096, has.entryBytes, 7, 70_000];
      for (const size of sizes)
        expect((await appendOne(log, Buffer.alloc(size, 5))).error).toBe(null);
      expect(entriesOf(log).map((entry) => entry.length)).toEqual(sizes);
      expect(entriesOf(log, 3, 5).map((entry) => entry.length)).toEqual(sizes.slice(2, 5));
      expect(entriesOf(log, 7).length).toBe(1);
      expect(entriesOf(log, 8)).toEqual([]);
      expect(entriesOf(log, 5, 4)).toEqual([]);
      await log.close();
    });

    test("empty entries are refused in their turn, and the next one is taken", async () => {
      const log = await harness.open();
      const outcomes = await Promise.all([
        appendOne(log, numbered(1)),
        appendOne(log, Buffer.alloc(0)),
        appendOne(log, numbered(2)),
      ]);
      expect(outcomes.map(({ index }) => index)).toEqual([1, 0, 2]);
      expect(outcomes[1]!.error).toMatchObject({ code: "LOG_ENTRY_SIZE" });
      await log.close();
    });

    test("what was acknowledged is there after stops and kills, and the log goes on", async () => {
      let expected = 0;
      for (let life = 0; life < 6; life++) {
        const log = await harness.open();
        expect([log.first, log.last]).toEqual([1, expected]);
        expect(entriesOf(log)).toEqual(Array.from({ length: expected }, (_, n) => numbered(n + 1)));
        await log.start();
        for (let n = 0; n < life; n++)
          expect(await appendOne(log, numbered(expected + 1))).toEqual({
            error: null,
            index: ++expected,
          });
        if (life % 2 === 0) await log.close();
        else await harness.kill(log);
      }
    });

    test("truncation keeps what it must, first and last survive it and restarts", async () => {
      let log = await harness.open();
      const outcomes: Promise<Outcome>[] = [];
      for (let n = 1; n <= 300; n++) outcomes.push(appendOne(log, numbered(n, 1000)));
      await Promise.all(outcomes);
      for (const before of [1, 150, 150, 301, 301]) {
        await log.truncate(before as LogIndex);
        expect(log.first).toBeLessThanOrEqual(before);
        expect(log.last).toBe(300);
        if (log.first > 1) expect(() => entriesOf(log, log.first - 1)).toThrow("LOG_TRUNCATED");
        expect(entriesOf(log).length).toBe(300 - log.first + 1);
      }
      expect(300 - log.first + 1).toBeLessThanOrEqual(has.keptAfterTruncateMax);
      await log.close();
      for (let life = 0; life < 3; life++) {
        log = await harness.open();
        expect(log.last).toBe(300 + life);
        await log.start();
        await log.truncate((log.last + 1) as LogIndex);
        expect(log.first).toBe(301 + life);
        expect(entriesOf(log)).toEqual([]);
        expect((await appendOne(log, numbered(1))).index).toBe(301 + life);
        await harness.kill(log);
      }
    });

    test("a reader that stands still does not lose what is truncated meanwhile", async () => {
      const log = await harness.open();
      const outcomes: Promise<Outcome>[] = [];
      for (let n = 1; n <= 300; n++) outcomes.push(appendOne(log, numbered(n, 1000)));
      await Promise.all(outcomes);
      const reader = log.read(1 as LogIndex);
      expect(reader.next().value.index).toBe(1);
      await log.truncate(301 as LogIndex);
      for (let n = 301; n <= 600; n++) await appendOne(log, numbered(n, 1000));
      const step = reader.next();
      expect(step.value.entry).toEqual(numbered(2, 1000));
      reader.return(undefined);
      await log.close();
    });

    test("close waits for what was appended and refuses what comes after", async () => {
      const log = await harness.open();
      const before = Promise.all([1, 2, 3].map((n) => appendOne(log, numbered(n))));
      const closed = log.close();
      const late = await appendOne(log, numbered(4));
      await Promise.all([closed, log.close()]);
      expect((await before).map(({ index }) => index)).toEqual([1, 2, 3]);
      expect(late.error).toMatchObject({ code: "LOG_CLOSED" });
      const again = await harness.open();
      expect(again.last).toBe(3);
      await again.close();
    });

    test("random appends, truncations, stops and kills agree with a list", async () => {
      const step = fc.oneof(
        { weight: 6, arbitrary: fc.array(fc.integer({ min: 4, max: 9000 }), { maxLength: 12 }) },
        { weight: 2, arbitrary: fc.constantFrom("stop", "kill", "truncate", "read") },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          await harness.reset();
          const oracle: Buffer[] = [];
          let log = await harness.open();
          for (const one of steps) {
            if (typeof one !== "string") {
              const entries = one.map((bytes, n) => numbered(oracle.length + n + 1, bytes));
              const outcomes = await Promise.all(entries.map((entry) => appendOne(log, entry)));
              oracle.push(...entries);
              const indexes = outcomes.map(({ index }) => index);
              expect(indexes).toEqual(entries.map((entry) => entry.readUInt32BE(0)));
            } else if (one === "truncate") await log.truncate((oracle.length - 3) as LogIndex);
            else if (one !== "read") {
              await (one === "stop" ? log.close() : harness.kill(log));
              log = await harness.open();
            }
            expect(log.last).toBe(oracle.length);
            expect(entriesOf(log)).toEqual(oracle.slice(log.first - 1));
          }
          await log.close();
        }),
        { numRuns: 25 },
      );
    });
  });
}
