// Goal: a key in Google Cloud KMS wraps and opens as every KEK must, no other key or place opens a
// wrap, damage on the way is found, and rotation in the service locks nothing out.
// Method: Google's client against a local server of the documented REST API, with faults to order.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { systemDeps } from "../deps.ts";
import { openKek } from "../open.ts";
import type { KekProvider } from "../provider.ts";
import { quickLimits, type RemoteHarness, remoteKekSuite } from "../remote-suite.ts";
import { kekSuite } from "../suite.ts";
import { crc32c } from "./crc32c.ts";
import { judgeGcp } from "./judge.ts";
import { parseGcpSpec } from "./spec.ts";
import { GcpKmsServer, serviceAccount } from "./testing/server.ts";

// Loading the SDK takes longer than the limits of these tests.
await import("@google-cloud/kms");

const servers: GcpKmsServer[] = [];
const keks: KekProvider[] = [];
const folder = mkdtempSync(join(tmpdir(), "strongroom-gcp-"));
const credentialsFile = join(folder, "account.json");
writeFileSync(credentialsFile, serviceAccount(), { mode: 0o600 });
afterEach(() => {
  for (const kek of keks.splice(0)) kek.close();
});
afterAll(async () => {
  for (const server of servers) await server.close();
  rmSync(folder, { recursive: true });
});

// Google's libraries look into the process's own environment.
process.env.GOOGLE_APPLICATION_CREDENTIALS = credentialsFile;
const coded = (code: string) => expect.objectContaining({ code });
const dek = () => Buffer.from(Array.from({ length: 32 }, (_, i) => i * 5));
const binding = Buffer.from("00112233445566778899aabbccddeeff0200000008", "hex");

async function serve(): Promise<GcpKmsServer> {
  const server = await new GcpKmsServer().listen();
  servers.push(server);
  return server;
}

async function open(spec: string, limits = quickLimits): Promise<KekProvider> {
  const kek = await openKek(spec, { ...systemDeps(), limits });
  keks.push(kek);
  return kek;
}

const specOf = (server: GcpKmsServer, name: string) => `gcp:${name}?endpoint=${server.origin}`;

const shared = await serve();
const sharedKeys = [shared.createKey(), shared.createKey()] as const;
kekSuite("gcp", (which) => open(specOf(shared, sharedKeys[which - 1]!.name)), 7);

remoteKekSuite("gcp", async (): Promise<RemoteHarness> => {
  const server = await serve();
  const keys = [server.createKey(), server.createKey()] as const;
  return {
    faults: ["down", "hang", "broken", "throttled", "denied", "missing", "disabled", "garbage"],
    open: (which, limits) => open(specOf(server, keys[which - 1]!.name), limits),
    fail: (fault, count) => server.fail(fault, count),
    calm: () => server.calm(),
    calls: () => server.requests.length,
    secrets: ["Bearer ", JSON.parse(serviceAccount()).private_key.slice(60, 100)],
  };
});

test("gcp: a key that is no symmetric encryption key wraps nothing", async () => {
  const server = await serve();
  const kek = await open(specOf(server, server.createKey("ASYMMETRIC_SIGN").name));
  await expect(kek.wrap(dek(), binding)).rejects.toThrow(coded("KEK_UNSUITABLE"));
  expect(server.requests).toEqual(["get"]);
});

test("gcp: rotation locks no wrap out, a version that is switched off does", async () => {
  const server = await serve();
  const key = server.createKey();
  const kek = await open(specOf(server, key.name));
  const older = await kek.wrap(dek(), binding);
  server.rotate(key);
  const newer = await kek.wrap(dek(), binding);
  for (const wrapped of [older, newer])
    expect((await kek.unwrap(wrapped, binding)).equals(dek())).toBe(true);
  key.versions[0]!.state = "DISABLED";
  await expect(kek.unwrap(older, binding)).rejects.toThrow(coded("KEK_DISABLED"));
  expect((await kek.unwrap(newer, binding)).equals(dek())).toBe(true);
  key.versions[0]!.state = "ENABLED";
  expect((await kek.unwrap(older, binding)).equals(dek())).toBe(true);
  key.versions[1]!.state = "DESTROYED";
  const fresh = await open(specOf(server, key.name));
  await expect(fresh.wrap(dek(), binding)).rejects.toThrow(coded("KEK_DISABLED"));
});

test("gcp layout: a wrap is the ciphertext of the service, byte for byte", async () => {
  const server = await serve();
  const kek = await open(specOf(server, server.createKey().name));
  let told = "";
  server.spoil = (body) => {
    told = String(body.ciphertext ?? told);
  };
  expect((await kek.wrap(dek(), binding)).toString("base64")).toBe(told);
});

