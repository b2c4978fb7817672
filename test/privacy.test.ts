// Goal: nothing that a user wrote can be read in any file or output: not after a mixed workload
// with rotation and compaction, not while running, after SIGKILL or after SIGTERM. Old ciphertext
// goes: once what it held is overwritten, no segment under the old key remains.
import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { patternsOf, scanDirectory, scanFile } from "../src/cli/scan.ts";
import { NodeDisk } from "../src/platform/disk.ts";
import { type Client, ServerError } from "./support/resp.ts";
import { pause, Server } from "./support/server.ts";

const disk = new NodeDisk();
const canary = (what: string) => `${what}-${randomBytes(9).toString("base64url")}`;
const canaries = {
  key: canary("KeyName"),
  value: canary("Value"),
  appended: canary("Appended"),
  transaction: canary("Transaction"),
  deleted: canary("Deleted"),
  expired: canary("Expired"),
  client: canary("ClientName"),
  password: canary("Password"),
  unknown: canary("Unknown"),
};
const patterns = patternsOf(Object.values(canaries));

async function writeAll(client: Client): Promise<void> {
  const { key, value } = canaries;
  await client.call("CLIENT", "SETNAME", canaries.client);
  for (let at = 0; at < 60; at++) {
    await client.call("SET", `${key}:${at}`, `${value} `.repeat(1 + at * 20));
    await client.call("SET", `${key}:x${at}`, canaries.expired.repeat(9), "PX", 100);
    await client.call("SET", `${key}:d${at}`, canaries.deleted.repeat(9));
    await client.call("DEL", `${key}:d${at}`);
  }
  for (let at = 0; at < 40; at++) await client.call("APPEND", `${key}:a`, canaries.appended);
  await client.call("MULTI");
  await client.call("SET", `${key}:t`, canaries.transaction);
  await client.call("EXEC");
  for (const odd of [
    [canaries.unknown, value],
    ["SET", key],
    ["INCR", `${key}:0`],
  ])
    expect(await client.send(...odd)).toBeInstanceOf(ServerError);
  await client.call("SLOWLOG", "GET");
}

/** Everything readable, and every mode that is wrong. */
function problemsOf(server: Server): string[] {
  const { findings, files } = scanDirectory(disk, server.dataDir, patterns);
  expect(files).toBeGreaterThan(2);
  const names = Object.keys(canaries);
  const told = findings.map((one) => `${names[one.text - 1]} as ${one.form} in ${one.path}`);
  const output = join(server.folder, "output");
  writeFileSync(output, server.process?.output ?? "", "latin1");
  const printed = scanFile(disk, output, patterns);
  told.push(...printed.map(({ pattern }) => `${names[pattern.text - 1]} in the output`));
  for (const entry of readdirSync(server.dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const mode = lstatSync(path).mode & 0o777;
    if (mode !== (entry.isDirectory() ? 0o700 : 0o600))
      told.push(`${relative(server.dataDir, path)} has mode ${mode.toString(8)}`);
  }
  if ((lstatSync(server.dataDir).mode & 0o777) !== 0o700) told.push("mode of the data directory");
  return told;
}

const small = ["--segment-bytes", "1mb", "--log-file-bytes", "512kb", "--cache-bytes", "4mb"];

test("privacy: no canary in any file or output; files 0600, folders 0700", async () => {
  const server = await new Server({ flags: small, password: canaries.password }).start();
  const client = await server.client();
  await writeAll(client);
  await client.call("SAVE");
  for (const purpose of ["storage", "log"]) {
    const rotated = await server.run("rotate-dek", purpose);
    expect(rotated.status, rotated.output).toBe(0);
    await writeAll(client);
    await client.call("SAVE");
  }
  await pause(300);
  expect(problemsOf(server)).toEqual([]);
  await server.kill();
  expect(problemsOf(server)).toEqual([]);
  await server.start();
  const again = await server.client();
  expect(await again.call("GET", `${canaries.key}:0`)).toBe(`${canaries.value} `);
  again.close();
  const stopped = await server.stop();
  expect(stopped.status).toBe(0);
  expect(problemsOf(server)).toEqual([]);
  const verified = await server.run("verify", "--scan", ...Object.values(canaries));
  expect(verified.output).toMatch(/found 0/);
  expect(verified.output).toMatch(/damage: 0/);
  expect(verified.status, verified.output).toBe(0);
});

test("privacy: the search itself finds what is written in clear", async () => {
  const server = await new Server({ flags: ["--encryption", "off"] }).start();
  const client = await server.client();
  await client.call("SET", canaries.key, canaries.value);
  await client.call("SAVE");
  client.close();
  await server.stop();
  const verified = await server.run("verify", "--scan", canaries.key, canaries.value);
  expect(verified.output).toMatch(/FOUND text 1 \(raw\)/);
  expect(verified.output).toMatch(/FOUND text 2 \(raw\)/);
  expect(verified.output).not.toContain(canaries.value);
  expect(verified.status).toBe(1);
});

test("privacy: after rotation and compaction no segment under the old key remains", async () => {
  const server = await new Server({ flags: small }).start();
  const client = await server.client();
  const fill = async (text: string) => {
    for (let at = 0; at < 3000; at += 50)
      await Promise.all(
        client.sendAll(
          Array.from({ length: 50 }, (_, n) => ["SET", `k${at + n}`, `${text}${n}`.repeat(100)]),
        ),
      );
    await client.call("SAVE");
  };
  await fill("old");
  const { active } = (await server.status()) as unknown as { active: { storage: number } };
  expect((await server.run("rotate-dek", "storage")).status).toBe(0);
  await fill("new");
  await fill("newer");
  const old = async () => (await server.status()).keys.find((key) => key.id === active.storage);
  await expect
    .poll(async () => (await old())?.bytes ?? 0, { timeout: 30_000, interval: 500 })
    .toBe(0);
  expect((await old())?.records ?? 0).toBe(0);
  expect(await client.call("GET", "k7")).toBe("newer7".repeat(100));
  client.close();
  expect((await server.stop()).status).toBe(0);
});
