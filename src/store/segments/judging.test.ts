// Goal: records judged and followed many at once by the addon have the fates, and leave index and
// books, as one by one. Method: random runs, one of their segments compacted between two of them.
import fc from "fast-check";
import { expect, test } from "vitest";
import { kindControl } from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { loadNative } from "../../platform/native.ts";
import {
  type FollowMany,
  type JudgeMany,
  nativeFollowMany,
  nativeJudgeMany,
} from "../../platform/slots.ts";
import {
  build,
  keys,
  keyspaceOf,
  type Step,
  scheduler,
  seen,
  segment,
  stepOf,
} from "../testing/drawn.ts";
import { Books } from "./books.ts";
import { follow, type Source } from "./following.ts";
import { HintEntries, hintEntryBytes, hintLengthAt } from "./hint.ts";
import { judgeRecords } from "./judging.ts";
import { placeRun } from "./placing.ts";
import { placeRow } from "./progress.ts";

/** Places the run of a step as segment `number`. @returns What a compaction of it begins with. */
async function place(books: Books, number: number, { records, marked, dropped }: Step) {
  const one = segment(number);
  books.segments.set(number, one);
  for (const [key, exists] of marked) books.index.mark(keys[key]!, 0, keyspaceOf(key), exists);
  if (dropped && number >= 3) books.dropKeyspace(8);
  if (dropped && number >= 4) while (!books.sweepDropped(50));
  const { buffer, places } = build(records);
  await placeRun(books, one, buffer, places, scheduler);
  return sourceOf(one, buffer, places);
}

function sourceOf(one: Source["segment"], buffer: Buffer, places: Uint32Array): Source {
  const hint = new HintEntries();
  for (let at = 0, n = 0; n < places.length; n += placeRow) {
    const length = places[n + 1]!;
    const body = at + frameHeaderBytes;
    if (buffer[body] !== kindControl) hint.add(buffer, body, length, places[n]!);
    at = body + length;
  }
  const { records } = hint;
  return {
    segment: one,
    hint: { entries: Buffer.from(hint.view()), records, controls: [] },
    fates: new Uint8Array(records),
    copies: new Uint32Array(records * 2),
    controlCopies: new Map(),
  };
}

interface Ways {
  readonly judge: JudgeMany | null;
  readonly follow: FollowMany | null;
}

/** Two segments are compacted, from the one at `victim` on, while the last run is placed. */
async function play(steps: readonly Step[], victim: number, nowMs: number, ways: Ways) {
  const books = new Books(false);
  const sources: Source[] = [];
  for (const [n, one] of steps.slice(0, -1).entries()) sources.push(await place(books, n + 1, one));
  const { index } = books;
  const at = victim % sources.length;
  const chosen = [sources[at]!, sources[(at + 1) % sources.length]!];
  const judged = [];
  for (const source of chosen) {
    const { hint, fates, copies } = source;
    const live = await judgeRecords(index, source, () => nowMs, scheduler, ways.judge);
    judged.push(Array.from(live), Array.from(fates));
    for (const [n, record] of live.entries()) {
      const length = hint.entries.readUInt32BE(record * hintEntryBytes + hintLengthAt);
      copies.set([8192 * judged.length + n, length], record * 2);
    }
  }
  books.segments.set(100, segment(100));
  await place(books, steps.length, steps.at(-1)!);
  for (const source of chosen) await follow(books, source, 100, scheduler, ways.follow);
  index.shards.check();
  return { judged, after: seen(books) };
}

/** Runs of nothing else differ in the number of their segment alone. */
const sameKey: Step = {
  records: [{ key: 1, kind: "put", root: true, expireAt: 0, bytes: 8 }],
  marked: [],
  dropped: false,
};
const native: Ways = { judge: nativeJudgeMany, follow: nativeFollowMany };
const single: Ways = { judge: null, follow: null };

if (native.judge !== null) {
  test("judging: many at once are judged, and followed, as one by one", async () => {
    const steps = fc.array(stepOf(20), { minLength: 3, maxLength: 6 });
    const now = fc.constantFrom(0, 1, 1500, 2 ** 50);
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), now, async (drawn, victim, nowMs) => {
        const expected = await play(drawn, victim, nowMs, single);
        expect(await play(drawn, victim, nowMs, native)).toEqual(expected);
      }),
      { numRuns: 60, examples: [[[sameKey, sameKey, sameKey], 0, 0]] },
    );
  });

  test("judging: a keyspace that was dropped is forgotten once nothing of it is left", async () => {
    const books = new Books(false);
    const put = { kind: "put", root: true, expireAt: 0, bytes: 8 } as const;
    const records = [1, 2, 3].map((key) => ({ key, ...put }));
    const source = await place(books, 1, { records, marked: [], dropped: false });
    const { index } = books;
    books.dropKeyspace(8);
    while (!books.sweepDropped(50));
    expect(index.tally.dropped).toEqual(new Set([8]));
    let calls = 0;
    const counting: JudgeMany = (...all) => {
      calls++;
      nativeJudgeMany?.(...all);
    };
    const live = await judgeRecords(index, source, () => 1, scheduler, counting);
    expect([calls, Array.from(live)]).toEqual([1, [1]]);
    source.copies.set([4096, 62], 2);
    books.segments.set(100, segment(100));
    await follow(books, source, 100, scheduler);
    books.forgetDropped();
    expect(index.tally.dropped).toEqual(new Set());
    expect([7, 8].map((id) => index.tally.records(id))).toEqual([1, 0]);
    expect(index.find(keys[2] as Buffer, 0) && index.segment).toBe(100);
  });

  test("judging: what leaves the hint, the fates or the copies is refused, not touched", () => {
    const { judgeMany, followMany } = loadNative()!;
    const { words, capacity, generation } = new Books(false).index.shards;
    const entries = new Uint8Array(2 * hintEntryBytes);
    const judge = (order: number[], fates = new Uint8Array(2)) =>
      judgeMany(words, capacity, generation, entries, fates, Uint32Array.from(order));
    const followed = (copies: Uint32Array) => {
      const order = Uint32Array.of(1, 2, 0, 2);
      followMany(words, capacity, generation, entries, new Uint8Array(2), copies, order);
    };
    judge([1, 0, 0, 2]);
    judge([1, 0, 3, 2]);
    judge([1, 0, 0xffff_ffff, 0]);
    followed(new Uint32Array(4));
    expect(() => judge([1, 0, 0, 3], new Uint8Array(3))).toThrow(RangeError);
    expect(() => judge([1, 0, 0, 2], new Uint8Array(1))).toThrow(RangeError);
    expect(() => judge([1, 0, 0, 0xffff_ffff])).toThrow(RangeError);
    expect(() => judge([1, 0, 0])).toThrow(RangeError);
    expect(() => followed(new Uint32Array(3))).toThrow(RangeError);
  });
} else
  test("judging: without the addon there is only one by one", () => {
    expect(native).toEqual(single);
  });
