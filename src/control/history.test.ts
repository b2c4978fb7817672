// Goal: what happened to the keys is kept for everybody alike: bounded, in order, each request
// done once, and a detail that reads back as it was written.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { FullNodeId } from "../base/brand.ts";
import { controlOpcodes } from "../entry/control.ts";
import { encodeKeyChange, type KeyChange, wrapsDigest } from "../entry/keychange.ts";
import { newestKek } from "./events.ts";
import { detailMax, detailText, eventsMax, History } from "./history.ts";
import { stateBytes, takeChangedRecords, toRecords } from "./records.ts";
import { fromRecords } from "./restore.ts";
import { add, Cluster, entryOf, key, sessionOf, told, wrapsOf } from "./testing/cluster.ts";
import { deps } from "./testing/world.ts";

const request = (n: number): Buffer => {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(n, 12);
  return bytes;
};

const event = (index: number) => ({
  index,
  timeMs: index,
  proposer: 7n as FullNodeId,
  kind: "fence" as const,
  keyId: 1,
  purpose: null,
  request: request(index),
  detail: "",
});

function ask(world: Cluster, change: KeyChange, n: number, timeMs = 1000): string {
  const at = { session: sessionOf(1), seq: world.next(1) };
  const body = encodeKeyChange(change, { request: request(n), timeMs });
  return told(world.apply(entryOf(controlOpcodes.keyChange, body, at)));
}

test("history: the oldest events go, and with them what their requests were", () => {
  const history = new History();
  for (let n = 1; n <= eventsMax + 3; n++) history.add(event(n));
  expect([history.events.size, history.dropped]).toEqual([eventsMax, 3]);
  expect(history.find(request(3))).toBeNull();
  expect(history.find(request(4))?.index).toBe(4);
  expect([...history.events.keys()][0]).toBe(4);
});

test("history: the same request again does nothing, whatever it asks for by then", () => {
  const world = new Cluster();
  world.bootstrap();
  expect(ask(world, add(4, "storage", 1), 1)).toBe("accepted");
  expect(ask(world, add(4, "storage", 1), 1)).toBe("repeated");
  expect(ask(world, { kind: "fence", keyId: key(4) }, 1)).toBe("repeated");
  expect(world.state.keys.get(4)?.state).toBe("decrypt-only");
  // What was refused may be asked for again.
  expect(ask(world, { kind: "retire", keyId: key(4) }, 2)).toBe("refused CONTROL_KEY_NOT_FENCED");
  expect(ask(world, { kind: "fence", keyId: key(4) }, 3)).toBe("accepted");
  expect(ask(world, { kind: "retire", keyId: key(4) }, 2)).toBe("accepted");
  expect(world.next(1)).toBe(7);
});

test("history: a node that restarts knows the requests that others know", () => {
  const world = new Cluster();
  world.bootstrap();
  ask(world, add(4, "storage", 1), 1);
  const again = fromRecords(toRecords(world.state), deps);
  expect(stateBytes(again)).toEqual(stateBytes(world.state));
  expect(again.history.find(request(1))).toEqual(world.state.history.find(request(1)));
  takeChangedRecords(world.state);
  ask(world, { kind: "fence", keyId: key(4) }, 2);
  expect(takeChangedRecords(world.state).filter(({ table }) => table === 6)).toHaveLength(1);
});

test("history: an event that is missing from the store is seen", () => {
  const world = new Cluster();
  world.bootstrap();
  ask(world, add(4, "storage", 1), 1);
  const rows = toRecords(world.state);
  const last = rows.findLast(({ table }) => table === 6);
  expect(() =>
    fromRecords(
      rows.filter((row) => row !== last),
      deps,
    ),
  ).toThrow(/RECORDS_DAMAGED/);
});

test("history: a detail is bounded and reads back as it was written", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 3000 }), (text) => {
      const detail = detailText(text);
      expect(detail.length).toBeLessThanOrEqual(detailMax);
      expect(Buffer.from(detail, "utf8").toString("utf8")).toBe(detail);
      expect(detailText(detail)).toBe(detail);
    }),
  );
});

test("history: which KEK was added can be told from the event", () => {
  const world = new Cluster();
  world.bootstrap();
  const wraps = [...wrapsOf(1), { kekId: "vault:one", bytes: Buffer.alloc(60, 2) }];
  const replaces = wrapsDigest(wrapsOf(1), deps.sha256);
  expect(ask(world, { kind: "rewrap", keyId: key(1), replaces, wraps }, 1)).toBe("accepted");
  const { detail } = world.state.history.find(request(1)) ?? { detail: "" };
  expect(detail).toBe("wrapped by test, vault:one; before by test");
  expect(newestKek(detail)).toBe("vault:one");
});
