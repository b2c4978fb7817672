// Goal: what runs is timed where it is applied, with its own arguments, whatever batch it is in;
// without anybody who asks, or below the size that matters, the clock is not read.
import { expect, test } from "vitest";
import { Args } from "../commands/args.ts";
import { commandNamed } from "../commands/table.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { RespWriter } from "../resp/writer.ts";
import { openTestNode, testClient } from "./testing/harness.ts";

async function timedNode() {
  const test = await openTestNode(new MemoryDisk());
  const { probe } = test.node.engine;
  const ran: string[] = [];
  const events = new Set<string>();
  probe.sink = {
    ran: (_, spec, ms, args) => {
      const copy = args();
      const words = Array.from({ length: copy.count }, (_, i) => copy.text(i).slice(0, 8));
      expect(ms).toBeGreaterThanOrEqual(0);
      ran.push([spec.name, ...words].join(" "));
    },
    event: (name) => void events.add(name),
  };
  return { ...test, probe, events, ran: () => ran.splice(0) };
}

test("probe: usually what may take long, and what is large", async () => {
  const { node, run, exec, ran } = await timedNode();
  await run("set", "a", "1");
  await run("incr", "a");
  await run("mset", "b", "2", "c", "3");
  await run("set", "large", "x".repeat(70_000));
  await exec(["set", "a", "1"], ["get", "a"], ["bitcount", "a"], ["del", "c"]);
  await exec(["bitcount", "b"], ["get", "a"]);
  expect(ran()).toEqual([
    "mset b 2 c 3",
    "set large xxxxxxxx",
    "bitcount a",
    "del c",
    "bitcount b",
  ]);
  await node.close();
});

test("probe: closely, everything, each in its place of a batch", async () => {
  const { node, run, exec, ran, probe, events } = await timedNode();
  probe.closely = probe.monitoring = true;
  const { engine } = node;
  const client = testClient(new RespWriter(), () => {});
  const write = (name: string, ...args: string[]): void =>
    engine.write(client, commandNamed(name)!, 0, Args.of(...args));
  write("set", "a", "1");
  write("incr", "a");
  const done = exec(["incr", "a"], ["get", "a"], ["set", "b", "x"]);
  write("append", "a", "!");
  await done;
  await run("set", "z", "9");
  expect(ran()).toEqual([
    "set a 1",
    "incr a",
    "incr a",
    "get a",
    "set b x",
    "append a !",
    "set z 9",
  ]);
  expect(events.has("aof-fsync-always")).toBe(true);
  await expect.poll(() => events.has("expire-cycle")).toBe(true);
  await node.close();
});
