// Goal: keys in Azure Key Vault and in a Managed HSM wrap and open as every KEK must, no other key,
// place or forged signature opens a wrap, and rotation in the service locks nothing out.
// Method: the Azure SDK over TLS against a local server of the documented REST API, with faults to
// order; the layout against bytes written down here.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { systemDeps } from "../deps.ts";
import type { Environment } from "../env.ts";
import { openKek } from "../open.ts";
import type { KekProvider } from "../provider.ts";
import { quickLimits, type RemoteHarness, remoteKekSuite } from "../remote-suite.ts";
import { kekSuite } from "../suite.ts";
import { judgeAzure } from "./judge.ts";
import { decodeWrap, encodeWrap, signedDigest } from "./layout.ts";
import { parseAzureSpec } from "./spec.ts";
import { AzureKeyServer, makeTls, principal } from "./testing/server.ts";

// Loading the SDK takes longer than the limits of these tests.
await import("@azure/keyvault-keys");
await import("@azure/identity");

const servers: AzureKeyServer[] = [];
const keks: KekProvider[] = [];
const folder = mkdtempSync(join(tmpdir(), "strongroom-azure-"));
const tls = makeTls(folder);
afterEach(() => {
  for (const kek of keks.splice(0)) kek.close();
});
afterAll(async () => {
  for (const server of servers) await server.close();
  rmSync(folder, { recursive: true });
});

const coded = (code: string) => expect.objectContaining({ code });
const dek = () => Buffer.from(Array.from({ length: 32 }, (_, i) => i * 5));
const binding = Buffer.from("00112233445566778899aabbccddeeff0200000008", "hex");

async function serve(kind: "vault" | "managedhsm" = "vault"): Promise<AzureKeyServer> {
  const server = await new AzureKeyServer(tls, kind).listen();
  servers.push(server);
  return server;
}

const credentials = (server: AzureKeyServer): Environment => ({
  AZURE_AUTHORITY_HOST: server.origin,
  AZURE_TENANT_ID: principal.tenant,
  AZURE_CLIENT_ID: principal.client,
  AZURE_CLIENT_SECRET: principal.secret,
});

async function open(
  spec: string,
  environment: Environment,
  limits = quickLimits,
): Promise<KekProvider> {
  const kek = await openKek(spec, { ...systemDeps(), environment, limits });
  keks.push(kek);
  return kek;
}

const openOn = (server: AzureKeyServer, key = server.createKey()) =>
  open(server.specOf(key), credentials(server));

const vault = await serve();
const vaultKeys = [vault.createKey(), vault.createKey()] as const;
kekSuite("azure key vault, RSA", (which) => openOn(vault, vaultKeys[which - 1]), 97);

const hsm = await serve("managedhsm");
const hsmKeys = [hsm.createKey("oct-HSM"), hsm.createKey("oct-HSM")] as const;
kekSuite("azure managed HSM, AES", (which) => openOn(hsm, hsmKeys[which - 1]), 13);

for (const [name, kty] of [
  ["azure key vault, RSA", "RSA"],
  ["azure managed HSM, AES", "oct-HSM"],
] as const)
  remoteKekSuite(name, async (): Promise<RemoteHarness> => {
    const server = await serve(kty === "RSA" ? "vault" : "managedhsm");
    const keys = [server.createKey(kty), server.createKey(kty)] as const;
    return {
      faults: ["down", "hang", "broken", "throttled", "denied", "missing", "disabled", "garbage"],
      open: (which, limits) => open(server.specOf(keys[which - 1]!), credentials(server), limits),
      fail: (fault, count) => server.fail(fault, count),
      calm: () => server.calm(),
      calls: () => server.requests.length,
      secrets: [principal.secret, server.token],
    };
  });

