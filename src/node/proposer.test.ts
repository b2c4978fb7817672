// Goal: whatever a batch meets on its way to the log, its clients are answered in their order.
import { expect, test } from "vitest";
import { Args } from "../commands/args.ts";
import { set } from "../commands/strings/set.ts";
import type { AppendDone, ReplicatedLog } from "../log/log.ts";
import type { PendingBatch } from "./batch.ts";
import type { Client } from "./port.ts";
import { Probe } from "./probe.ts";
import { Proposer } from "./proposer.ts";

test("proposer: a batch that cannot be sealed is answered behind the one under way", () => {
  const told: string[] = [];
  const turns: (() => void)[] = [];
  const appended: AppendDone[] = [];
  let sealing = 0;
  const log = { append: (_: Uint8Array, done: AppendDone) => void appended.push(done) };
  const proposer: Proposer = new Proposer({
    log: log as unknown as ReplicatedLog,
    clock: { nowMs: () => 1, monotonicMs: () => 1, sinceBootMs: () => 1 },
    sealer: {
      session: 1n,
      lastApplied: () => 0,
      seal: (batch) => {
        if (++sealing === 2) throw new Error("sealed out");
        return batch.payload();
      },
    },
    defer: (run) => void turns.push(run),
    durable: (batch, index) => {
      told.push(`durable ${index}`);
      proposer.release(batch as PendingBatch);
    },
    failed: (_, error) => void told.push(error.message),
    settling: () => false,
    crowded: () => false,
    machineMs: () => 0,
    probe: new Probe(),
  });
  proposer.restart();
  for (let n = 0; n < 3; n++) {
    proposer.write(null as unknown as Client, set.code, 0, Args.of("k", String(n)));
    for (const run of turns.splice(0)) run();
  }
  expect(told).toEqual([]);
  appended[0]?.(null, 1 as never);
  expect(told).toEqual(["durable 1", "sealed out"]);
  appended[1]?.(null, 2 as never);
  expect(told).toEqual(["durable 1", "sealed out", "durable 2"]);
});
