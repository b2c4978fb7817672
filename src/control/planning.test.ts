// Goal: plans never use an epoch, a salt or an id twice, say when a key's epochs run out, and
// leave no raw key behind when they fail.
import { describe, expect, test } from "vitest";
import type { KeyId } from "../base/brand.ts";
import { Keystore } from "../crypto/keystore.ts";
import { nodePrimitives } from "../platform/node-primitives.ts";
import { handOver, unwrapAll, unwrapDek, wrapBinding, wrapDek, wrappedKeys } from "./deks.ts";
import { judgeStart } from "./guards.ts";
import {
  epochMax,
  epochRotateAt,
  identityOf,
  pendingRotation,
  planActivation,
  planClearStart,
  planFirstKeys,
  planLoad,
  planMigration,
  planRotation,
} from "./planning.ts";
import { documentOf } from "./sidecar.ts";
import { nextStep } from "./start.ts";
import { ControlState } from "./state.ts";
import { add, Cluster, cluster, key, nodeA, wrapsOf } from "./testing/cluster.ts";
import { deps, TestKek, testRandom } from "./testing/world.ts";

const kek = new TestKek(3);

function bootstrapped(epoch: number) {
  const world = new Cluster();
  world.bootstrap();
  const document = documentOf(world.state, "node-a", () => epoch)!;
  return { world, document };
}

describe("load", () => {
  test("the next epoch is beyond both sidecar and registry, the salt fresh", () => {
    const { world, document } = bootstrapped(7);
    world.register(2, nodeA, 9, 90);
    const random = testRandom(1);
    const load = planLoad(world.state, document, random);
    expect([...load.epochs]).toEqual([
      [2, 10],
      [1, 8],
    ]);
    expect(load.node).toEqual(identityOf("node-a"));
    expect(random.drawn.map((bytes) => bytes.length)).toEqual([32, 32]);
    expect(planLoad(world.state, document, random).session).not.toBe(load.session);
    expect(load.rotateSoon).toEqual([]);
    expect(nextStep(world.state, load, "on")).toBe("register-log");
  });
  test("near the end of the epochs it asks for a rotation, at the end it is refused", () => {
    const soon = bootstrapped(epochRotateAt - 1);
    const load = planLoad(soon.world.state, soon.document, testRandom());
    expect(load.rotateSoon).toEqual(["log", "storage"]);
    const last = bootstrapped(epochMax - 1);
    expect(planLoad(last.world.state, last.document, testRandom()).log.epoch).toBe(epochMax);
    const none = bootstrapped(epochMax);
    expect(() => planLoad(none.world.state, none.document, testRandom())).toThrow(
      /EPOCH_EXHAUSTED/,
    );
  });
  test("a slot that another node has is seen before anything is proposed", () => {
    const { world, document } = bootstrapped(0);
    let n = 0;
    while (identityOf(`x${n}`).node16 !== nodeA.node16) n++;
    const twin = { ...document, nodeId: `x${n}` };
    expect(() => planLoad(world.state, twin, testRandom())).toThrow(/NODE_ID_COLLISION/);
  });
});

describe("rotation", () => {
  test("the new id is beyond every id ever used, retired ones included", async () => {
    const { world } = bootstrapped(1);
    const change = { keyId: key(9), purpose: "storage", previous: key(1) } as const;
    world.change({ kind: "add", ...change, wraps: wrapsOf(9) });
    world.change({ kind: "fence", keyId: key(9) });
    world.change({ kind: "retire", keyId: key(9) });
    const plan = await planRotation(world.state, "log", [kek], testRandom());
    expect([plan.keyId, plan.previous, plan.add.purpose]).toEqual([10, 2, "log"]);
    const raw = await unwrapDek({ ...plan.add, purpose: "log" }, cluster, [kek]);
    expect(raw).toEqual(plan.dek.raw);
  });
  test("one that stopped between its entries goes on with the key that was added", () => {
    const { world } = bootstrapped(1);
    expect(pendingRotation(world.state, "log")).toBeNull();
    world.change(add(4, "log", 2));
    expect(pendingRotation(world.state, "log")).toBe(4);
    expect(pendingRotation(world.state, "storage")).toBeNull();
    const plan = planActivation(world.state, documentOf(world.state, "node-a", () => 0)!, key(4), {
      bytes: (length) => Buffer.alloc(length, 7),
    });
    expect(world.change(plan.activate).outcome.kind).toBe("accepted");
    expect(pendingRotation(world.state, "log")).toBeNull();
    expect(world.state.sessions.get(plan.session ?? 0n)?.open).toBe(true);
  });
  test("a KEK that does not open what it wrapped stops it before a proposal", async () => {
    const { world } = bootstrapped(1);
    const liar = new TestKek(4);
    liar.unwrap = () => Promise.resolve(Buffer.alloc(32));
    await expect(planRotation(world.state, "log", [kek, liar], testRandom())).rejects.toThrow(
      /KEY_WRAP_DAMAGED/,
    );
    await expect(planRotation(new ControlState(deps), "log", [kek], testRandom())).rejects.toThrow(
      /CONTROL_NOT_BOOTSTRAPPED/,
    );
  });
});