test("azure: a key of another type, too short, or not permitted enough wraps nothing", async () => {
  const server = await serve();
  const short = server.createKey("RSA", 1024);
  const curve = server.createKey("EC");
  for (const key of [short, curve])
    await expect((await openOn(server, key)).wrap(dek(), binding)).rejects.toThrow(
      coded("KEK_UNSUITABLE"),
    );
  const key = server.createKey();
  for (const missing of ["wrapKey", "unwrapKey", "sign", "verify"]) {
    key.operations = ["wrapKey", "unwrapKey", "sign", "verify"].filter((one) => one !== missing);
    const kek = await openOn(server, key);
    await expect(kek.wrap(dek(), binding), missing).rejects.toThrow(coded("KEK_UNSUITABLE"));
  }
  expect(new Set(server.requests)).toEqual(new Set(["get"]));
});

test("azure: rotation locks no wrap out, and new wraps are of the new version", async () => {
  for (const [server, kty] of [
    [await serve(), "RSA"],
    [await serve("managedhsm"), "oct-HSM"],
  ] as const) {
    const key = server.createKey(kty);
    const kek = await openOn(server, key);
    const older = await kek.wrap(dek(), binding);
    server.rotate(key);
    const newer = await kek.wrap(dek(), binding);
    const versions = [older, newer].map((wrapped) => wrapped.toString("hex", 1, 17));
    expect(versions).toEqual(key.versions.map(({ version }) => version));
    for (const wrapped of [older, newer])
      expect((await kek.unwrap(wrapped, binding)).equals(dek())).toBe(true);
    key.versions[0]!.enabled = false;
    await expect(kek.unwrap(older, binding)).rejects.toThrow(coded("KEK_DISABLED"));
    expect((await kek.unwrap(newer, binding)).equals(dek())).toBe(true);
  }
});

test("azure: an expired key opens but wraps no more; one that is off does neither", async () => {
  const server = await serve();
  const key = server.createKey();
  const kek = await openOn(server, key);
  const wrapped = await kek.wrap(dek(), binding);
  key.versions[0]!.expired = true;
  await expect(kek.wrap(dek(), binding)).rejects.toThrow(coded("KEK_DISABLED"));
  expect((await kek.unwrap(wrapped, binding)).equals(dek())).toBe(true);
  key.versions[0]!.enabled = false;
  await expect(kek.wrap(dek(), binding)).rejects.toThrow(coded("KEK_DISABLED"));
  await expect(kek.unwrap(wrapped, binding)).rejects.toThrow(coded("KEK_DISABLED"));
});

test("azure: a forged wrap is never unwrapped, only its signature is looked at", async () => {
  const server = await serve();
  const kek = await openOn(server);
  const [one, other] = [await kek.wrap(dek(), binding), await kek.wrap(dek(), binding)];
  const mixed = Buffer.concat([one.subarray(0, 17 + 256), other.subarray(17 + 256)]);
  server.requests = [];
  await expect(kek.unwrap(mixed, binding)).rejects.toThrow(coded("KEK_WRONG"));
  expect(server.requests).toEqual(["verify"]);
});

test("azure: tokens go to the named vault under the named authority alone", async () => {
  const server = await serve();
  const key = server.createKey();
  server.resource = "https://vault.example.org";
  const strayed = await openOn(server, key);
  await expect(strayed.wrap(dek(), binding)).rejects.toThrow(coded("KEK_REFUSED"));
  server.resource = "https://vault.azure.net";
  const bare = server.specOf(key).replace(/&ca=.*/, "");
  const untrusting = await open(bare, credentials(server));
  await expect(untrusting.wrap(dek(), binding)).rejects.toThrow(coded("KEK_UNTRUSTED"));
  expect(server.requests).toEqual([]);
});

test("azure: the secret leaves the environment; a wrong one and none are told apart", async () => {
  const environment = credentials(vault);
  const spec = vault.specOf(vaultKeys[0]);
  await (await open(spec, environment)).wrap(dek(), binding);
  expect(environment.AZURE_CLIENT_SECRET).toBeUndefined();
  const wrong = await open(spec, { ...credentials(vault), AZURE_CLIENT_SECRET: "other" });
  await expect(wrong.wrap(dek(), binding)).rejects.toThrow(coded("KEK_DENIED"));
  const none = { name: "CredentialUnavailableError", message: "tried …" };
  expect(judgeAzure(none, "wrap").error).toMatchObject({ code: "KEK_CREDENTIALS" });
  const away = { ...none, message: "endpoints_resolution_error: network" };
  expect(judgeAzure(away, "wrap").error).toMatchObject({ code: "KEK_UNAVAILABLE" });
});