test("gcp: an answer that is damaged or of another key is discarded", async () => {
  const server = await serve();
  const kek = await open(specOf(server, server.createKey().name));
  const wrapped = await kek.wrap(dek(), binding);
  const spoilt: readonly [string, Record<string, unknown>, string][] = [
    ["wrap", { ciphertextCrc32c: "1" }, "KEK_UNAVAILABLE"],
    ["wrap", { ciphertextCrc32c: undefined }, "KEK_UNAVAILABLE"],
    ["wrap", { verifiedPlaintextCrc32c: false }, "KEK_UNAVAILABLE"],
    ["wrap", { verifiedAdditionalAuthenticatedDataCrc32c: undefined }, "KEK_UNAVAILABLE"],
    ["wrap", { name: "projects/p/locations/l/keyRings/r/cryptoKeys/k" }, "KEK_REFUSED"],
    ["wrap", { ciphertext: undefined }, "KEK_REFUSED"],
    ["unwrap", { plaintextCrc32c: "1" }, "KEK_UNAVAILABLE"],
    ["unwrap", { plaintextCrc32c: undefined }, "KEK_UNAVAILABLE"],
    ["unwrap", { plaintext: Buffer.alloc(32, 1).toString("base64") }, "KEK_UNAVAILABLE"],
  ];
  for (const [operation, change, code] of spoilt) {
    server.spoil = (body) => Object.assign(body, change);
    const at = await open(specOf(server, parseGcpSpec(kek.id.slice(4)).name));
    const work = operation === "wrap" ? at.wrap(dek(), binding) : at.unwrap(wrapped, binding);
    await expect(work, JSON.stringify(change)).rejects.toThrow(coded(code));
  }
  server.spoil = null;
  expect((await kek.unwrap(wrapped, binding)).equals(dek())).toBe(true);
});

test("gcp: without credentials it is said so, and a refused token is no wrong wrap", async () => {
  process.env.GOOGLE_APPLICATION_CREDENTIALS = join(folder, "none.json");
  const kek = await open(specOf(shared, sharedKeys[0].name));
  await expect(kek.unwrap(Buffer.alloc(60), binding)).rejects.toThrow(coded("KEK_CREDENTIALS"));
  process.env.GOOGLE_APPLICATION_CREDENTIALS = credentialsFile;
  await kek.wrap(dek(), binding);
  const refused = { code: 3, httpStatusCode: 400, cause: { response: {} }, message: "grant" };
  expect(judgeGcp(refused, "unwrap").error).toMatchObject({ code: "KEK_DENIED" });
  const wrong = { code: 3, httpStatusCode: 400, message: "Decryption failed" };
  expect(judgeGcp(wrong, "unwrap").error).toMatchObject({ code: "KEK_WRONG" });
  expect(judgeGcp(wrong, "wrap").error).toMatchObject({ code: "KEK_REFUSED" });
  const damaged = { ...wrong, message: "The checksum in field ciphertext_crc32c differs" };
  expect(judgeGcp(damaged, "unwrap").error).toMatchObject({ code: "KEK_UNAVAILABLE" });
});

test("gcp: the id is the key's resource name, wherever it is reached", async () => {
  const kek = await open(specOf(shared, sharedKeys[0].name));
  expect(kek.id).toBe(`gcp:${sharedKeys[0].name}`);
});

test("crc32c: the vectors of RFC 3720", () => {
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e);
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
});

test("gcp spec: only names of keys, only addresses that keep tokens safe", () => {
  const { name } = sharedKeys[0];
  expect(parseGcpSpec(`${name}?endpoint=https://kms.example.org:8443`)).toMatchObject({
    name,
    endpoint: { protocol: "https", hostname: "kms.example.org", port: 8443 },
    id: `gcp:${name}`,
  });
  expect(parseGcpSpec(`${name}?endpoint=https://kms.example.org`).endpoint?.port).toBe(443);
  for (const bad of [
    "",
    `${name}/cryptoKeyVersions/1`,
    name.replace("/keyRings", "/rings"),
    `${name}/`,
    name.replace("kek-1", "k".repeat(64)),
    name.replace("example", "exa mple"),
    `${name}?region=x`,
    `${name}?endpoint=http://kms.example.org`,
    `${name}?endpoint=https://user:word@kms.example.org`,
    `${name}?endpoint=https://kms.example.org/path`,
    `${name}?endpoint=kms`,
    `${name}?endpoint=https://a.example&endpoint=https://b.example`,
    `${name}?a?b`,
  ])
    expect(() => parseGcpSpec(bad), bad).toThrow(coded("KEK_SPEC_INVALID"));
});
