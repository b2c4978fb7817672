// Goal: a node lives on a KEK of each cloud: it starts, is killed and starts again, takes a second
// KEK while it serves, and outlives the first one for good, with no wrap of it left in a file.
// Method: whole nodes. AWS is played by moto, or by our own server where moto is not installed;
// Google and Azure by servers that follow their documented wire formats.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type AdminClient, connectAdmin, findNode } from "../src/admin/client.ts";
import { AwsKmsServer } from "../src/kek/aws/testing/server.ts";
import { AzureKeyServer, makeTls, principal } from "../src/kek/azure/testing/server.ts";
import { GcpKmsServer, serviceAccount } from "../src/kek/gcp/testing/server.ts";
import { NodeDisk } from "../src/platform/disk.ts";
import { startMoto } from "./support/moto.ts";
import { Server, temporaryFolder, writeKek } from "./support/server.ts";
import { expectKeys, put } from "./support/values.ts";

interface Peer {
  /** As `--kek` takes it. */
  readonly spec: string;
  readonly environment: Record<string, string>;
  close(): Promise<void>;
}

const peers: Peer[] = [];
afterAll(async () => {
  for (const peer of peers) await peer.close();
});

const clouds: Record<string, (folder: string) => Promise<Peer>> = {
  aws: async () => {
    const environment = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
    const moto = await startMoto();
    if (moto !== null) {
      const spec = `aws:${await moto.createKey()}?endpoint=${moto.endpoint}`;
      return { spec, environment, close: () => moto.close() };
    }
    const server = await new AwsKmsServer().listen();
    const spec = `aws:${server.createKey().arn}?endpoint=${server.origin}`;
    return { spec, environment, close: () => server.close() };
  },
  gcp: async (folder) => {
    const server = await new GcpKmsServer().listen();
    const account = join(folder, "account.json");
    writeFileSync(account, serviceAccount(), { mode: 0o600 });
    const spec = `gcp:${server.createKey().name}?endpoint=${server.origin}`;
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: account };
    return { spec, environment, close: () => server.close() };
  },
  azure: async (folder) => {
    mkdirSync(join(folder, "tls"));
    const server = await new AzureKeyServer(makeTls(join(folder, "tls"))).listen();
    const environment = {
      AZURE_AUTHORITY_HOST: server.origin,
      AZURE_TENANT_ID: principal.tenant,
      AZURE_CLIENT_ID: principal.client,
      AZURE_CLIENT_SECRET: principal.secret,
    };
    return { spec: server.specOf(server.createKey()), environment, close: () => server.close() };
  },
};

const disk = new NodeDisk();
const adminOf = (server: Server): AdminClient => connectAdmin(findNode(disk, server.dataDir));

test.each(Object.entries(clouds))("%s: the whole life of a KEK in a cloud", async (name, open) => {
  const folder = temporaryFolder();
  const peer = await open(folder);
  peers.push(peer);
  const server = new Server({ environment: peer.environment });
  server.spec = peer.spec;
  await server.start();
  await put(server, "first");
  await server.kill();
  await server.start();
  await expectKeys(server, "first");
  const { keyring } = await adminOf(server).status();
  const cloudId = keyring.keks[0]?.id as string;
  expect(cloudId.startsWith(`${name}:`)).toBe(true);
  const glass = join(folder, "glass.kek");
  writeKek(glass);
  const { kekId } = await adminOf(server).addKek(`file:${glass}`);
  await put(server, "second");
  await adminOf(server).rotate("storage");
  await server.kill();
  await peer.close();
  server.flags = ["--kek", `file:${glass}`];
  await server.start();
  await expectKeys(server, "first", "second");
  await adminOf(server).removeKek(cloudId);
  await put(server, "third");
  await server.stop();
  server.spec = `file:${glass}`;
  server.flags = [];
  await server.start();
  await expectKeys(server, "first", "second", "third");
  const after = (await adminOf(server).status()).keyring;
  expect(after.keks).toMatchObject([{ id: kekId, healthy: true }]);
  for (const { kekIds } of after.keys) expect(kekIds).toEqual([kekId]);
  expect((await server.stop()).status).toBe(0);
});
