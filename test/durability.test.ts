// Goal: SIGKILL at any moment (under load, in flush, compaction, rotation, truncation, during a
// start) loses nothing acknowledged, doubles nothing, splits no transaction, and leaves no damage.
// Method: random writers with an oracle; STRONGROOM_KILL_ROUNDS sets the number of rounds.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { pause, Server } from "./support/server.ts";
import { checkUnits, Dice, Writer } from "./support/writers.ts";

const rounds = Number(process.env.STRONGROOM_KILL_ROUNDS ?? 12);
const seed = Number(process.env.STRONGROOM_SEED ?? Date.now() % 1_000_000);

/** Small files and low thresholds: a second of load sees flushes, compactions, truncations. */
const restless = [
  "--cache-bytes",
  "4mb",
  "--segment-bytes",
  "1mb",
  "--log-file-bytes",
  "512kb",
  "--flush-interval-ms",
  "40",
];

const servers: Server[] = [];
afterAll(async () => {
  for (const server of servers) await server.kill();
});

/** Rotations and checkpoints beside the load, until the node is gone. */
async function disturb(server: Server, dice: Dice, stopped: () => boolean): Promise<void> {
  const client = await server.client().catch(() => null);
  while (!stopped() && client !== null) {
    await pause(20 + dice.below(250));
    if (stopped()) break;
    const roll = dice.below(3);
    if (roll === 0) await client.send("BGSAVE").catch(() => {});
    else await server.rotate(roll === 1 ? "storage" : "log").catch(() => {});
  }
  client?.close();
}

async function round(server: Server, writers: Writer[], dice: Dice, quiet: boolean) {
  let over = false;
  const clients = await Promise.all(writers.map(() => server.client()));
  const load = writers.map((writer, at) => writer.run(clients[at]!, () => over));
  const beside = quiet ? Promise.resolve() : disturb(server, dice, () => over);
  await pause(100 + dice.below(1100));
  await server.kill();
  over = true;
  await Promise.all([...load, beside]);
}

async function killRounds(server: Server, count: number, quiet: boolean): Promise<string[]> {
  const dice = new Dice(seed + count);
  const writers = [0, 1, 2, 3].map((number) => new Writer(number, seed));
  const problems: string[] = [];
  for (let number = 0; number < count; number++) {
    if (dice.below(4) === 0) {
      await server.spawn();
      await pause(100 + dice.below(900));
      await server.kill();
    }
    await server.start();
    const client = await server.client();
    problems.push(...(await checkUnits(client, writers)));
    client.close();
    await round(server, writers, dice, quiet);
    problems.push(...writers.flatMap((writer) => writer.wrong));
    if (problems.length > 0) return [...problems, server.process?.output.slice(-4000) ?? ""];
  }
  await server.start();
  const client = await server.client();
  problems.push(...(await checkUnits(client, writers)));
  client.close();
  expect(writers.reduce((sum, writer) => sum + writer.acknowledged, 0)).toBeGreaterThan(count * 20);
  return problems;
}

async function expectClean(server: Server): Promise<void> {
  const stopped = await server.stop();
  expect(stopped.status, stopped.output.slice(-2000)).toBe(0);
  const verified = await server.run("verify", "--kek", `file:${server.kek}`);
  expect(verified.output).toMatch(/damage: 0/);
  expect(verified.status).toBe(0);
}

/** The kills fell where they should: all of that happened while they went on. */
async function expectRestless(server: Server): Promise<void> {
  const { keys, log, durableIndex } = (await server.status()) as unknown as {
    keys: unknown[];
    log: { first: number };
    durableIndex: number;
  };
  expect(keys.length).toBeGreaterThan(5);
  expect(log.first).toBeGreaterThan(1);
  expect(durableIndex).toBeGreaterThan(1);
  const segments = readdirSync(join(server.dataDir, "store")).filter((name) =>
    name.endsWith(".segment"),
  );
  const newest = Math.max(...segments.map((name) => Number.parseInt(name, 10)));
  expect(newest, "segments that compaction has removed").toBeGreaterThan(segments.length);
}

const limit = 120_000 + rounds * 20_000;

test(`durability: kill -9 under load, default sizes (seed ${seed})`, {
  timeout: limit,
}, async () => {
  const server = new Server();
  servers.push(server);
  expect(await killRounds(server, Math.max(2, Math.floor(rounds / 3)), true)).toEqual([]);
  await expectClean(server);
});

test(`durability: kill -9 in flush, compaction, rotation and truncation (seed ${seed})`, {
  timeout: limit,
}, async () => {
  const server = new Server({ flags: restless });
  servers.push(server);
  expect(await killRounds(server, rounds, false)).toEqual([]);
  await expectRestless(server);
  await expectClean(server);
});

test("durability: SIGTERM under load ends with status 0 and loses nothing", async () => {
  const server = await new Server().start();
  servers.push(server);
  const writers = [0, 1, 2, 3].map((number) => new Writer(number, seed));
  let over = false;
  const clients = await Promise.all(writers.map(() => server.client()));
  const load = writers.map((writer, at) => writer.run(clients[at]!, () => over));
  await pause(700);
  for (const writer of writers) writer.stopping = true;
  const stopped = await server.stop();
  over = true;
  await Promise.all(load);
  expect(stopped.status, stopped.output.slice(-2000)).toBe(0);
  await server.start();
  const client = await server.client();
  expect(await checkUnits(client, writers)).toEqual([]);
  expect(writers.flatMap((writer) => writer.wrong)).toEqual([]);
  client.close();
  await server.stop();
});
