// Goal: an unencrypted node becomes an encrypted one while clients write: nothing acknowledged is
// lost or doubled, nobody waits noticeably at the log cutover, whatever is killed goes on, and in
// the end nothing that was ever written can be read in any file.
// Method: a node as its own process, steered by the command line; random writers with an oracle and
// probes that time every reply. STRONGROOM_TEST_KEYS sets the number of keys that are there before.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { patternsOf, scanDirectory } from "../src/cli/scan.ts";
import { NodeDisk } from "../src/platform/disk.ts";
import { inClear, restart } from "./support/inclear.ts";
import { type Client, ConnectionLost } from "./support/resp.ts";
import { pause, runProgram, Server } from "./support/server.ts";
import { checkUnits, Dice, Writer } from "./support/writers.ts";

const keys = Number(process.env.STRONGROOM_TEST_KEYS ?? 20_000);
const seed = Number(process.env.STRONGROOM_SEED ?? Date.now() % 1_000_000);
const limit = 400_000 + keys;
const disk = new NodeDisk();

const servers: Server[] = [];
afterAll(async () => {
  for (const server of servers) await server.kill();
});

function newServer(...flags: string[]): Server {
  const server = new Server({ flags: [...inClear, ...flags] });
  servers.push(server);
  return server;
}

class Secrets {
  readonly name = `CanaryName${randomBytes(9).toString("hex")}`;
  readonly value = `CanaryValue${randomBytes(9).toString("hex")}`;
  /** The index key, as a database in clear keeps it: 64 hex digits. */
  readonly indexKey: string;

  constructor(server: Server) {
    const sidecar = readFileSync(join(server.dataDir, "encryption/keys.json"), "utf8");
    this.indexKey = JSON.parse(sidecar).clear_index_key.key;
  }

  /** Fills a new node. */
  async load(client: Client, count: number): Promise<void> {
    for (let from = 0; from < count; from += 500) {
      const commands = Array.from({ length: Math.min(500, count - from) }, (_, at) => [
        "SET",
        `${this.name}:${from + at}`,
        this.valueOf(from + at),
      ]);
      for (const reply of await Promise.all(client.sendAll(commands))) expect(reply).toBe("OK");
    }
  }

  valueOf(at: number): string {
    return `${this.value}:${at};`.padEnd(1000, this.value);
  }

  async check(client: Client, count: number): Promise<void> {
    for (let at = 0; at < count; at += 1 + Math.floor(count / 997))
      expect(await client.call("GET", `${this.name}:${at}`)).toBe(this.valueOf(at));
  }

  /** True if it can be read, as it must before. */
  inClear(server: Server): boolean {
    return filesOf(server).some((path) => readFileSync(path).includes(this.value));
  }

  /** Where any of it can be read. */
  found(server: Server): string[] {
    const raw = Buffer.from(this.indexKey, "hex").toString("latin1");
    const texts = [this.name, this.value, this.indexKey];
    const { findings, files } = scanDirectory(disk, server.dataDir, patternsOf(texts));
    expect(files).toBeGreaterThan(2);
    const named = findings.map(({ text, form, path }) => `${text} as ${form} in ${path}`);
    for (const path of filesOf(server))
      if (readFileSync(path).toString("latin1").includes(raw)) named.push(`index key in ${path}`);
    return named;
  }
}

function filesOf(server: Server): string[] {
  const folders = ["encryption", "log", "store"].map((name) => join(server.dataDir, name));
  return folders.flatMap((folder) => disk.list(folder).map((name) => join(folder, name)));
}

/** Sends one INCR after the other; each reply must be one more than the last. */
class Probe {
  slowestMs = 0;
  acknowledged = 0;
  readonly wrong: string[] = [];

  async run(client: Client, key: string, over: () => boolean): Promise<void> {
    while (!over()) {
      const begun = performance.now();
      const reply = await client.send("INCR", key).catch((error: Error) => error);
      if (reply instanceof ConnectionLost) return;
      this.slowestMs = Math.max(this.slowestMs, performance.now() - begun);
      if (reply !== ++this.acknowledged) this.wrong.push(`INCR said ${String(reply)}`);
    }
  }

  /** The slowest reply since it was last asked. */
  lap(): number {
    const { slowestMs } = this;
    this.slowestMs = 0;
    return slowestMs;
  }
}

