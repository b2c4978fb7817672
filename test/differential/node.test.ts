// Goal: a whole node answers on its socket as redis-server 7.0 does, in both protocols, pipelined
// and in transactions.
// Method: the same random commands to both, every reply compared; new connections for each test.
import { afterAll, beforeAll, test } from "vitest";
import { Server } from "../support/server.ts";
import { RawClient } from "./client.ts";
import { judge, seeds } from "./judge.ts";
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
