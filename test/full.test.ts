// Goal: a full disk refuses writes with a clear error, reads go on, nothing acknowledged is lost,
// and the node recovers by itself when space returns.
// Method: the same story twice. In this process, on a disk in memory whose room is changed. Then as
// a process on a tmpfs of a few megabytes in a mount namespace of its own (unshare(1)),
// wherever the system lets us make one.
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openTestNode } from "../src/node/testing/harness.ts";
import { MemoryDisk } from "../src/platform/testing/memory-disk.ts";
import { ServerError } from "./support/resp.ts";
import { pause, Server, temporaryFolder } from "./support/server.ts";

interface Subject {
  /** "OK", or the text of the error. */
  set(key: string, value: string): Promise<string>;
  get(key: string): Promise<string>;
  /** Leaves about this much room. */
  room(bytes: "some" | "none" | "all"): void;
  close(): Promise<void>;
}

async function fillUntilRefused(subject: Subject, held: Map<string, string>): Promise<string> {
  for (let at = 0; at < 4000; at++) {
    const value = `${at}:`.repeat(2000);
    const reply = await subject.set(`k${at}`, value);
    if (reply !== "OK") return reply;
    held.set(`k${at}`, value);
  }
  throw new Error("the disk never filled up");
}

async function story(subject: Subject): Promise<void> {
  const held = new Map<string, string>();
  subject.room("some");
  expect(await fillUntilRefused(subject, held)).toMatch(/DISK_FULL|disk/i);
  subject.room("none");
  expect(held.size).toBeGreaterThan(50);
  for (const key of ["k0", "k20", `k${held.size - 1}`])
    expect(await subject.get(key)).toBe(held.get(key));
  expect(await subject.set("more", "x".repeat(9000))).toMatch(/DISK_FULL|disk/i);

  subject.room("all");
  let written = "";
  for (let wait = 0; wait < 100 && written !== "OK"; wait++) {
    written = await subject.set("again", "y");
    if (written !== "OK") await pause(100);
  }
  expect(written).toBe("OK");
  for (const [key, value] of held) expect(await subject.get(key), key).toBe(value);
  await subject.close();
}

async function inMemory(): Promise<Subject> {
  const disk = new MemoryDisk();
  const { node, run } = await openTestNode(disk, {
    cacheBytes: 4 << 20,
    segmentBytes: 2 << 20,
    logFileBytes: 1 << 20,
  });
  const used = (): number =>
    [...disk.contents().values()].reduce((sum, bytes) => sum + bytes.length, 0);
  return {
    set: async (key, value) => (await run("set", key, value)).slice(1, -2),
    get: async (key) => (await run("get", key)).split("\r\n")[1] ?? "",
    room(bytes) {
      if (bytes === "all") disk.capacityBytes = Number.POSITIVE_INFINITY;
      else disk.capacityBytes = bytes === "some" ? used() + (12 << 20) : 0;
    },
    close: () => node.close(),
  };
}

const place = temporaryFolder();
const namespace = process.getuid?.() === 0 ? ["unshare", "-m"] : ["unshare", "-Urm"];
const mount = 'mount -t tmpfs -o size=24m,mode=700 tmpfs "$1" && shift && exec "$@"';
const prefix = [...namespace, "sh", "-c", mount, "sh", place];

async function onTmpfs(): Promise<Subject> {
  const flags = ["--segment-bytes", "2mb", "--log-file-bytes", "1mb", "--cache-bytes", "4mb"];
  const server = await new Server({ dataDir: join(place, "data"), prefix, flags }).start();
  const client = await server.client();
  /** Fills the tmpfs through the node's own view of it, and frees it again. */
  const ballast = (bytes: number): void => {
    const inside = `/proc/${server.process!.child.pid}/root${join(place, "ballast")}`;
    const script = bytes > 0 ? 'head -c "$2" /dev/zero >"$1" || true' : 'rm -f "$1"';
    execFileSync("sh", ["-c", script, "sh", inside, String(bytes)], { stdio: "ignore" });
  };
  return {
    async set(key, value) {
      const reply = await client.send("SET", key, value);
      return reply instanceof ServerError ? reply.message : String(reply);
    },
    get: async (key) => String(await client.call("GET", key)),
    room: (bytes) => ballast(bytes === "all" ? 0 : (bytes === "some" ? 8 : 40) * 2 ** 20),
    async close() {
      client.close();
      expect((await server.stop()).status).toBe(0);
    },
  };
}

test("full disk, in memory: writes are refused, reads go on, all of it recovers", async () => {
  await story(await inMemory());
});

const [program = "", ...rest] = [...prefix, "true"];
if (spawnSync(program, rest, { stdio: "ignore" }).status === 0)
  test("full disk, a real one: writes are refused, reads go on, all of it recovers", async () => {
    await story(await onTmpfs());
  });
