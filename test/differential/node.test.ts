// Goal: a whole node answers on its socket as redis-server 7.0 does, in both protocols, pipelined
// and in transactions.
// Method: the same random commands to both, every reply compared.
import { afterAll, beforeAll, test } from "vitest";
import { Server } from "../support/server.ts";
import { RawClient } from "./client.ts";
import { judge, seeds } from "./judge.ts";
import { type Running, startRedis } from "./redis.ts";
import { judgeTransactions } from "./transactions.ts";

let server: Running;
let node: Server;
let redisClients: RawClient[];
let nodeClients: RawClient[];

const openTwo = async (port: number): Promise<RawClient[]> => [
  await RawClient.open(port),
  await RawClient.open(port),
];

beforeAll(async () => {
  server = await startRedis();
  node = await new Server().start();
  redisClients = await openTwo(server.port);
  nodeClients = await openTwo(node.port);
});

afterAll(async () => {
  for (const client of [...(redisClients ?? []), ...(nodeClients ?? [])]) client.close();
  await server?.stop();
  await node?.kill();
});

for (const seed of seeds(11, 12))
  for (const resp3 of [false, true]) {
    const protocol = `RESP${resp3 ? 3 : 2}, seed ${seed}`;

    test(`node: replies equal those of Redis, ${protocol}`, async () => {
      const client = nodeClients[0] as RawClient;
      await client.call("FLUSHALL");
      await client.call("HELLO", resp3 ? "3" : "2");
      const candidate = {
        perform: (batch: readonly (readonly Buffer[])[]) =>
          Promise.all(batch.map((args) => client.send(args))),
      };
      await judge(redisClients[0] as RawClient, candidate, { seed, resp3, commands: 15_000 });
    });

    test(`node: transactions end as those of Redis, ${protocol}`, async () => {
      await judgeTransactions(redisClients, nodeClients, { seed, resp3, commands: 4_000 });
    });
  }
