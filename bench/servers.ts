/**
 * The two servers of a comparison as child processes: Strongroom, and Debian's redis-server with an
 * append-only file that is synced always, which is the durability that Strongroom gives.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** This checkout. */
const root = new URL("..", import.meta.url).pathname;
const readyMsMax = 120_000;

/** A server that takes no more than this share of a processor does nothing in the background. */
const quietShare = 0.05;
/** It must look so this many times in a row: a pause is not an end. */
const quietLooks = 6;
const lookMs = 250;
const quietLooksMax = 240;
/** proc_pid_stat(5): times are told in this unit, on every machine that Node runs on. */
const ticksPerSecond = 100;

export interface Server {
  readonly name: string;
  readonly port: number;
  start(): Promise<number>;
  kill(): Promise<void>;
  rssBytes(): number;
  /** Resolves when what it does in the background is done, or a minute has passed. */
  quiet(): Promise<void>;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

/** Seconds of processor time of a process and of the children that it has now. */
function processorSeconds(pid: number): number {
  let ticks = 0;
  for (const entry of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(entry)) continue;
    let stat: string;
    try {
      stat = readFileSync(`/proc/${entry}/stat`, "latin1");
    } catch {
      continue; // It has ended meanwhile.
    }
    // Behind the name, which may hold anything: state, parent, …, utime and stime.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(entry) === pid || Number(fields[1]) === pid)
      ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksPerSecond;
}

/** True if the port answers PING with PONG. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    const end = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once("data", (data) => end(data.toString("latin1").startsWith("+PONG")));
    socket.once("error", () => end(false));
    socket.setTimeout(2000, () => end(false));
  });
}

class ChildServer implements Server {
  readonly name: string;
  readonly port: number;
  private readonly command: readonly string[];
  private child: ChildProcess | null = null;

  constructor(name: string, port: number, command: readonly string[]) {
    this.name = name;
    this.port = port;
    this.command = command;
  }

  /** @returns milliseconds from its creation to its first PONG. */
  async start(): Promise<number> {
    const [program = "", ...rest] = this.command;
    const begin = performance.now();
    this.child = spawn(program, rest, { stdio: ["ignore", "ignore", "inherit"] });
    while (!(await answers(this.port))) {
      if (performance.now() - begin > readyMsMax || this.child.exitCode !== null)
        throw new Error(`${this.name} did not start`);
      await sleep(10);
    }
    return performance.now() - begin;
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async quiet(): Promise<void> {
    const { pid } = this.child ?? {};
    if (pid === undefined) return;
    let before = processorSeconds(pid);
    for (let looks = 0, calm = 0; looks < quietLooksMax && calm < quietLooks; looks++) {
      await sleep(lookMs);
      const now = processorSeconds(pid);
      // A child that has ended takes its time away from the sum.
      const busy = Math.abs(now - before) > (quietShare * lookMs) / 1000;
      calm = busy ? 0 : calm + 1;
      before = now;
    }
  }

  rssBytes(): number {
    const status = readFileSync(`/proc/${this.child?.pid}/status`, "latin1");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  }
}

/** A node of the checkout in `checkout`, over `folder`, which is there; not started yet. */
async function makeOurs(name: string, folder: string, checkout: string): Promise<ChildServer> {
  const kek = join(folder, "kek");
  writeFileSync(kek, randomBytes(32), { mode: 0o600 });
  const port = await freePort();
  return new ChildServer(name, port, [
    "sh",
    // As `npm start` does, with what it tells Node.
    join(checkout, "scripts/run.sh"),
    join(checkout, "src/bin/strongroom.ts"),
    "serve",
    ...["--port", String(port), "--bind", "127.0.0.1", "--data-dir", join(folder, "data")],
    ...["--kek", `file:${kek}`, "--log-level", "error"],
  ]);
}

export interface Servers {
  readonly ours: Server;
  readonly redis: Server;
  /** Of other checkouts. */
  readonly others: readonly Server[];
  close(): Promise<void>;
}

/**
 * Both servers over fresh folders, and nodes of other checkouts, each built already; none is
 * started yet.
 */
export async function makeServers(checkouts: readonly string[] = []): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), "strongroom-bench-"));
  mkdirSync(join(folder, "redis"));
  const ours = await makeOurs("strongroom", folder, root);
  const port = await freePort();
  const redis = new ChildServer("redis", port, [
    "redis-server",
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", join(folder, "redis")],
    ...["--appendonly", "yes", "--appendfsync", "always", "--save", ""],
  ]);
  const others: ChildServer[] = [];
  for (const [n, checkout] of checkouts.entries()) {
    const own = join(folder, String(n));
    mkdirSync(own, { mode: 0o700 });
    others.push(await makeOurs(checkout, own, checkout));
  }
  const close = async (): Promise<void> => {
    for (const server of [ours, redis, ...others]) await server.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ours, redis, others, close };
}