describe("first keys", () => {
  test("three DEKs, distinct ids and bytes, wrapped by every KEK, epochs unused", async () => {
    const keks = [kek, new TestKek(5)];
    const first = await planFirstKeys({ random: testRandom(), keks, nodeId: "n" });
    expect(first.deks.map((dek) => [dek.keyId, dek.purpose])).toEqual([
      [1, "storage"],
      [2, "log"],
      [3, "index"],
    ]);
    expect(new Set(first.deks.map((dek) => dek.raw.toString("hex"))).size).toBe(3);
    expect([...first.document.keys.values()].every((one) => one.localEpoch === 0)).toBe(true);
    for (const one of keks) {
      const opened = await unwrapAll(wrappedKeys(first.document.keys), first.document.cluster, [
        one,
      ]);
      expect(opened).toEqual(first.deks);
    }
  });
  test("without a KEK, or with one that is out of reach, nothing is made", async () => {
    const plan = (keks: TestKek[]) => planFirstKeys({ random: testRandom(), keks, nodeId: "n" });
    await expect(plan([])).rejects.toThrow(/KEK_NOT_CONFIGURED/);
    const down = new TestKek(6);
    down.down = true;
    await expect(plan([down])).rejects.toThrow(/KEK_UNAVAILABLE/);
  });
  test("from clear to sealed the index key stays the same", async () => {
    const clear = planClearStart(testRandom(), "n");
    const plan = await planMigration(new ControlState(deps), clear, [kek], testRandom(2));
    const index = plan.deks.find((dek) => dek.purpose === "index");
    expect(index?.raw).toEqual(clear.clear?.raw);
    expect(plan.document.cluster).toEqual(clear.cluster);
    expect(plan.document.keys.get(3)?.purpose).toBe("index");
  });
});

describe("wraps", () => {
  test("a wrap opens for its cluster, purpose and id alone", async () => {
    const dek = { keyId: key(4), purpose: "storage", raw: Buffer.alloc(32, 8) } as const;
    const wraps = await wrapDek(dek, cluster, [kek]);
    const good = { keyId: dek.keyId, purpose: dek.purpose, wraps };
    expect(await unwrapDek(good, cluster, [kek])).toEqual(dek.raw);
    const moved: [typeof good, Buffer][] = [
      [{ ...good, keyId: 5 as KeyId as typeof dek.keyId }, cluster],
      [{ ...good, purpose: "log" as "storage" }, cluster],
      [good, Buffer.alloc(16, 9)],
    ];
    for (const [one, of] of moved)
      await expect(unwrapDek(one, of, [kek])).rejects.toThrow(/KEY_WRAP_DAMAGED/);
    expect(wrapBinding(cluster, "index", 7).toString("hex")).toBe(`${"c1".repeat(16)}0300000007`);
  });
  test("all are opened or none: what was opened before a failure is zeroed", async () => {
    const dek = { keyId: key(4), purpose: "storage", raw: Buffer.alloc(32, 8) } as const;
    const wraps = await wrapDek(dek, cluster, [kek]);
    const opened: Buffer[] = [];
    const spy = new TestKek(3);
    const unwrap = spy.unwrap.bind(spy);
    spy.unwrap = async (...args) => {
      const raw = await unwrap(...args);
      opened.push(raw);
      return raw;
    };
    const good = { keyId: dek.keyId, purpose: dek.purpose, wraps };
    await expect(unwrapAll([good, { ...good, keyId: key(5) }], cluster, [spy])).rejects.toThrow();
    expect(opened).toEqual([Buffer.alloc(32)]);
  });
  test("handed to a keystore, the caller's bytes are zeroed, also when it refuses", () => {
    const keystore = new Keystore(nodePrimitives);
    const dek = () => ({ keyId: key(4), purpose: "log" as const, raw: Buffer.alloc(32, 8) });
    const [one, two] = [dek(), { ...dek(), raw: Buffer.alloc(32, 9) }];
    handOver([one], keystore);
    expect(() => handOver([two], keystore)).toThrow(/CRYPTO_KEY_CONFLICT/);
    expect([one.raw, two.raw]).toEqual([Buffer.alloc(32), Buffer.alloc(32)]);
    expect(keystore.has(4)).toBe(true);
  });
});

test("a directory with names that are not ours is refused, and left alone", () => {
  const found = {
    locked: true,
    foreignNames: ["photos"],
    dataPresent: false,
    sidecar: null,
    encryption: "on" as const,
    keks: 1,
    nodeId: null,
  };
  expect(() => judgeStart(found)).toThrow(/DATA_DIR_FOREIGN/);
  expect(judgeStart({ ...found, foreignNames: [] })).toEqual({ kind: "first" });
  expect(judgeStart({ ...found, dataPresent: true })).toEqual({ kind: "rebuild" });
});
