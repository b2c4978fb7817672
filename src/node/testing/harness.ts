/**
 * A node over a disk in memory, driven by one client that waits for its replies.
 * @module
 */
import type { Clock } from "../../base/ports.ts";
import { Args } from "../../commands/args.ts";
import { commandNamed } from "../../commands/table.ts";
import { CommandError } from "../../keyspace/errors.ts";
import type { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { RespWriter } from "../../resp/writer.ts";
import type { NodeOptions } from "../api.ts";
import { type NodeDeps, openNode, type StrongroomNode } from "../open.ts";
import type { Client, QueuedCommand } from "../port.ts";

const kek = "07".repeat(32);

/** Small files and frequent flushes: every mechanism works within a few hundred commands. */
export const smallOptions: NodeOptions = {
  dataDir: "/data",
  keks: ["env:STRONGROOM_TEST_KEK"],
  encryption: "on",
  cacheBytes: 4 << 20,
  compress: false,
  valueBytesMax: 1 << 20,
  flushBytes: 8 << 10,
  flushIntervalMs: 5,
  segmentBytes: 64 << 10,
  logFileBytes: 64 << 10,
  worker: false,
};

let drawn = 0;

/** A request id that no one has asked under. */
export const fresh = (): string => `${(++drawn).toString(16).padStart(16, "0")}${"f".repeat(16)}`;

export interface TestNode {
  readonly node: StrongroomNode;
  readonly alarms: string[];
  /** The reply of one command as RESP2 text, once it is there. */
  run(name: string, ...args: (string | Buffer)[]): Promise<string>;
  /** MULTI … EXEC. */
  exec(...commands: string[][]): Promise<string>;
}

export async function openTestNode(
  disk: MemoryDisk,
  options: Partial<NodeOptions> = {},
  given?: Clock | NodeDeps,
): Promise<TestNode> {
  process.env.STRONGROOM_TEST_KEK = kek;
  const alarms: string[] = [];
  const alarm = (event: string, detail: string): void => void alarms.push(`${event}: ${detail}`);
  const more = given !== undefined && "nowMs" in given ? { clock: given } : given;
  const deps = { disk, alarm, ...more };
  const node = await openNode({ ...smallOptions, ...options }, deps);
  const { engine } = node;
  return {
    node,
    alarms,
    run(name, ...values) {
      const spec = commandNamed(name);
      if (spec === undefined) throw new Error(`no command ${name}`);
      const reply = new RespWriter();
      const args = Args.of(...values);
      return new Promise((resolve) => {
        const settled = (): void => resolve(reply.take().toString("latin1"));
        const client = testClient(reply, settled);
        try {
          if (spec.flags.includes("write")) {
            engine.write(client, spec, 0, args);
            return;
          }
          engine.read(spec, 0, args, reply);
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
          reply.error(error.message);
        }
        settled();
      });
    },
    exec(...commands) {
      const reply = new RespWriter();
      const queued = commands.map(([name = "", ...values]): QueuedCommand => {
        return { spec: commandNamed(name) ?? null, db: 0, args: Args.of(...values), local: null };
      });
      return new Promise((resolve) => {
        const settled = (): void => resolve(reply.take().toString("latin1"));
        try {
          engine.exec(testClient(reply, settled), queued, []);
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
          reply.error(error.message);
          settled();
        }
      });
    },
  };
}

/** A client that is told of each of its writes alone, and may be closed by its test. */
export function testClient(reply: RespWriter, settled: () => void): Client & { closed: boolean } {
  return { reply, closed: false, oneByOne: true, settled, readReady: () => {} };
}

/** Resolves once `condition` holds. @throws if it does not within ten seconds or so. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn > 2000) throw new Error("it did not come");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
