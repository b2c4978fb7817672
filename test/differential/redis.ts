/**
 * A redis-server of its own on a free port, without files. It must be on the PATH: the scripts of
 * this project install Debian's.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { RawClient } from "./client.ts";

const startMsMax = 20_000;

export interface Running {
  readonly port: number;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Resolves once the process answers PING. @throws with its output if it ends before. */
export async function untilReady(child: ChildProcess, port: number): Promise<void> {
  let output = "";
  child.stdout?.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr?.on("data", (data: Buffer) => (output += data.toString()));
  const deadline = performance.now() + startMsMax;
  let failed: Error | undefined;
  child.on("error", (error) => (failed = error));
  while (performance.now() < deadline) {
    if (failed) throw failed;
    if (child.exitCode !== null) break;
    try {
      const client = await RawClient.open(port);
      const pong = await client.call("PING");
      client.close();
      if (pong.toString() === "+PONG\r\n") return;
    } catch {
      // Not listening yet.
    }
    await delay(50);
  }
  child.kill("SIGKILL");
  throw new Error(`the server on port ${port} did not start: ${output}`);
}

export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

export async function startRedis(): Promise<Running> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "strongroom-redis-"));
  const flags = ["--port", `${port}`, "--save", "", "--appendonly", "no", "--dir", directory];
  const child = spawn("redis-server", [...flags, "--bind", "127.0.0.1"], { stdio: "pipe" });
  await untilReady(child, port);
  return {
    port,
    async stop() {
      await stopProcess(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
