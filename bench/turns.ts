/**
 * Servers compared in turns of a fraction of a second, for machines whose speed changes from one
 * second to the next: redis-benchmark runs beside each server, all but one of them stopped. What
 * disturbs a turn mostly disturbs the next one, too, so each turn is compared with the other
 * server's in the same round, and hundreds of rounds tell differences of a few percent. Two
 * processes of one program differ by as much, for as long as they live: start them anew between.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { benchmarkArgs, type Load } from "./load.ts";
import type { Server } from "./servers.ts";

const turnMs = 150;
/** After a client was stopped: replies on their way, a write of the log. */
const pauseMs = 15;
/** Until a client has connected and its server is warm. */
const settleMs = 1500;
const endless = 2_000_000_000;

/** Commands that the server has performed. */
async function performed(server: Server): Promise<number> {
  const socket = connect(server.port, "127.0.0.1");
  let text = "";
  try {
    socket.write("INFO stats\r\n");
    for (;;) {
      const [data] = (await once(socket, "data")) as [Buffer];
      text += data.toString("latin1");
      const found = /total_commands_processed:([0-9]+)\r\n/.exec(text);
      if (found !== null) return Number(found[1]);
    }
  } finally {
    socket.destroy();
  }
}

async function startStopped(server: Server, load: Load, keys: number): Promise<ChildProcess> {
  const args = benchmarkArgs(server.port, load, keys, endless);
  const client = spawn("redis-benchmark", [...args, "-q"], { stdio: "ignore" });
  await sleep(settleMs);
  client.kill("SIGSTOP");
  await sleep(pauseMs);
  return client;
}

/** Each order comes as often as any other: of two neighbours the first may be the slower one. */
function shuffled(count: number): number[] {
  const order = Array.from({ length: count }, (_, n) => n);
  for (let n = count - 1; n > 0; n--) {
    const other = Math.floor(Math.random() * (n + 1));
    [order[n], order[other]] = [order[other] as number, order[n] as number];
  }
  return order;
}

export interface Standing {
  /** Requests a second in its turns. */
  readonly rate: number;
  /** Median of the ratios of its turns to those of the other server, and its 95 % interval. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Runs one load for so many seconds. The servers are filled; background work is not waited for.
 * @returns of each server, in their order, the requests a second of each of its turns.
 */
export async function takeTurns(
  servers: readonly Server[],
  load: Load,
  keys: number,
  seconds: number,
): Promise<number[][]> {
  const clients: ChildProcess[] = [];
  const turns = servers.map((): number[] => []);
  try {
    for (const server of servers) clients.push(await startStopped(server, load, keys));
    for (const end = performance.now() + seconds * 1000; performance.now() < end; )
      for (const n of shuffled(servers.length)) {
        const server = servers[n] as Server;
        const before = await performed(server);
        clients[n]?.kill("SIGCONT");
        const begin = performance.now();
        await sleep(turnMs);
        clients[n]?.kill("SIGSTOP");
        const took = performance.now() - begin;
        await sleep(pauseMs);
        turns[n]?.push(((await performed(server)) - before) / (took / 1000));
      }
  } finally {
    for (const client of clients) client.kill("SIGKILL");
  }
  return turns;
}

/** @param others - Turns of the server that is compared with, in the same rounds. */
export function standing(turns: readonly number[], others: readonly number[]): Standing {
  const ratios = turns.map((rate, n) => rate / (others[n] as number)).sort((a, b) => a - b);
  const count = ratios.length;
  // Ranks of the binomial distribution, by its normal approximation.
  const reach = (1.96 * Math.sqrt(count)) / 2;
  const at = (rank: number): number =>
    ratios[Math.min(count - 1, Math.max(0, Math.round(rank)))] as number;
  const middle = (count - 1) / 2;
  return {
    rate: turns.reduce((sum, rate) => sum + rate, 0) / count,
    ratio: at(middle),
    low: at(middle - reach),
    high: at(middle + reach),
  };
}
