/**
 * `npm run bench`: ratios to redis-server --appendonly yes --appendfsync always on this machine, in
 * the same run: alternating rounds, medians. Absolute numbers of one machine say little. What a
 * server still does in the background (a rewrite of the append-only file, a compaction) counts for
 * itself alone: the other one is measured when that is done.
 *
 * Options: --keys N (repeatable; default 100000 and 1000000), --rounds N (3), --only compare|log
 * |primitives|store|turns. `turns`, which only runs when it is asked for, compares in turns of a
 * fraction of a second, --seconds N (60) a load, also with the built checkouts in --beside DIR;
 * --load NAME ("GET -P 16"; repeatable) leaves out the others.
 * @module
 */
import { parseArgs } from "node:util";
import { benchmark, fill, type Load, loads } from "./load.ts";
import { makeServers, type Server } from "./servers.ts";
import { standing, takeTurns } from "./turns.ts";

const mib = 1024 * 1024;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const rate = (n: number): string => `${Math.round(n).toLocaleString("en")}/s`;
const size = (bytes: number): string => `${Math.round(bytes / mib)} MiB`;

/** Fills both, then alternates; ends with a kill and a timed start of ours. */
async function compare(keys: number, rounds: number): Promise<void> {
  const pair = await makeServers();
  try {
    const both: Server[] = [pair.ours, pair.redis];
    print(`\n${keys.toLocaleString("en")} keys of 1 KiB, 50 clients, ${rounds} rounds`);
    for (const server of both) {
      await server.start();
      const seconds = await fill(server.port, keys);
      print(`  ${server.name}: filled at ${rate(keys / seconds)}, ${size(server.rssBytes())}`);
    }
    const rates = new Map(loads.map(({ name }) => [name, { strongroom: [], redis: [] } as Rates]));
    for (let round = 0; round < rounds; round++)
      for (const load of loads)
        for (const server of round % 2 === 0 ? both : both.toReversed()) {
          for (const other of both) if (other !== server) await other.quiet();
          rates
            .get(load.name)
            ?.[server.name as keyof Rates].push(await benchmark(server.port, load, keys));
        }
    for (const [name, { strongroom, redis }] of rates) {
      const [ours, theirs] = [median(strongroom), median(redis)];
      const ratio = (ours / theirs).toFixed(2);
      print(`  ${name.padEnd(10)} ${ratio}   (${rate(ours)} to ${rate(theirs)})`);
    }
    for (const server of both) print(`  ${server.name}: ${size(server.rssBytes())} at the end`);
    await pair.ours.kill();
    print(`  start after a kill: ${Math.round(await pair.ours.start())} ms`);
  } finally {
    await pair.close();
  }
}

/** In each round all are started and filled, one after the other; each load runs in turns. */
async function inTurns(
  keys: number,
  rounds: number,
  seconds: number,
  beside: readonly string[],
  chosen: readonly Load[],
): Promise<void> {
  print(`\n${keys.toLocaleString("en")} keys of 1 KiB, 50 clients, in turns, ${rounds} rounds`);
  // Of each load: requests a second of each turn, by the server's name.
  const turns = chosen.map(() => new Map<string, number[]>());
  for (let round = 0; round < rounds; round++) {
    const { ours, redis, others, close } = await makeServers(beside);
    try {
      const servers = [ours, redis, ...others];
      const shift = round % servers.length;
      const order = [...servers.slice(shift), ...servers.slice(0, shift)];
      for (const server of order) {
        await server.start();
        await fill(server.port, keys);
      }
      for (const [n, load] of chosen.entries()) {
        for (const server of order) await server.quiet();
        const taken = await takeTurns(order, load, keys, seconds / rounds);
        for (const [at, { name }] of order.entries()) {
          const before = turns[n]?.get(name) ?? [];
          turns[n]?.set(name, [...before, ...(taken[at] as number[])]);
        }
      }
    } finally {
      await close();
    }
  }
  for (const [n, load] of chosen.entries()) {
    const ours = turns[n]?.get("strongroom") ?? [];
    for (const [name, theirs] of turns[n] ?? []) {
      const { ratio, low, high, rate: each } = standing(ours, theirs);
      if (name === "strongroom") print(`  ${load.name.padEnd(10)} ${rate(each)}`);
      else print(`    ${ratio.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}) of ${name}`);
    }
  }
}

interface Rates {
  readonly strongroom: number[];
  readonly redis: number[];
}

const { values } = parseArgs({
  options: {
    keys: { type: "string", multiple: true, default: ["100000", "1000000"] },
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
    seconds: { type: "string", default: "60" },
    beside: { type: "string", multiple: true, default: [] },
    load: { type: "string", multiple: true, default: loads.map(({ name }) => name) },
  },
});
const parts: Record<string, () => Promise<unknown> | unknown> = {
  primitives: async () => import("./primitives.ts"),
  log: async () => (await import("./log.ts")).run(),
  store: async () => (await import("./store.ts")).run(),
  compare: async () => {
    for (const keys of values.keys) await compare(Number(keys), Number(values.rounds));
  },
};
if (values.only === "turns") {
  const { rounds, seconds, beside } = values;
  const chosen = loads.filter(({ name }) => values.load.includes(name));
  for (const keys of values.keys)
    await inTurns(Number(keys), Number(rounds), Number(seconds), beside, chosen);
} else
  for (const [name, run] of Object.entries(parts))
    if (values.only === undefined || values.only === name) await run();
