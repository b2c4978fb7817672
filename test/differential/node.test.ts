// Goal: a whole node answers on its socket as redis-server 7.0 does, in both protocols, pipelined
// and in transactions.
// Method: the same random commands to both, every reply compared; new connections for each test.
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "../support/server.ts";
import { RawClient } from "./client.ts";
import { judge, seeds } from "./judge.ts";
import { Choices } from "./random.ts";
import { type Running, startRedis } from "./redis.ts";
import { judgeTransactions } from "./transactions.ts";

let server: Running;
let node: Server;

beforeAll(async () => {
  server = await startRedis();
  node = await new Server().start();
});

afterAll(async () => {
  await server?.stop();
  await node?.kill();
});

/** Two connections to each server, closed at the end. */
async function withClients(
  body: (redis: RawClient[], node: RawClient[]) => Promise<void>,
): Promise<void> {
  const ports = [server.port, server.port, node.port, node.port];
  const clients = await Promise.all(ports.map((port) => RawClient.open(port)));
  try {
    await body(clients.slice(0, 2), clients.slice(2));
  } finally {
    for (const client of clients) client.close();
  }
}

for (const seed of seeds(11, 12))
  for (const resp3 of [false, true]) {
    const protocol = `RESP${resp3 ? 3 : 2}, seed ${seed}`;

    test(`node: replies equal those of Redis, ${protocol}`, () =>
      withClients(async ([redis], [client]) => {
        if (redis === undefined || client === undefined) throw new Error("no connection");
        await client.call("FLUSHALL");
        await client.call("HELLO", resp3 ? "3" : "2");
        const candidate = {
          perform: (batch: readonly (readonly Buffer[])[]) =>
            Promise.all(batch.map((args) => client.send(args))),
        };
        await judge(redis, candidate, { seed, resp3, commands: 15_000 });
      }));

    test(`node: transactions end as those of Redis, ${protocol}`, () =>
      withClients(async (redis, clients) => {
        await judgeTransactions(redis, clients, { seed, resp3, commands: 4_000 });
      }));
  }

/** K and L stand for keys. */
const lookUps =
  `GET K|MGET K L K|EXISTS K L|TYPE K|APPEND K z|INCR K|INCRBYFLOAT K 1|SETNX K 1|SET K 2
SET K 3 GET|SET K 4 XX|GETSET K 5|DEL K L|UNLINK K|EXPIRE K 1000|PERSIST K|TTL K
EXPIRETIME K|STRLEN K|GETRANGE K 0 1|SETRANGE K 0 7|GETDEL K|GETEX K|GETEX K PERSIST
TOUCH K L|OBJECT ENCODING K|OBJECT FREQ K|RENAME K L|RENAMENX K L|COPY K L
COPY K L REPLACE|MOVE K 1|DUMP K|GETBIT K 1|SETBIT K 1 1|BITCOUNT K|BITPOS K 1
BITOP AND K L K|BITFIELD K GET u8 0|BITFIELD K SET u8 0 9|BITFIELD_RO K GET u8 0|LCS K L
MEMORY USAGE K|MSET K 1 L 2|MSETNX K 1 L 2|SORT K|SCAN 0 TYPE string|WATCH K L|UNWATCH`
    .split(/[|\n]/)
    .map((line) => line.split(" "));

async function counts(client: RawClient): Promise<string[]> {
  const info = (await client.call("INFO", "stats")).toString();
  const found = info.match(/keyspace_(?:hits|misses):\d+/g) ?? [];
  expect(found.length).toBe(2);
  return found;
}

test.each(seeds(41, 42))("node: hits and misses are those of Redis, seed %i", (seed) =>
  withClients(async ([redis], [client]) => {
    if (redis === undefined || client === undefined) throw new Error("no connection");
    const choices = new Choices(seed);
    for (const one of [redis, client]) await one.call("FLUSHALL");
    for (const one of [redis, client]) await one.call("CONFIG", "RESETSTAT");
    for (let n = 0; n < 1500; n++) {
      const keys: Record<string, string> = { K: choices.of(["1", "2", "3"]), L: "4" };
      const args = choices.of(lookUps).map((word) => keys[word] ?? word);
      const all = choices.once(10) ? [["MULTI"], args, ["EXEC"]] : [args];
      for (const one of [redis, client]) await Promise.all(all.map((each) => one.call(...each)));
      expect(await counts(client), `${n}: ${args.join(" ")}`).toEqual(await counts(redis));
    }
  }),
);
