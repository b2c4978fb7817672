// Goal: the client libraries that people use connect with their default options, and everything
// they offer of our commands works through them.
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { pause, Server } from "./support/server.ts";
import { takeTour } from "./support/tour.ts";

let server: Server;

beforeAll(async () => {
  server = await new Server().start();
});
beforeEach(async () => {
  const client = await server.client();
  await client.call("FLUSHALL");
  client.close();
});
afterAll(async () => {
  expect((await server.stop()).status).toBe(0);
});

async function withIoredis(work: (redis: Redis) => Promise<void>): Promise<void> {
  const redis = new Redis(server.port);
  try {
    await work(redis);
  } finally {
    redis.disconnect();
  }
}

function nodeRedis(port: number, password?: string) {
  const url = `redis://127.0.0.1:${port}`;
  const socket = { reconnectStrategy: false } as const;
  return createClient(password === undefined ? { url } : { url, password, socket });
}

async function withNodeRedis(
  work: (redis: ReturnType<typeof nodeRedis>) => Promise<void>,
): Promise<void> {
  const redis = nodeRedis(server.port);
  redis.on("error", () => {});
  await redis.connect();
  try {
    await work(redis);
  } finally {
    redis.destroy();
  }
}

test("ioredis: a tour of all commands", () =>
  withIoredis((redis) => takeTour(([name, ...args]) => redis.call(name!, ...args))));

test("node-redis: a tour of all commands", () =>
  withNodeRedis((redis) => takeTour((words) => redis.sendCommand(words))));

test("ioredis: pipelines, transactions, streams of keys, buffers", () =>
  withIoredis(async (redis) => {
    const piped = await redis.pipeline().set("a", 1).incr("a").get("a").incr("none:").exec();
    expect(piped).toEqual([
      [null, "OK"],
      [null, 2],
      [null, "2"],
      [null, 1],
    ]);
    const done = await redis.multi().set("b", "x").append("b", "y").strlen("b").exec();
    expect(done).toEqual([
      [null, "OK"],
      [null, 2],
      [null, 2],
    ]);
    await redis.watch("b");
    await withIoredis(async (other) => expect(await other.set("b", "changed")).toBe("OK"));
    expect(await redis.multi().set("b", "lost").exec()).toBe(null);
    const names = Array.from({ length: 500 }, (_, at) => `key:${at}`);
    await redis.mset(...names.flatMap((name) => [name, "1"]));
    const seen: string[] = [];
    for await (const page of redis.scanStream({ match: "key:*", count: 50 })) seen.push(...page);
    expect(seen.sort()).toEqual([...names].sort());
    const bytes = Buffer.from([0, 200, 13, 10, 255]);
    await redis.set("bytes", bytes);
    expect(await redis.getBuffer("bytes")).toEqual(bytes);
    await redis.set("short", "lived", "PX", 60);
    await pause(120);
    expect(await redis.get("short")).toBe(null);
    await expect(redis.call("INCR", "b")).rejects.toThrow(/not an integer/);
    expect(await redis.config("GET", "maxclients")).toEqual(["maxclients", "10000"]);
  }));

test("node-redis: typed commands, transactions, iteration", () =>
  withNodeRedis(async (redis) => {
    expect(await redis.set("a", "1", { expiration: { type: "EX", value: 100 } })).toBe("OK");
    expect(await redis.ttl("a")).toBeGreaterThan(90);
    expect(await redis.incr("a")).toBe(2);
    expect(await redis.mGet(["a", "none"])).toEqual(["2", null]);
    expect(await redis.multi().set("b", "x").append("b", "y").get("b").exec()).toEqual([
      "OK",
      2,
      "xy",
    ]);
    const names = Array.from({ length: 500 }, (_, at) => `key:${at}`);
    await redis.mSet(names.map((name) => [name, "1"] as [string, string]));
    const seen: string[] = [];
    for await (const page of redis.scanIterator({ MATCH: "key:*", COUNT: 50 })) seen.push(...page);
    expect(seen.sort()).toEqual([...names].sort());
    expect(await redis.configGet("maxclients")).toEqual({ maxclients: "10000" });
    expect(await redis.info("keyspace")).toMatch(/db0:keys=502/);
    await expect(redis.incr("b")).rejects.toThrow(/not an integer/);
    await Promise.all(names.map((name) => redis.set(name, name)));
    expect(await redis.get("key:77")).toBe("key:77");
  }));

test("clients: a password is asked for, and both libraries give it", async () => {
  const locked = await new Server({ password: "correct horse" }).start();
  try {
    const redis = new Redis(locked.port, { password: "correct horse" });
    expect(await redis.set("k", "v")).toBe("OK");
    redis.disconnect();
    const other = nodeRedis(locked.port, "correct horse");
    await other.connect();
    expect(await other.get("k")).toBe("v");
    other.destroy();
    const wrong = nodeRedis(locked.port, "wrong");
    wrong.on("error", () => {});
    await expect(wrong.connect()).rejects.toThrow(/WRONGPASS/);
    wrong.destroy();
    expect(locked.process?.output).not.toMatch(/correct horse/);
  } finally {
    expect((await locked.stop()).status).toBe(0);
  }
});

test("clients: SHUTDOWN of a client ends the node in good order", async () => {
  const ending = await new Server().start();
  const client = await ending.client();
  await client.call("SET", "k", "v");
  await client.send("SHUTDOWN").catch(() => {});
  expect((await ending.process!.ended).status).toBe(0);
  await ending.start();
  const again = await ending.client();
  expect(await again.call("GET", "k")).toBe("v");
  again.close();
  expect((await ending.stop()).status).toBe(0);
});
