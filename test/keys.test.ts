// Goal: without the right key nothing starts and nothing is touched; one process holds a directory.
import { createHash } from "node:crypto";
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { errorTable } from "../src/base/errors.ts";
import { patternsOf, scanDirectory } from "../src/cli/scan.ts";
import { NodeDisk } from "../src/platform/disk.ts";
import { type Ended, Server, writeKek } from "./support/server.ts";

/** Names, modes and contents of a directory. */
function fingerprint(directory: string): string {
  const hash = createHash("sha256");
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true }).sort(
    (a, b) => (join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1),
  )) {
    const path = join(entry.parentPath, entry.name);
    hash.update(`${relative(directory, path)}\0${statSync(path).mode}\0`);
    if (entry.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest("hex");
}

/** The code of a refusal, which must be complete: `[CODE] what; kept; todo`, status not 0. */
function codeOf({ status, output }: Ended): string {
  expect(status, output).not.toBe(0);
  expect(status, output).not.toBe(null);
  const match = /\[([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)\] [^;\n]+; [^;\n]+; [^\n]+/.exec(output);
  expect(match, output).not.toBe(null);
  expect(Object.keys(errorTable)).toContain(match![1]);
  return match![1]!;
}

describe("keys: a directory with data", () => {
  let server: Server;
  let key: Buffer;

  beforeAll(async () => {
    server = await new Server().start();
    key = readFileSync(server.kek);
    const client = await server.client();
    for (let at = 0; at < 200; at++) await client.call("SET", `k${at}`, `v${at}`);
    client.close();
    expect((await server.stop()).status).toBe(0);
  });

  async function expectData(started: Server): Promise<void> {
    await started.start();
    const client = await started.client();
    for (let at = 0; at < 200; at += 20) expect(await client.call("GET", `k${at}`)).toBe(`v${at}`);
    client.close();
    expect((await started.stop()).status).toBe(0);
  }

  const flipped = () => Buffer.from(key.map((byte, at) => (at === 0 ? byte ^ 1 : byte)));
  const cases: [string, string, () => void][] = [
    ["a missing key file", "KEK_MISSING", () => rmSync(server.kek)],
    ["another key", "KEK_WRONG", () => writeKek(server.kek)],
    ["a key with one bit flipped", "KEK_WRONG", () => writeKek(server.kek, flipped())],
    ["a key file that the group reads", "KEK_PERMISSIONS", () => chmodSync(server.kek, 0o640)],
    ["a key file that all read", "KEK_PERMISSIONS", () => chmodSync(server.kek, 0o644)],
    ["an empty key file", "KEK_SIZE", () => writeKek(server.kek, Buffer.alloc(0))],
    ["31 bytes", "KEK_SIZE", () => writeKek(server.kek, key.subarray(1))],
    ["33 bytes", "KEK_SIZE", () => writeKek(server.kek, Buffer.concat([key, Buffer.alloc(1)]))],
  ];

  test("each bad key file is refused, the data untouched; then the right one works", async () => {
    for (const [what, code, spoil] of cases) {
      const before = fingerprint(server.dataDir);
      spoil();
      expect(codeOf(await server.refused()), what).toBe(code);
      expect(fingerprint(server.dataDir), what).toBe(before);
      rmSync(server.kek, { force: true });
      writeKek(server.kek, key);
    }
    await expectData(server);
  });

  test("no KEK at all, and encryption off over sealed data, are refused", async () => {
    const before = fingerprint(server.dataDir);
    const none = await server.run("serve", "--port", "0", "--unixsocket", join(server.folder, "s"));
    expect(codeOf(none)).toBe("KEK_NOT_CONFIGURED");
    server.flags = ["--encryption", "off"];
    codeOf(await server.refused());
    server.flags = [];
    expect(fingerprint(server.dataDir)).toBe(before);
    await expectData(server);
  });

  test("a second process is refused, the first keeps serving; a kill leaves no lock", async () => {
    await server.start();
    const second = new Server({ dataDir: server.dataDir, kek: server.kek });
    codeOf(await second.refused());
    const client = await server.client();
    expect(await client.call("SET", "after", "1")).toBe("OK");
    const verified = await server.run("verify", "--kek", `file:${server.kek}`);
    expect([verified.status, verified.output]).toEqual([0, expect.stringContaining("damage: 0")]);
    client.close();
    await server.kill();
    const stale = await server.run("status");
    expect(codeOf(stale)).toBe("ADMIN_NOT_RUNNING");
    await expectData(server);
  });

  test("a copy starts elsewhere under the same key; the key itself is in no file", async () => {
    const copy = new Server({ kek: server.kek });
    cpSync(server.dataDir, copy.dataDir, { recursive: true });
    await expectData(copy);
    const halves = [key.subarray(0, 16), key.subarray(16)].flatMap((half) =>
      [half, Buffer.from(half).reverse(), Buffer.from(half.toString("hex"))].map((bytes) => ({
        text: 1,
        form: "key",
        bytes,
      })),
    );
    expect(scanDirectory(new NodeDisk(), server.dataDir, halves).findings).toEqual([]);
    expect(patternsOf([key.toString("hex")])).not.toEqual([]);
  });
});

test("keys: a readable key file is refused over a new directory, which is not made", async () => {
  const server = new Server();
  chmodSync(server.kek, 0o644);
  expect(codeOf(await server.refused())).toBe("KEK_PERMISSIONS");
  expect(readdirSync(server.folder)).toEqual(["kek"]);
});

test("keys: env: opens what file: sealed under the same bytes", async () => {
  const options = { environment: {} as Record<string, string> };
  const server = new Server(options);
  await server.start();
  const client = await server.client();
  await client.call("SET", "k", "v");
  client.close();
  await server.stop();
  server.spec = "env:ROOM_KEY";
  expect(codeOf(await server.refused())).toMatch(/^KEK_/);
  options.environment = { ROOM_KEY: readFileSync(server.kek).toString("base64") };
  await server.start();
  const again = await server.client();
  expect(await again.call("GET", "k")).toBe("v");
  again.close();
  expect((await server.stop()).status).toBe(0);
});

test("keys: any of several KEKs opens the data", async () => {
  const server = new Server();
  const other = join(server.folder, "other");
  writeKek(other);
  server.flags = ["--kek", `file:${other}`];
  await server.start();
  const client = await server.client();
  await client.call("SET", "k", "v");
  client.close();
  await server.stop();
  server.flags = [];
  server.spec = `file:${other}`;
  await server.start();
  const again = await server.client();
  expect(await again.call("GET", "k")).toBe("v");
  again.close();
  expect((await server.stop()).status).toBe(0);
});
