// Goal: long before a subkey of the log has sealed all it may, the node takes a new load of its
// own accord: no write is refused, and no nonce is used twice.
// Method: the counter of what was sealed is set near its bound; what stands in the log is read.
import { expect, test } from "vitest";
import { envelopesMax } from "../../crypto/envelope.ts";
import { readEntryHeader } from "../../entry/logentry.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { LogSession } from "../session.ts";
import { openTestNode, type TestNode } from "../testing/harness.ts";
import { logOf } from "./testing/halting.ts";

const entryEnvelopeAt = 21;
const nonceAt = entryEnvelopeAt + 6;
const calm = { flushIntervalMs: 3_600_000, flushBytes: 1 << 20, logFileBytes: 16 << 20 };

const sessionOf = ({ node: { engine } }: TestNode): LogSession =>
  (engine as unknown as { deps: { proposer: { deps: { sealer: LogSession } } } }).deps.proposer.deps
    .sealer;

/** Sessions of the sealed entries in the log, and how many entries each has. */
async function sealedIn(disk: MemoryDisk): Promise<Map<bigint, number>> {
  const log = logOf(disk);
  await log.start();
  const nonces = new Set<string>();
  const sessions = new Map<bigint, number>();
  let sealed = 0;
  for (const { entry } of log.read(log.first)) {
    const { keyId, session } = readEntryHeader(entry);
    if (keyId === 0) continue;
    sealed++;
    sessions.set(session, (sessions.get(session) ?? 0) + 1);
    nonces.add(`${keyId}|${session}|${entry.toString("hex", nonceAt, nonceAt + 12)}`);
  }
  await log.close();
  expect(nonces.size).toBe(sealed);
  return sessions;
}

test("renewal: a new load at half of what a subkey may seal, while clients write", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk, calm);
  const session = sessionOf(node);
  let written = 0;
  const write = async (): Promise<void> => {
    expect(await node.run("set", `k${written}`, "v")).toBe("+OK\r\n");
    written++;
  };
  for (let n = 0; n < 20; n++) await write();
  const before = session.session;
  const { active, writers } = node.node.keys.keyring();
  session.sealed = envelopesMax / 2 - 5;
  expect(node.node.keys.keyring().keys.find(({ id }) => id === active.log)?.writesLeft).toBe(
    envelopesMax / 2 + 5,
  );
  for (let turn = 0; turn < 4000 && session.session === before; turn++) {
    await write();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(session.session).not.toBe(before);
  expect(session.sealed).toBeLessThan(1000);
  for (let n = 0; n < 20; n++) await write();
  const after = node.node.keys.keyring();
  expect(after.active).toEqual(active);
  const epochOf = (rows: typeof writers) => rows.map(({ keyId, lastSeen }) => [keyId, lastSeen]);
  expect(epochOf(after.writers)).toEqual(epochOf(writers).map(([key, seen]) => [key, seen! + 1]));
  expect(node.alarms.filter((alarm) => !alarm.startsWith("log-"))).toEqual([]);
  const crashed = disk.fork({ kind: "dropped" });
  await node.node.close();
  expect((await sealedIn(crashed)).size).toBe(2);
  const next = await openTestNode(crashed, calm);
  expect(await next.run("dbsize")).toBe(`:${written}\r\n`);
  await next.node.close();
});
