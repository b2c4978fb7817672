// Goal: a KEK in a service is asked at start and at key changes and never else; its outage changes
// nothing for a node that runs, is waited for by one that starts, and costs nothing where another
// KEK opens the data.
// Method: whole nodes against a server that follows Transit's HTTP API, and a token of SoftHSM.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { patternsOf, scanDirectory } from "../src/cli/scan.ts";
import { TransitServer } from "../src/kek/vault/testing/server.ts";
import { NodeDisk } from "../src/platform/disk.ts";
import { loadPkcs11 } from "../src/platform/pkcs11.ts";
import { pause, Server, temporaryFolder } from "./support/server.ts";
import { expectKeys, put } from "./support/values.ts";

const vaults: TransitServer[] = [];
afterAll(async () => {
  for (const vault of vaults) await vault.close();
});

async function startVault(): Promise<TransitServer> {
  const vault = await new TransitServer().listen();
  vault.mount("|transit").handle("POST", "keys", "strongroom", "", {});
  vaults.push(vault);
  return vault;
}

/** A node whose first KEK is the vault's key; with a key file as the second if `glass`. */
function nodeOf(vault: TransitServer, glass: boolean): Server {
  const server = new Server({ environment: { VAULT_TOKEN: vault.rootToken } });
  if (glass) server.flags = ["--kek", server.spec];
  server.spec = `vault:${vault.origin}/transit/strongroom`;
  return server;
}

/** Waits until the node has printed it. */
async function printed(server: Server, text: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!server.process?.output.includes(text)) {
    if (!server.process?.alive) throw new Error(`ended: ${server.process?.output}`);
    if (Date.now() > deadline) throw new Error(`never printed ${text}: ${server.process.output}`);
    await pause(20);
  }
}

async function answering(server: Server): Promise<void> {
  await printed(server, "is ready");
}

test("break-glass: with the vault gone the node starts on its other KEK and serves", async () => {
  const vault = await startVault();
  const server = await nodeOf(vault, true).start();
  await put(server, "before");
  await server.kill();
  await vault.close();
  await server.start();
  await expectKeys(server, "before");
  await put(server, "during");
  await printed(server, "kek-unhealthy");
  await expect(server.rotate("storage")).rejects.toThrow(/KEK_UNAVAILABLE/);
  await expectKeys(server, "before", "during");
  await server.kill();
  await vault.listen();
  await server.start();
  await expectKeys(server, "before", "during");
  await server.rotate("storage");
  expect((await server.stop()).status).toBe(0);
});

test("break-glass: a vault that refuses for good costs nothing where the file opens", async () => {
  const vault = await startVault();
  const server = await nodeOf(vault, true).start();
  await put(server, "before");
  await server.kill();
  vault.revoke(vault.rootToken);
  await server.start();
  await expectKeys(server, "before");
  await printed(server, "KEK_DENIED");
  expect((await server.stop()).status).toBe(0);
});

test("an outage while running changes nothing, and no command asks the vault", async () => {
  const vault = await startVault();
  const server = await nodeOf(vault, false).start();
  await pause(500);
  const before = vault.requests.length;
  for (let at = 0; at < 50; at++) await put(server, `k${at}`);
  expect(vault.requests.length).toBe(before);
  await vault.fail("hang");
  await put(server, "hanging");
  await vault.calm();
  await vault.close();
  await put(server, "gone");
  await expectKeys(server, "k0", "k49", "hanging", "gone");
  expect((await server.stop()).status).toBe(0);
});

test("a start waits for a vault out of reach, with an alarm, and goes on by itself", async () => {
  const vault = await startVault();
  const server = await nodeOf(vault, false).start();
  await put(server, "before");
  await server.kill();
  await vault.close();
  await server.spawn();
  await printed(server, "kek-unavailable");
  await pause(1500);
  expect(server.process?.alive).toBe(true);
  await vault.listen();
  await answering(server);
  await expectKeys(server, "before");
  await server.kill();
  // Sealed in the middle of the start: one key has been opened by then.
  await vault.fail("broken", 6, 1);
  await server.spawn();
  await printed(server, "sealed");
  await answering(server);
  await expectKeys(server, "before");
  expect((await server.stop()).status).toBe(0);
});

