// Goal: batches in clear that are ordered behind the log cutover of another node are
// sealed and proposed again in their order; each is applied once and answered once.
// Method: the real proposer and the real judgement of entries, over a log that a test answers for.
import { expect, test } from "vitest";
import { Args } from "../commands/args.ts";
import { set } from "../commands/strings/set.ts";
import { advance, judge } from "../control/admit.ts";
import { Cluster, nodeB, sessionOf } from "../control/testing/cluster.ts";
import type { AppendDone, ReplicatedLog } from "../log/log.ts";
import type { Client } from "./port.ts";
import { Probe } from "./probe.ts";
import { Proposer } from "./proposer.ts";

interface World {
  readonly cluster: Cluster;
  readonly proposer: Proposer;
  readonly appended: AppendDone[];
  /** Seq and key of each entry, and what became of it. */
  readonly told: string[];
  write(value: string): void;
  /** The oldest entry under way is durable, behind what the cluster has applied. */
  durable(): void;
}

/** Node A proposes under log key 2; the log is in clear until a cutover is applied. */
function world(): World {
  const cluster = new Cluster();
  const { state } = cluster;
  cluster.bootstrap();
  cluster.register(2, nodeB, 1, 3);
  cluster.change({ kind: "enable-storage" }, 3);
  const turns: (() => void)[] = [];
  const appended: AppendDone[] = [];
  const told: string[] = [];
  const log = { append: (_: Uint8Array, done: AppendDone) => void appended.push(done) };
  const proposer: Proposer = new Proposer({
    log: log as unknown as ReplicatedLog,
    clock: { nowMs: () => 1, monotonicMs: () => 1, sinceBootMs: () => 1 },
    sealer: {
      session: sessionOf(1),
      lastApplied: () => state.sessions.get(sessionOf(1))?.lastSeq ?? 0,
      seal: (batch) => {
        batch.keyId = state.logCutover === 0 ? 0 : 2;
        return batch.payload();
      },
    },
    defer: (run) => void turns.push(run),
    durable: (batch, index) => {
      const admission = judge(state, batch, index);
      const value = batch.payload().subarray(-2).toString();
      const what = `${value} seq ${batch.seq} key ${batch.keyId}`;
      if (admission === "apply") {
        advance(state, batch);
        told.push(`${what}: applied`);
      } else if (proposer.again(batch, admission)) told.push(`${what}: again`);
      else told.push(`${what}: ${admission}`);
      proposer.release(batch);
    },
    failed: (_, error) => void told.push(error.message),
    settling: () => false,
    crowded: () => false,
    machineMs: () => 0,
    probe: new Probe(),
  });
  proposer.restart();
  return {
    cluster,
    proposer,
    appended,
    told,
    write(value) {
      proposer.write(null as unknown as Client, set.code, 0, Args.of("k", value));
      for (const run of turns.splice(0)) run();
    },
    durable() {
      appended.shift()?.(null, ++cluster.index as never);
    },
  };
}

test("cutover: clear batches behind it are sealed and proposed again in their order", () => {
  const { cluster, proposer, appended, told, write, durable } = world();
  write("v1");
  durable();
  write("v2");
  write("v3");
  write("v4");
  expect(appended).toHaveLength(2);
  cluster.change({ kind: "enable-log" }, 3);
  durable();
  durable();
  // Nothing is under way of before: now they go again, and v4 behind them.
  while (appended.length > 0) durable();
  expect(told).toEqual([
    "v1 seq 1 key 0: applied",
    "v2 seq 2 key 0: again",
    "v3 seq 3 key 0: again",
    "v2 seq 2 key 2: applied",
    "v3 seq 3 key 2: applied",
    "v4 seq 4 key 2: applied",
  ]);
  expect(proposer.bytes).toBe(0);
});

test("cutover: a batch sealed behind a clear one that came back goes again behind it", () => {
  const { cluster, appended, told, write, durable } = world();
  write("v1");
  cluster.change({ kind: "enable-log" }, 3);
  write("v2");
  while (appended.length > 0) durable();
  expect(told).toEqual([
    "v1 seq 1 key 0: again",
    "v2 seq 2 key 2: again",
    "v1 seq 1 key 2: applied",
    "v2 seq 2 key 2: applied",
  ]);
});

test("cutover: a stop answers what came back as what was not proposed yet", () => {
  const { cluster, proposer, appended, told, write, durable } = world();
  write("v1");
  cluster.change({ kind: "enable-log" }, 3);
  proposer.refuse(new Error("stopping"));
  durable();
  expect(told).toEqual(["v1 seq 1 key 0: again", "stopping"]);
  expect(appended).toEqual([]);
  expect(proposer.bytes).toBe(0);
});
