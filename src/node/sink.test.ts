// Goal: SETs that were applied together are answered as one by one: everybody gets each OK in
// order, and nobody who must be told of each write alone is taken into a group.
import { expect, test } from "vitest";
import { set } from "../commands/strings/set.ts";
import { RespWriter } from "../resp/writer.ts";
import { PendingBatch } from "./batch.ts";
import type { Client } from "./port.ts";
import { Probe } from "./probe.ts";
import { ReplySink } from "./sink.ts";
import { Stopwatch } from "./stopwatch.ts";

class Listener implements Client {
  readonly reply = new RespWriter();
  closed = false;
  oneByOne = false;
  readonly told: number[] = [];

  settled(count: number): void {
    this.told.push(count);
  }
  readReady(): void {}

  text(): string {
    return this.reply.take().toString("latin1");
  }
}

function sinkFor(clients: readonly (Client | null)[], timed: readonly number[] = []): ReplySink {
  const probe = new Probe();
  probe.sink = { event: () => {}, ran: () => {} };
  const sink = new ReplySink(() => {}, new Stopwatch({ probe, monotonicMs: () => 0 }));
  const batch = new PendingBatch();
  batch.clients.push(...clients);
  batch.timed.push(...timed);
  batch.timedCodes.push(...timed.map(() => set.code));
  sink.begin(batch);
  return sink;
}

test("sink: each client gets its OKs and is told of its writes in a row", () => {
  const [one, other, gone] = [new Listener(), new Listener(), new Listener()];
  gone.closed = true;
  const sink = sinkFor([one, one, null, other, gone, gone, one]);
  expect(sink.together(0, 7)).toBe(7);
  sink.wereSet(0, 7);
  sink.end();
  expect(one.text()).toBe("+OK\r\n".repeat(3));
  expect(one.told).toEqual([2, 1]);
  expect(other.text()).toBe("+OK\r\n");
  expect(other.told).toEqual([1]);
  expect(gone.text()).toBe("");
  expect(gone.told).toEqual([2]);
});

test("sink: who is told one by one, and what is timed, stands in no group", () => {
  const [one, waiting] = [new Listener(), new Listener()];
  waiting.oneByOne = true;
  const sink = sinkFor([one, one, waiting, one, one, one, one], [5]);
  expect(sink.together(0, 7)).toBe(2);
  sink.wereSet(0, 2);
  expect(sink.together(2, 5)).toBe(0);
  sink.before(2).ok();
  expect(waiting.told).toEqual([]);
  // Whoever was begun is told before the next ones are applied.
  expect(sink.together(3, 4)).toBe(2);
  expect(waiting.told).toEqual([1]);
  sink.wereSet(3, 2);
  expect(sink.together(5, 2)).toBe(0);
  sink.before(5).ok();
  expect(sink.together(6, 1)).toBe(1);
  sink.wereSet(6, 1);
  sink.end();
  expect(one.text()).toBe("+OK\r\n".repeat(6));
  expect(one.told).toEqual([2, 2, 1, 1]);
});

test("sink: after a group, what could not be applied has no reply yet", () => {
  const one = new Listener();
  const sink = sinkFor([one, one, one, one]);
  sink.wereSet(0, 3);
  expect(sink.abort(3, "ERR no")).toBe(3);
  expect(one.text()).toBe("+OK\r\n".repeat(3));
  expect(one.told).toEqual([3]);
});