test("a first start waits too, and makes one set of keys", async () => {
  const vault = await startVault();
  await vault.fail("broken", 9, 3);
  const server = nodeOf(vault, false);
  await server.spawn();
  await printed(server, "kek-unavailable");
  await answering(server);
  await put(server, "first");
  await server.kill();
  await server.start();
  await expectKeys(server, "first");
  expect((await server.stop()).status).toBe(0);
});

test("a start that waits can be stopped, and was killed for nothing", async () => {
  const vault = await startVault();
  const server = await nodeOf(vault, false).start();
  await put(server, "before");
  await server.kill();
  await vault.close();
  await server.spawn();
  await printed(server, "kek-unavailable");
  const ended = await server.stop();
  expect(ended.status, ended.output).toBe(0);
  await server.spawn();
  await printed(server, "kek-unavailable");
  await server.kill();
  await vault.listen();
  await server.start();
  await expectKeys(server, "before");
  expect((await server.stop()).status).toBe(0);
});

test("what a vault refuses for good refuses the start, by its own code", async () => {
  const vault = await startVault();
  const server = await nodeOf(vault, false).start();
  await put(server, "before");
  await server.kill();
  for (const [fault, code] of [
    ["denied", "KEK_DENIED"],
    ["missing", "KEK_NOT_FOUND"],
    ["disabled", "KEK_DISABLED"],
    ["garbage", "KEK_REFUSED"],
  ] as const) {
    await vault.fail(fault);
    const { status, output } = await server.refused();
    expect(status, output).toBe(1);
    expect(output).toContain(`[${code}]`);
    await vault.calm();
  }
  await server.start();
  await expectKeys(server, "before");
  expect((await server.stop()).status).toBe(0);
});

test("the token is nowhere: not in a file, not in what is printed", async () => {
  const vault = await startVault();
  const server = await nodeOf(vault, true).start();
  await put(server, "before");
  const { output } = await server.stop();
  expect(output).not.toContain(vault.rootToken);
  const found = scanDirectory(new NodeDisk(), server.dataDir, patternsOf([vault.rootToken]));
  expect(found.findings).toEqual([]);
  const seen = await server.run("verify");
  expect(seen.status, seen.output).toBe(0);
});

test("pkcs11: a node lives on a key in a token, through kill and restart", async () => {
  if (loadPkcs11() === null) return;
  const folder = temporaryFolder();
  const environment = tokenIn(folder);
  const server = new Server({ environment });
  const module = "module-path=/usr/lib/softhsm/libsofthsm2.so";
  const pin = `pin-source=file:${join(folder, "pin")}`;
  server.spec = `pkcs11:token=strongroom;object=kek?${module}&${pin}`;
  const tokens = join(folder, "tokens");
  const kept = join(folder, "kept");
  cpSync(tokens, kept, { recursive: true });
  await server.start();
  await put(server, "before");
  await server.kill();
  // A token outlives who used it. SoftHSM's may not: a login empties a file of it to write it.
  rmSync(tokens, { recursive: true });
  cpSync(kept, tokens, { recursive: true });
  await server.start();
  await expectKeys(server, "before");
  await server.stop();
  writeFileSync(join(folder, "pin"), "0000");
  const { status, output } = await server.refused();
  expect(status, output).toBe(1);
  expect(output).toContain("[KEK_DENIED]");
});

function tokenIn(folder: string): Record<string, string> {
  mkdirSync(join(folder, "tokens"), { mode: 0o700 });
  const configuration = join(folder, "softhsm2.conf");
  writeFileSync(configuration, `directories.tokendir = ${join(folder, "tokens")}\n`);
  writeFileSync(join(folder, "pin"), "73501964", { mode: 0o600 });
  const environment = { SOFTHSM2_CONF: configuration };
  const options = { env: { ...process.env, ...environment }, stdio: "ignore" } as const;
  const pins = ["--so-pin", "12345678", "--pin", "73501964"];
  const make = ["--init-token", "--free", "--label", "strongroom", ...pins];
  execFileSync("softhsm2-util", make, options);
  const login = ["--module", "/usr/lib/softhsm/libsofthsm2.so", "--login", "--pin", "73501964"];
  const key = ["--keygen", "--key-type", "AES:32", "--label", "kek"];
  execFileSync("pkcs11-tool", [...login, "--token-label", "strongroom", ...key], options);
  return environment;
}
