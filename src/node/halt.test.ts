// Goal: a node of which nobody knows what is durable serves nothing more, and says so; what was
// acknowledged is there after a restart.
// Method: a write of the log that fails, on a disk in memory.
import { expect, test } from "vitest";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { openTestNode } from "./testing/harness.ts";

test("halt: a failed write of the log stops writes and reads; a restart goes on", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  expect(await node.run("set", "kept", "1")).toBe("+OK\r\n");
  disk.fail("write", "EIO", 1, (path) => path.includes("/log/"));
  expect(await node.run("set", "lost", "1")).toContain("LOG_WRITE_FAILED");
  expect(node.node.status()).toMatchObject({ state: "halted" });
  expect(node.alarms.some((alarm) => alarm.startsWith("halted"))).toBe(true);
  expect(await node.run("set", "more", "1")).toMatch(/^-ERR \[/);
  expect(await node.run("get", "kept")).toMatch(/^-ERR \[NODE_HALTED\]/);
  await node.node.close().catch(() => {});
  const again = await openTestNode(disk.fork({ kind: "dropped" }));
  expect(await again.run("get", "kept")).toBe("$1\r\n1\r\n");
  expect(await again.run("get", "lost")).toBe("$-1\r\n");
  await again.node.close();
});

test("rotate: nothing stays under the old storage key, even what nobody writes again", async () => {
  const node = await openTestNode(new MemoryDisk());
  for (let n = 0; n < 40; n++) await node.run("set", `still:${n}`, "v".repeat(500));
  await node.node.checkpoint();
  const { keyId } = await node.node.rotate("storage");
  await node.node.checkpoint();
  const old = (): number | undefined => node.node.status().keys.find(({ id }) => id === 1)?.bytes;
  for (let n = 0; n < 400 && old() !== 0; n++) await new Promise((turn) => setTimeout(turn, 10));
  expect(old()).toBe(0);
  expect(node.node.status().active.storage).toBe(keyId);
  expect(await node.run("strlen", "still:7")).toBe(":500\r\n");
  await node.node.close();
});
