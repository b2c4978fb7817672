// Goal: values of any size that Redis takes can be written, changed and read, through redis-cli and
// ioredis, and two at once wait for each other; what they cost in memory is bounded.
// Method: STRONGROOM_LARGE_MIB=512 is the largest there is; here a smaller one.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "./support/server.ts";

const mib = Number(process.env.STRONGROOM_LARGE_MIB ?? 40);
const bytes = mib << 20;
const msMax = 120_000 + mib * 2000;
let server: Server;

beforeAll(async () => {
  server = await new Server().start();
}, msMax);
afterAll(() => server?.kill());

const digest = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

function sample(length: number, seed: string): Buffer {
  const block = createHash("sha512").update(seed).digest();
  const value = Buffer.alloc(length, block);
  value.write(seed, length - seed.length);
  return value;
}

/** redis-cli with `input` as its last argument; resolves with what it printed. */
async function cli(args: string[], input: Buffer): Promise<Buffer> {
  const child = spawn("redis-cli", ["-p", String(server.port), ...args]);
  const parts: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  await once(child, "close");
  return Buffer.concat(parts);
}

/** @param what - VmHWM: at most; VmRSS: now. */
function residentBytes(what: "VmHWM" | "VmRSS"): number {
  const status = readFileSync(`/proc/${server.process?.child.pid}/status`, "utf8");
  return Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024;
}

test(
  `large: values of ${mib} MiB through redis-cli and ioredis, over a restart`,
  async () => {
    const value = sample(bytes, "first");
    expect(String(await cli(["-x", "set", "big"], value))).toBe("OK\n");
    const printed = await cli(["get", "big"], Buffer.alloc(0));
    expect(digest(printed.subarray(0, -1))).toBe(digest(value));
    const client = new Redis({ port: server.port, maxRetriesPerRequest: 1 });
    expect(await client.setrange("big", bytes - 3, "end")).toBe(bytes);
    value.write("end", bytes - 3);
    expect(digest((await client.getBuffer("big")) as Buffer)).toBe(digest(value));
    expect(await client.set("small", sample(bytes - 5, "second"))).toBe("OK");
    expect(await client.append("small", "tail!")).toBe(bytes);
    expect(await client.getrange("small", -5, -1)).toBe("tail!");
    const over = 512 * 2 ** 20;
    await expect(client.setrange("big", over, "x")).rejects.toThrow(/maximum allowed size/);
    await expect(client.incrbyfloat("big", 1)).rejects.toThrow(/not a valid float/);
    client.disconnect();
    expect(residentBytes("VmHWM")).toBeLessThan((300 << 20) + bytes * 7);
    await server.kill();
    await server.start();
    const after = new Redis({ port: server.port, maxRetriesPerRequest: 1 });
    expect(digest((await after.getBuffer("big")) as Buffer)).toBe(digest(value));
    after.disconnect();
  },
  msMax,
);

test(
  "large: two values in flight wait for each other, looked at closely and by a monitor",
  async () => {
    const clients = [1, 2].map(() => new Redis({ port: server.port, maxRetriesPerRequest: 1 }));
    const [one, other] = clients as [Redis, Redis];
    await one.config("SET", "slowlog-log-slower-than", "0");
    const watcher = new Redis({ port: server.port });
    // ioredis expects nothing right behind the OK of MONITOR: all others have said hello by then.
    await Promise.all([other.ping(), watcher.ping()]);
    const monitor = await watcher.monitor();
    const value = sample(Math.floor(bytes * 0.6), "third");
    expect(await Promise.all([one.set("a", value), other.set("b", value)])).toEqual(["OK", "OK"]);
    for (const name of ["a", "b"])
      expect(digest((await one.getBuffer(name)) as Buffer)).toBe(digest(value));
    const slow = JSON.stringify(await one.slowlog("GET", 10));
    expect(slow).toContain(`... (${value.length - 128} more bytes)`);
    monitor.disconnect();
    for (const client of [...clients, watcher]) client.disconnect();
  },
  msMax,
);

test(
  "large: what large values took goes back to the system once they are deleted",
  async () => {
    const client = new Redis({ port: server.port, maxRetriesPerRequest: 1 });
    await client.flushall();
    const value = sample(bytes, "fourth");
    for (let n = 0; n < 4; n++) {
      await client.set(`${n}`, value);
      expect(digest((await client.getBuffer(`${n}`)) as Buffer)).toBe(digest(value));
    }
    await client.del("0", "1", "2", "3");
    const enough = (): boolean => residentBytes("VmRSS") < 320 << 20;
    for (let tenths = 0; tenths < 300 && !enough(); tenths++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(enough()).toBe(true);
    client.disconnect();
  },
  msMax,
);
