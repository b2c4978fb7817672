// Goal: no entry is stamped by a clock that is hours away from the last commit, unless the operator
// says that it is right; what is healthy (idling, sleeping, a night off) is never refused.
import { expect, test } from "vitest";
import type { Clock } from "../base/ports.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { ClockGuard, clockGapMsMax, clockStepMsMax } from "./clockguard.ts";
import { openTestNode } from "./testing/harness.ts";

const hourMs = 3_600_000;

class HandClock implements Clock {
  wall = 1_800_000_000_000;
  private boot = 5_000;

  nowMs(): number {
    return this.wall;
  }
  monotonicMs(): number {
    return this.boot;
  }
  sinceBootMs(): number {
    return this.boot;
  }
  /** Time passes, on all clocks. */
  pass(ms: number): void {
    this.wall += ms;
    this.boot += ms;
  }
}

function guardOf(clock: HandClock, last = clock.wall) {
  const alarms: string[] = [];
  const state = { last, trusted: false };
  const guard = new ClockGuard({
    clock,
    machineMs: () => state.last,
    trusted: () => state.trusted,
    alarm: (_, detail) => void alarms.push(detail),
  });
  return { guard, alarms, state };
}

test("clock: a first start, hours of idling and sleeping, and small steps are not refused", () => {
  const clock = new HandClock();
  const { guard, alarms, state } = guardOf(clock, 0);
  expect(guard.nowMs()).toBe(clock.wall);
  state.last = clock.wall;
  for (const ms of [1, 9_000, 11_000, 5 * hourMs, 40 * hourMs, 1]) {
    clock.pass(ms);
    expect(guard.nowMs()).toBe(clock.wall);
  }
  for (const step of [clockStepMsMax - 1, -clockStepMsMax + 1, 60_000, -60_000]) {
    clock.wall += step;
    expect(guard.nowMs()).toBe(clock.wall);
  }
  expect(alarms).toEqual([]);
});

test("clock: a step of hours while it runs is refused until it is taken back", () => {
  for (const [step, code] of [
    [2 * hourMs, "NODE_CLOCK_AHEAD"],
    [-2 * hourMs, "NODE_CLOCK_BEHIND"],
  ] as const) {
    const clock = new HandClock();
    const { guard, alarms } = guardOf(clock);
    guard.nowMs();
    clock.wall += step;
    for (let n = 0; n < 3; n++) {
      clock.pass(5);
      expect(() => guard.nowMs()).toThrow(expect.objectContaining({ code }));
      expect(guard.sound).toBe(false);
    }
    expect(alarms).toEqual([`[${code}] by 2.0 hours`]);
    clock.wall -= step;
    expect(guard.nowMs()).toBe(clock.wall);
    expect(guard.sound).toBe(true);
  }
});

test("clock: a start long after or long before the last commit is refused, a night is not", () => {
  for (const [gap, code] of [
    [clockGapMsMax + 1, "NODE_CLOCK_AHEAD"],
    [-clockStepMsMax - 1, "NODE_CLOCK_BEHIND"],
  ] as const) {
    const clock = new HandClock();
    const { guard, state } = guardOf(clock, clock.wall - gap);
    expect(() => guard.nowMs()).toThrow(expect.objectContaining({ code }));
    state.trusted = true;
    expect(guard.nowMs()).toBe(clock.wall);
    // What was believed once is the place that steps are measured from.
    state.trusted = false;
    state.last = clock.wall;
    clock.pass(3 * hourMs);
    expect(guard.nowMs()).toBe(clock.wall);
  }
  const clock = new HandClock();
  expect(guardOf(clock, clock.wall - 15 * hourMs).guard.nowMs()).toBe(clock.wall);
});

test("clock: a node refuses writes, serves reads, and CONFIG SET lets it go on", async () => {
  const disk = new MemoryDisk();
  const clock = new HandClock();
  const first = await openTestNode(disk, {}, clock);
  expect(await first.run("set", "k", "v", "EX", "7200")).toBe("+OK\r\n");
  clock.wall -= 5 * hourMs;
  expect(await first.run("set", "k", "w")).toBe("-ERR [NODE_CLOCK_BEHIND] by 5.0 hours\r\n");
  expect(await first.run("get", "k")).toBe("$1\r\nv\r\n");
  clock.wall += 5 * hourMs;
  expect(await first.run("append", "k", "!")).toBe(":2\r\n");
  await first.node.close();
  clock.wall += 100 * hourMs;
  const second = await openTestNode(disk, {}, clock);
  expect(await second.run("set", "n", "1")).toBe("-ERR [NODE_CLOCK_AHEAD] by 100.0 hours\r\n");
  expect(second.alarms).toEqual(["clock: [NODE_CLOCK_AHEAD] by 100.0 hours"]);
  expect(second.node.engine.settings.set("clock", "sometimes")).toMatch(/must be/);
  expect(second.node.engine.settings.set("clock", "trusted")).toBeNull();
  expect(await second.run("set", "n", "2")).toBe("+OK\r\n");
  await second.node.close();
  clock.wall -= 100 * hourMs;
  const third = await openTestNode(disk, { clock: "trusted" }, clock);
  expect(await third.run("set", "n", "3")).toBe("+OK\r\n");
  await third.node.close();
});

test("clock: a node that idles commits now and then, for its next start", async () => {
  const disk = new MemoryDisk();
  const clock = new HandClock();
  const first = await openTestNode(disk, {}, clock);
  await first.run("set", "k", "v");
  for (let hours = 0; hours < 30; hours++) {
    clock.pass(hourMs);
    const { appliedIndex } = first.node.status();
    await expect.poll(() => first.node.status().appliedIndex).toBeGreaterThan(appliedIndex);
  }
  await first.node.close();
  const second = await openTestNode(disk, {}, clock);
  expect(await second.run("set", "k", "w")).toBe("+OK\r\n");
  await second.node.close();
});