/** A command of the command line on the running node. */
async function command(server: Server, ...words: string[]): Promise<Record<string, unknown>> {
  const ended = await runProgram([...words, "--json", "--data-dir", server.dataDir]);
  expect(ended.status, ended.output).toBe(0);
  // Progress is told beside it.
  return JSON.parse(ended.output.slice(ended.output.indexOf("{")));
}

test(`migration: ${keys} keys, clients writing all along (seed ${seed})`, {
  timeout: limit,
}, async () => {
  const server = await newServer().start();
  const secrets = new Secrets(server);
  const client = await server.client();
  await secrets.load(client, keys);
  const writers = [0, 1, 2].map((number) => new Writer(number, seed));
  const probe = new Probe();
  let over = false;
  const clients = await Promise.all(writers.map(() => server.client()));
  const load = [
    ...writers.map((writer, at) => writer.run(clients[at]!, () => over)),
    probe.run(await server.client(), "probe", () => over),
  ];
  expect(secrets.inClear(server)).toBe(true);
  expect(await command(server, "encryption", "bootstrap")).toMatchObject({ changed: true });
  expect(await command(server, "encryption", "enable-storage")).toMatchObject({ changed: true });
  const early = await runProgram(["encryption", "enable-log", "--data-dir", server.dataDir]);
  if (early.status !== 0) expect(early.output).toContain("CONTROL_CUTOVER_ORDER");
  await command(server, "keys", "rewrite", "0", "--wait");
  await pause(1000);
  const before = probe.lap();
  expect(await command(server, "encryption", "enable-log")).toMatchObject({
    changed: early.status !== 0,
  });
  const across = probe.lap();
  await pause(500);
  over = true;
  await Promise.all(load);
  console.log(`slowest reply: ${before.toFixed(1)} ms before, ${across.toFixed(1)} ms across`);
  // A machine that does something else at the time shows in both.
  expect(across).toBeLessThan(Math.max(100, 2 * before));
  expect([...writers.flatMap(({ wrong }) => wrong), ...probe.wrong]).toEqual([]);
  expect(await checkUnits(client, writers, keys + 1)).toEqual([]);
  await secrets.check(client, keys);
  expect(secrets.found(server)).toEqual([]);
  expect((await server.stop()).status).toBe(0);
  expect(secrets.found(server)).toEqual([]);
  expect((await server.refused()).output).toContain("ENCRYPTION_OFF_OVER_SEALED");
  server.flags = [];
  await server.start();
  const again = await server.client();
  expect(await checkUnits(again, writers, keys + 1)).toEqual([]);
  await secrets.check(again, keys);
  expect((await server.stop()).status).toBe(0);
  const verified = await server.run("verify", "--kek", `file:${server.kek}`);
  expect(verified.output).toMatch(/damage: 0/);
});

const steps = [
  ["encryption", "bootstrap"],
  ["encryption", "enable-storage"],
  ["keys", "rewrite", "0", "--wait"],
  ["encryption", "enable-log"],
];

test(`migration: kill -9 in every step (seed ${seed})`, { timeout: limit }, async () => {
  const small = ["--cache-bytes", "8mb", "--segment-bytes", "1mb", "--log-file-bytes", "512kb"];
  const server = await newServer(...small).start();
  const secrets = new Secrets(server);
  const dice = new Dice(seed);
  let client = await server.client();
  await secrets.load(client, 4000);
  const writers = [0, 1].map((number) => new Writer(number, seed + number));
  const begun = performance.now();
  await command(server, "encryption", "capability");
  const commandMs = performance.now() - begun;
  for (const step of steps) {
    for (const killed of [true, true, false]) {
      let over = false;
      const clients = await Promise.all(writers.map(() => server.client()));
      const load = writers.map((writer, at) => writer.run(clients[at]!, () => over));
      const running = runProgram([...step, "--data-dir", server.dataDir]);
      // About when the command reaches the node, or a little later.
      if (killed) await pause((commandMs * (60 + dice.below(80))) / 100);
      else expect((await running).status, (await running).output).toBe(0);
      if (killed) await server.kill();
      over = true;
      await Promise.all([...load, running]);
      expect(writers.flatMap(({ wrong }) => wrong)).toEqual([]);
      if (killed) await restart(server);
      client.close();
      client = await server.client();
      expect(await checkUnits(client, writers, 4000), step.join(" ")).toEqual([]);
    }
  }
  await secrets.check(client, 4000);
  expect(secrets.found(server)).toEqual([]);
  expect((await server.stop()).status).toBe(0);
  expect(secrets.found(server)).toEqual([]);
});
