// Goal: a damaged record refuses who needs it and halts nobody; a node that met one in its log
// comes up halted, so that an operator may pass the entry.
// Method: records on a disk in memory are damaged while the node does not run.
import { expect, test } from "vitest";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { rotStore } from "./testing/damage.ts";
import { fresh, openTestNode } from "./testing/harness.ts";

test("damaged: an entry that needs the record halts a start, and may be passed", async () => {
  const disk = new MemoryDisk();
  const first = await openTestNode(disk);
  await first.run("set", "bad", "x".repeat(3000));
  await first.node.close();
  const node = await openTestNode(disk, { flushIntervalMs: 1e9, flushBytes: 1 << 20 });
  await node.run("set", "before", "1");
  await node.run("append", "bad", "y");
  const index = node.node.status().appliedIndex;
  await node.run("set", "behind", "1");
  const crashed = disk.fork({ kind: "kept" });
  await node.node.close();
  rotStore(crashed);
  const halted = await openTestNode(crashed);
  expect(halted.node.status()).toMatchObject({ state: "halted", appliedIndex: index - 1 });
  const { keys } = halted.node;
  expect(keys.keyring().haltReason).toMatch(
    new RegExp(`^entry ${index}: \\[STORE_RECORD_DAMAGED\\]`),
  );
  expect(await halted.run("get", "before")).toMatch(/^-ERR \[NODE_HALTED\]/);
  const mended = crashed.fork({ kind: "kept" });
  await keys.skip(fresh(), index, "the disk had rotted");
  await halted.node.close();
  const next = await openTestNode(crashed);
  expect(next.node.status().state).toBe("serving");
  expect(next.alarms).toContain(`entry-skipped: entry ${index}`);
  expect(await next.run("get", "before")).toBe("$1\r\n1\r\n");
  expect(await next.run("get", "behind")).toBe("$1\r\n1\r\n");
  expect(await next.run("get", "bad")).toContain("-ERR [STORE_RECORD_DAMAGED]");
  expect(await next.run("set", "bad", "new")).toBe("+OK\r\n");
  await next.node.close();
  // The same bits again: the file was put back. Nothing is lost then.
  rotStore(mended);
  const again = await openTestNode(mended);
  expect(await again.run("strlen", "bad")).toBe(":3001\r\n");
  await again.node.close();
});
