/**
 * A redis-server of its own on a free port, without files. It must be on the PATH: the scripts of
 * this project install Debian's.
 * @module
 */
import { afterAll, beforeAll } from "vitest";
import { freePort, Process, pause, temporaryFolder } from "../support/server.ts";
import { RawClient } from "./client.ts";

const startMsMax = 20_000;

export interface Running {
  readonly port: number;
  stop(): Promise<void>;
}

async function answers(port: number): Promise<boolean> {
  try {
    const client = await RawClient.open(port);
    const pong = await client.call("PING").finally(() => client.close());
    return pong.toString() === "+PONG\r\n";
  } catch {
    return false;
  }
}

/** @throws with what it printed if it does not start. */
export async function startRedis(): Promise<Running> {
  const port = await freePort();
  const flags = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", temporaryFolder()];
  const quiet = ["--save", "", "--appendonly", "no", "--enable-debug-command", "local"];
  const started = new Process(["redis-server", ...flags, ...quiet]);
  const deadline = performance.now() + startMsMax;
  while (!(await answers(port))) {
    if (!started.alive || performance.now() > deadline) {
      started.signal("SIGKILL");
      throw new Error(`redis-server on port ${port} did not start: ${started.output}`);
    }
    await pause(20);
  }
  return {
    port,
    async stop() {
      started.signal("SIGTERM");
      await started.ended;
    },
  };
}

/** A client of a redis-server that runs as long as the tests of a file. Use it inside of tests. */
export function redisOfTests(): { readonly client: RawClient } {
  let server: Running | undefined;
  let client: RawClient | undefined;
  beforeAll(async () => {
    server = await startRedis();
    client = await RawClient.open(server.port);
  });
  afterAll(async () => {
    client?.close();
    await server?.stop();
  });
  return {
    get client() {
      return client as RawClient;
    },
  };
}