test("azure layout: golden bytes of both forms, and of what is signed", () => {
  const version = "000102030405060708090a0b0c0d0e0f";
  const fill = (length: number, byte: number) => Buffer.alloc(length, byte);
  const aes = { kind: "aes", version, iv: fill(12, 1), ciphertext: fill(32, 2), tag: fill(16, 3) };
  const aesHex = `01${version}${"01".repeat(12)}${"02".repeat(32)}${"03".repeat(16)}`;
  expect(encodeWrap(aes as never).toString("hex")).toBe(aesHex);
  expect(decodeWrap(Buffer.from(aesHex, "hex"))).toEqual(aes);
  const rsa = { kind: "rsa", version, ciphertext: fill(256, 4), signature: fill(256, 5) };
  const rsaHex = `02${version}${"04".repeat(256)}${"05".repeat(256)}`;
  expect(encodeWrap(rsa as never).toString("hex")).toBe(rsaHex);
  expect(decodeWrap(Buffer.from(rsaHex, "hex"))).toEqual(rsa);
  const signed = Buffer.concat([
    Buffer.from("strongroom azure rsa wrap 1\0"),
    Buffer.from(`02${version}15${binding.toString("hex")}`, "hex"),
    fill(256, 4),
  ]);
  const digest = createHash("sha256").update(signed).digest();
  expect(digest.equals(signedDigest(version, binding, fill(256, 4)))).toBe(true);
  for (const bad of ["", "01", `03${aesHex.slice(2)}`, `${aesHex}00`, `${rsaHex}00`])
    expect(() => decodeWrap(Buffer.from(bad, "hex")), bad).toThrow(coded("KEK_WRONG"));
  const odd = [
    { ...aes, version: "latest" },
    { ...aes, iv: fill(16, 1) },
  ];
  for (const bad of [...odd, { ...rsa, signature: fill(255, 5) }])
    expect(() => encodeWrap(bad as never)).toThrow(coded("KEK_REFUSED"));
});

test("azure: the id is vault and key, wherever they are reached", async () => {
  const kek = await openOn(hsm, hsmKeys[0]);
  expect(kek.id).toBe(`azure:strongroom.managedhsm.azure.net/keys/${hsmKeys[0].name}`);
});

test("azure spec: what is wrong is said, and nothing of it is repeated", () => {
  const good = "https://ours.vault.azure.net/keys/kek";
  expect(parseAzureSpec(`${good}?ca=/a/b.pem&endpoint=https://10.0.0.4:8443`)).toEqual({
    vaultUrl: "https://ours.vault.azure.net",
    key: "kek",
    endpoint: "https://10.0.0.4:8443",
    caFile: "/a/b.pem",
    id: "azure:ours.vault.azure.net/keys/kek",
  });
  for (const bad of [
    "",
    "hunter2",
    good.replace("https", "http"),
    "https://hunter2:x@ours.vault.azure.net/keys/kek",
    "https://ours.vault.azure.net:8443/keys/hunter2",
    "https://127.0.0.1/keys/hunter2",
    "https://localhost/keys/hunter2",
    `${good}/0123456789abcdef0123456789abcdef`,
    "https://ours.vault.azure.net/secrets/hunter2",
    "https://ours.vault.azure.net/keys/hunter2%2f..",
    `${good}#hunter2`,
    `${good}?secret=hunter2`,
    `${good}?ca=hunter2`,
    `${good}?ca=/a&ca=/b`,
    `${good}?endpoint=http://127.0.0.1:1`,
    `${good}?endpoint=https://ours.example/hunter2`,
    `${good}?endpoint=hunter2`,
  ]) {
    const parse = (): unknown => parseAzureSpec(bad);
    expect(parse, bad).toThrow(coded("KEK_SPEC_INVALID"));
    expect(parse, bad).not.toThrow(/hunter2/);
  }
});
