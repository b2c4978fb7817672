/**
 * The loads of the comparison: fill a key space in order, then random SET and GET by
 * redis-benchmark, plain and in pipelines of 16.
 * @module
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";

export const valueBytes = 1024;
const clients = 50;
const fillBatch = 500;

export interface Load {
  readonly name: string;
  readonly command: "set" | "get";
  readonly pipeline: number;
  readonly requests: number;
}

/** So long that flusher, compactor and rewrites of the append-only file are at work in each. */
export const loads: readonly Load[] = [
  { name: "SET", command: "set", pipeline: 1, requests: 500_000 },
  { name: "GET", command: "get", pipeline: 1, requests: 500_000 },
  { name: "SET -P 16", command: "set", pipeline: 16, requests: 3_000_000 },
  { name: "GET -P 16", command: "get", pipeline: 16, requests: 4_000_000 },
];

/** SETs key:000000000000 up to `keys`, pipelined on one connection. @returns seconds. */
export function fill(port: number, keys: number, bytes = valueBytes): Promise<number> {
  const value = randomBytes(bytes);
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    let sent = 0;
    let left = 0;
    const socket = connect(port, "127.0.0.1");
    const next = (): void => {
      if (sent === keys) {
        socket.destroy();
        resolve((performance.now() - begin) / 1000);
        return;
      }
      const parts: Buffer[] = [];
      for (; left < fillBatch * 5 && sent < keys; sent++, left += 5) {
        const key = `key:${String(sent).padStart(12, "0")}`;
        const head = `*3\r\n$3\r\nSET\r\n$16\r\n${key}\r\n$${value.length}\r\n`;
        parts.push(Buffer.from(head), value, Buffer.from("\r\n"));
      }
      socket.write(Buffer.concat(parts));
    };
    socket.on("connect", next);
    socket.on("error", reject);
    socket.on("data", (data) => {
      if (data[0] === 0x2d) reject(new Error(data.toString("latin1").trim()));
      left -= data.length;
      if (left === 0) next();
    });
  });
}

/** Arguments of redis-benchmark. */
export function benchmarkArgs(port: number, load: Load, keys: number, requests: number): string[] {
  const shape = ["-d", valueBytes, "-c", clients, "-r", keys, "-n", requests, "-P", load.pipeline];
  return ["-h", "127.0.0.1", "-p", String(port), "-t", load.command, ...shape.map(String)];
}

/** One run of redis-benchmark. @returns requests per second. */
export function benchmark(port: number, load: Load, keys: number): Promise<number> {
  const args = [...benchmarkArgs(port, load, keys, load.requests), "--csv"];
  return new Promise((resolve, reject) => {
    const child = spawn("redis-benchmark", args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (data: Buffer) => {
      output += data.toString("latin1");
    });
    child.on("error", reject);
    child.on("close", () => {
      const found = new RegExp(`^"${load.command}[^"]*","([0-9.]+)"`, "im").exec(output);
      if (found === null) reject(new Error(`redis-benchmark said: ${output.slice(-300)}`));
      else resolve(Number(found[1]));
    });
  });
}
