/**
 * A node as its own process: start, kill, stop, refusal. Only processes started here are signalled,
 * and all of them are ended with the test file.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { connectAdmin, findNode } from "../../src/admin/client.ts";
import { NodeDisk } from "../../src/platform/disk.ts";
import { Client, ServerError } from "./resp.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const program = join(root, "src/bin/strongroom.ts");
const disk = new NodeDisk();
const readyMsMax = 60_000;
const stopMsMax = 20_000;
/** Below those that the system gives to whoever asks for any: nobody gets one by chance. */
const portsFrom = 12_000;
const portCount = 20_000;

const running = new Set<ChildProcess>();
const folders: string[] = [];

afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder, removed with the test file. STRONGROOM_TEST_DIR chooses the disk. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(process.env.STRONGROOM_TEST_DIR ?? tmpdir(), "strongroom-"));
  folders.push(folder);
  return folder;
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A port of the loopback on which nothing listened a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = portsFrom + randomInt(portCount);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

export function writeKek(path: string, bytes: Buffer = randomBytes(32), mode = 0o600): Buffer {
  writeFileSync(path, bytes);
  chmodSync(path, mode);
  return bytes;
}

export interface Ended {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly output: string;
}

/** A command that runs to its end. */
export function runProgram(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ended> {
  const process_ = new Process([process.execPath, program, ...args], { environment });
  return process_.ended;
}

export interface ProcessOptions {
  readonly environment?: Record<string, string>;
  readonly folder?: string;
}

/** A child process and what it printed. */
export class Process {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  output = "";
  /** What went to standard output alone. */
  printed = "";

  constructor(argv: readonly string[], options: ProcessOptions = {}) {
    this.child = spawn(argv[0] as string, argv.slice(1), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_ENV: "", VITEST: "", ...options.environment },
      ...(options.folder === undefined ? {} : { cwd: options.folder }),
    });
    running.add(this.child);
    this.child.stdout?.on("data", (part: Buffer) => {
      this.output += part.toString("latin1");
      this.printed += part.toString("latin1");
    });
    this.child.stderr?.on("data", (part: Buffer) => {
      this.output += part.toString("latin1");
    });
    this.ended = new Promise((resolve) => {
      this.child.once("error", () => resolve({ status: -1, output: this.output }));
      this.child.once("close", (status) => {
        running.delete(this.child);
        resolve({ status, output: this.output });
      });
    });
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }
}

export interface ServerOptions {
  readonly dataDir?: string;
  readonly kek?: string;
  readonly password?: string;
  /** More flags of `serve`. */
  readonly flags?: readonly string[];
  environment?: Record<string, string>;
  /** What stands before the program: `unshare …`. */
  readonly prefix?: readonly string[];
  /** Another than that of the working tree. */
  readonly program?: string;
}

/** One data directory with its key; started and ended many times. */
export class Server {
  readonly folder = temporaryFolder();
  readonly dataDir: string;
  readonly kek: string;
  flags: readonly string[];
  /** What `--kek` names. */
  spec: string;
  port = 0;
  process: Process | null = null;
  readonly #options: ServerOptions;

  constructor(options: ServerOptions = {}) {
    this.#options = options;
    this.dataDir = options.dataDir ?? join(this.folder, "data");
    this.kek = options.kek ?? join(this.folder, "kek");
    this.flags = options.flags ?? [];
    this.spec = `file:${this.kek}`;
    if (options.kek === undefined) writeKek(this.kek);
  }

  /** Starts without waiting. */
  async spawn(): Promise<Process> {
    this.port = await freePort();
    const { prefix = [], password, environment = {} } = this.#options;
    const started = this.#options.program ?? program;
    const serve = ["serve", "--port", String(this.port), "--bind", "127.0.0.1"];
    const admin = ["--admin-port", "0"];
    const data = ["--data-dir", this.dataDir, "--kek", this.spec];
    const secret = password === undefined ? {} : { STRONGROOM_REQUIREPASS: password };
    this.process = new Process(
      [...prefix, process.execPath, started, ...serve, ...admin, ...data, ...this.flags],
      { environment: { ...secret, ...environment } },
    );
    return this.process;
  }

  /** Starts and resolves once it answers PING. @throws with what it printed if it does not. */
  async start(): Promise<this> {
    let failed = await this.#attempt();
    // The port was free a moment before; somebody else may have taken it since.
    for (let more = 3; more > 0 && failed.includes("SERVER_LISTEN_FAILED"); more--)
      failed = await this.#attempt();
    if (failed !== "") throw new Error(failed);
    return this;
  }

  /** @returns why it does not serve; empty: it does. */
  async #attempt(): Promise<string> {
    const started = await this.spawn();
    const deadline = Date.now() + readyMsMax;
    while (Date.now() < deadline) {
      if (!started.alive) {
        const { status, output } = await started.ended;
        return `not started, status ${status}: ${output.slice(-2000)}`;
      }
      if (await this.#answers()) return "";
      await pause(20);
    }
    return `not ready after ${readyMsMax} ms: ${started.output.slice(-2000)}`;
  }

  async #answers(): Promise<boolean> {
    try {
      const client = await Client.open({ port: this.port });
      const reply = await client.send("PING").finally(() => client.close());
      return reply === "PONG" || (reply instanceof ServerError && /NOAUTH/.test(reply.message));
    } catch {
      return false;
    }
  }

  /** Starts and expects it to end by itself. */
  async refused(): Promise<Ended> {
    const started = await this.spawn();
    const timer = setTimeout(() => started.signal("SIGKILL"), 30_000);
    const ended = await started.ended;
    clearTimeout(timer);
    return ended;
  }

  async client(): Promise<Client> {
    const client = await Client.open({ port: this.port });
    if (this.#options.password !== undefined) await client.call("AUTH", this.#options.password);
    return client;
  }

  async kill(): Promise<void> {
    this.process?.signal("SIGKILL");
    await this.process?.ended;
  }

  /** SIGTERM; resolves with exit status and output. */
  async stop(): Promise<Ended> {
    const stopping = this.process as Process;
    stopping.signal("SIGTERM");
    const timer = setTimeout(() => stopping.signal("SIGKILL"), stopMsMax);
    const ended = await stopping.ended;
    clearTimeout(timer);
    return ended;
  }

  /** A command of the command line on this directory. */
  run(command: string, ...args: string[]): Promise<Ended> {
    return runProgram([command, ...args, "--data-dir", this.dataDir]);
  }

  /** What `rotate-dek` does, without a process of its own. */
  async rotate(purpose: "storage" | "log"): Promise<void> {
    await connectAdmin(findNode(disk, this.dataDir)).rotate(purpose);
  }

  /** `status --json` of the running node. */
  async status(): Promise<Record<string, unknown> & { keys: KeyRow[] }> {
    const { status, output } = await this.run("status", "--json");
    if (status !== 0) throw new Error(output);
    return JSON.parse(output);
  }
}

export interface KeyRow {
  readonly id: number;
  readonly purpose: string;
  readonly state: string;
  readonly bytes: number;
  readonly records: number;
}
