// Goal: an old copy of the data directory put back is a normal event: it holds what it held, takes
// writes, and no (subkey, nonce) pair is ever used twice, on whatever timeline.
// Method: the same writes on three timelines from one copy; a ledger of every envelope on disk.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { enter, type Ledger } from "./support/ledger.ts";
import { Server } from "./support/server.ts";

async function write(server: Server, timeline: string): Promise<void> {
  const client = await server.client();
  for (let at = 0; at < 300; at++)
    await client.call("SET", `probe:${at}`, "the same bytes on each timeline ".repeat(at % 40));
  await client.call("SET", "timeline", timeline);
  await client.call("SAVE");
  await client.call("APPEND", "unflushed", "x".repeat(100));
  client.close();
}

async function get(server: Server, key: string) {
  const client = await server.client();
  const value = await client.call("GET", key);
  client.close();
  return value;
}

/** Reads the ledger after every end of the server: compaction removes what was there. */
class Timelines {
  readonly ledger: Ledger = new Map();
  readonly server = new Server({ flags: ["--segment-bytes", "1mb", "--log-file-bytes", "512kb"] });
  readonly saved = join(this.server.folder, "saved");

  account(): void {
    const { pairs, repeated } = enter(this.ledger, this.server.dataDir);
    expect(pairs).toBeGreaterThan(100);
    expect(repeated).toEqual([]);
  }

  async stop(): Promise<void> {
    expect((await this.server.stop()).status).toBe(0);
    this.account();
  }

  async kill(): Promise<void> {
    await this.server.kill();
    this.account();
  }

  save(): void {
    cpSync(this.server.dataDir, this.saved, { recursive: true, preserveTimestamps: true });
  }

  putBack(): void {
    rmSync(this.server.dataDir, { recursive: true });
    cpSync(this.saved, this.server.dataDir, { recursive: true, preserveTimestamps: true });
  }
}

test("rollback: an old copy works on, twice, and no nonce repeats on any timeline", async () => {
  const lines = new Timelines();
  const { server } = lines;
  await server.start();
  await write(server, "before");
  await lines.stop();
  lines.save();

  await server.start();
  await write(server, "first");
  expect((await server.run("rotate-dek", "storage")).status).toBe(0);
  expect((await server.run("rotate-dek", "log")).status).toBe(0);
  await write(server, "first again");
  await lines.kill();
  await server.start();
  await lines.stop();

  for (const timeline of ["second", "third"]) {
    lines.putBack();
    await server.start();
    expect(await get(server, "timeline")).toBe("before");
    await write(server, timeline);
    expect((await server.run("rotate-dek", "log")).status).toBe(0);
    await write(server, `${timeline} again`);
    await lines.kill();
    await server.start();
    expect(await get(server, "timeline")).toBe(`${timeline} again`);
    await lines.stop();
    const verified = await server.run("verify");
    expect(verified.status, verified.output).toBe(0);
  }
  expect(lines.ledger.size).toBeGreaterThan(2000);
});

test("rollback: a copy made after SIGKILL works the same", async () => {
  const lines = new Timelines();
  const { server } = lines;
  await server.start();
  await write(server, "before");
  await lines.kill();
  lines.save();
  for (const timeline of ["first", "second"]) {
    await server.start();
    expect(await get(server, "timeline")).toBe("before");
    expect(await get(server, "unflushed")).toBe("x".repeat(100));
    await write(server, timeline);
    await lines.kill();
    lines.putBack();
  }
});
