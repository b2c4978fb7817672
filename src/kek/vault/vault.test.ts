// Goal: a Transit key wraps and opens as every KEK must, whatever the service says or leaves out,
// and its token goes nowhere else.
// Method: a local server that follows the documented HTTP API, with faults to order.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { systemDeps } from "../deps.ts";
import type { Environment } from "../env.ts";
import { probeKek } from "../health.ts";
import { openKek } from "../open.ts";
import type { KekProvider } from "../provider.ts";
import { quickLimits, type RemoteHarness, remoteKekSuite } from "../remote-suite.ts";
import { kekSuite } from "../suite.ts";
import type { Tls } from "../testing/server.ts";
import { parseVaultSpec } from "./spec.ts";
import { TransitServer } from "./testing/server.ts";
import { refusal } from "./testing/transit.ts";

const folder = mkdtempSync(join(tmpdir(), "strongroom-vault-"));
const servers: TransitServer[] = [];
const keks: KekProvider[] = [];
afterEach(() => {
  for (const kek of keks.splice(0)) kek.close();
});
afterAll(async () => {
  for (const server of servers) await server.close();
  rmSync(folder, { recursive: true });
});

async function serve(tls: Tls | null = null): Promise<TransitServer> {
  const server = await new TransitServer(tls).listen();
  servers.push(server);
  const transit = server.mount("|transit");
  for (const name of ["kek1", "kek2"]) transit.handle("POST", "keys", name, "", {});
  return server;
}

/** Quick pauses, and time enough for an answer on a busy machine. */
const patientLimits = { ...quickLimits, attemptMsMax: 5000, callMsMax: 15_000 };

async function open(
  spec: string,
  environment: Environment,
  limits = patientLimits,
): Promise<KekProvider> {
  const kek = await openKek(spec, { ...systemDeps(), environment, limits });
  keks.push(kek);
  return kek;
}

const coded = (code: string) => expect.objectContaining({ code });
const dek = () => Buffer.from(Array.from({ length: 32 }, (_, i) => i * 3));
const binding = Buffer.from("00112233445566778899aabbccddeeff0300000007", "hex");
const byRoot = (server: TransitServer): Environment => ({ VAULT_TOKEN: server.rootToken });
const specOf = (server: TransitServer, key = "kek1", query = "") =>
  `vault:${server.origin}/transit/${key}${query}`;

function secretFile(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  rmSync(path, { force: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const shared = await serve();
shared.mount("|transit").handle("POST", "keys", "derived1", "", { derived: true });
shared.mount("|transit").handle("POST", "keys", "derived2", "", { derived: true });
kekSuite("vault", (which) => open(specOf(shared, `kek${which}`), byRoot(shared)), 3);
kekSuite("vault, derived", (which) => open(specOf(shared, `derived${which}`), byRoot(shared)), 7);

remoteKekSuite("vault", async (): Promise<RemoteHarness> => {
  const server = await serve();
  return {
    faults: ["down", "hang", "broken", "throttled", "denied", "missing", "disabled", "garbage"],
    open: (which, limits) => open(specOf(server, `kek${which}`), byRoot(server), limits),
    fail: (fault, count) => server.fail(fault, count),
    calm: () => server.calm(),
    calls: () => server.requests.length,
    secrets: [server.rootToken],
  };
});

test("vault: golden wrap layout, and the id says where the key is", async () => {
  const kek = await open(specOf(shared), byRoot(shared));
  const wrapped = await kek.wrap(dek(), binding);
  expect(wrapped.subarray(0, 5).toString("hex")).toBe("0100000001");
  expect(wrapped.length).toBe(5 + 12 + 32 + 16);
  expect(kek.id).toBe(`transit:127.0.0.1:${shared.port}/transit/kek1`);
});

test("vault: every status that may pass is retryable, every other one is for good", async () => {
  const server = await serve();
  for (const status of [412, 429, 472, 473, 500, 502, 503]) {
    const kek = await open(specOf(server), byRoot(server), { ...patientLimits, attemptsMax: 1 });
    await server.fail(refusal(status), 1);
    await expect(kek.wrap(dek(), binding)).rejects.toThrow(coded("KEK_UNAVAILABLE"));
  }
  for (const [status, code] of [
    [400, "KEK_REFUSED"],
    [403, "KEK_DENIED"],
    [404, "KEK_NOT_FOUND"],
  ] as const) {
    const kek = await open(specOf(server), byRoot(server));
    await server.fail(refusal(status));
    await expect(kek.wrap(dek(), binding)).rejects.toThrow(coded(code));
    await server.calm();
  }
});

test("vault: a key that is not there is refused, and not made by asking", async () => {
  const server = await serve();
  const kek = await open(specOf(server, "absent"), byRoot(server));
  await expect(kek.wrap(dek(), binding)).rejects.toThrow(coded("KEK_NOT_FOUND"));
  const there = server.mount("|transit").handle("GET", "keys", "absent", "", {});
  expect(there.status).toBe(404);
  const nowhere = await open(`vault:${server.origin}/other/kek1`, byRoot(server));
  await expect(nowhere.wrap(dek(), binding)).rejects.toThrow(coded("KEK_NOT_FOUND"));
});

test("vault: a key that cannot carry the binding wraps nothing", async () => {
  const server = await serve();
  const transit = server.mount("|transit");
  for (const type of ["rsa-2048", "aes128-gcm96", "ed25519"]) {
    transit.handle("POST", "keys", type, "", { type });
    const kek = await open(specOf(server, type), byRoot(server));
    await expect(kek.wrap(dek(), binding), type).rejects.toThrow(coded("KEK_UNSUITABLE"));
  }
});

test("vault: a service too old for associated data is found by the probe", async () => {
  const server = await serve();
  server.mount("|transit").ignoresAssociatedData = true;
  const kek = await open(specOf(server), byRoot(server));
  const { clock, random } = systemDeps();
  const health = await probeKek(kek, { clock, random });
  expect(health).toMatchObject({ healthy: false, provider: "vault" });
  expect(health.reason).toMatch(/KEK_UNSUITABLE/);
});

test("vault versions: old wraps open after a rotation, a pinned one wraps", async () => {
  const server = await serve();
  const transit = server.mount("|transit");
  const kek = await open(specOf(server), byRoot(server));
  const first = await kek.wrap(dek(), binding);
  transit.handle("POST", "keys", "kek1", "rotate", {});
  const second = await kek.wrap(dek(), binding);
  expect([first.readUInt32BE(1), second.readUInt32BE(1)]).toEqual([1, 2]);
  expect((await kek.unwrap(first, binding)).equals(dek())).toBe(true);
  const pinned = await open(specOf(server, "kek1", "?version=1"), byRoot(server));
  expect(pinned.id).toBe(kek.id);
  expect((await pinned.wrap(dek(), binding)).readUInt32BE(1)).toBe(1);
  const beyond = await open(specOf(server, "kek1", "?version=9"), byRoot(server));
  await expect(beyond.wrap(dek(), binding)).rejects.toThrow(coded("KEK_DISABLED"));
  transit.handle("POST", "keys", "kek1", "config", { min_decryption_version: 2 });
  await expect(kek.unwrap(first, binding)).rejects.toThrow(coded("KEK_DISABLED"));
  expect((await kek.unwrap(second, binding)).equals(dek())).toBe(true);
});

test("vault: namespaces are told apart, from the spec and from the environment", async () => {
  const server = await serve();
  server.mount("team/a|transit").handle("POST", "keys", "kek1", "", {});
  const named = await open(specOf(server, "kek1", "?namespace=team/a"), byRoot(server));
  const wrapped = await named.wrap(dek(), binding);
  expect(server.requests.at(-1)?.namespace).toBe("team/a");
  expect(named.id).toContain("/team/a/transit/kek1");
  const environment = { ...byRoot(server), VAULT_NAMESPACE: "team/a" };
  const inherited = await open(specOf(server), environment);
  expect((await inherited.unwrap(wrapped, binding)).equals(dek())).toBe(true);
  const other = await open(specOf(server), byRoot(server));
  await expect(other.unwrap(wrapped, binding)).rejects.toThrow(coded("KEK_WRONG"));
});

test("vault: the least policy of the documents is enough, and less is denied", async () => {
  const server = await serve();
  const use = ["encrypt", "decrypt"].map(
    (verb) => `path "transit/${verb}/kek1" { capabilities = ["update"] }`,
  );
  const look = `path "transit/keys/kek1" { capabilities = ["read"] }`;
  server.policy("strongroom", [...use, look].join("\n"));
  server.policy("opens", use.join("\n"));
  const good = await open(specOf(server), { VAULT_TOKEN: server.token("strongroom") });
  const wrapped = await good.wrap(dek(), binding);
  const opens = await open(specOf(server), { VAULT_TOKEN: server.token("opens") });
  expect((await opens.unwrap(wrapped, binding)).equals(dek())).toBe(true);
  await expect(opens.wrap(dek(), binding)).rejects.toThrow(coded("KEK_DENIED"));
});

test("vault token: from the variable, which is gone once read, also for two KEKs", async () => {
  const server = await serve();
  const environment: Environment = { ...byRoot(server), BAO_TOKEN: "", OTHER: "stays" };
  const kek = await open(specOf(server), environment);
  const bao = await open(`openbao:${server.origin}/transit/kek2`, environment);
  expect(environment).toEqual({ OTHER: "stays" });
  await kek.wrap(dek(), binding);
  await bao.wrap(dek(), binding);
  expect([kek.provider, bao.provider]).toEqual(["vault", "openbao"]);
  const without = await open(specOf(server), {});
  await expect(without.wrap(dek(), binding)).rejects.toThrow(coded("KEK_CREDENTIALS"));
});

test("vault token: a file is read anew once its token is refused", async () => {
  const server = await serve();
  server.policy("all", `path "transit/*" { capabilities = ["read", "update"] }`);
  const [old, fresh] = [server.token("all"), server.token("all")];
  const path = secretFile("token", `${old}\n`);
  const kek = await open(specOf(server, "kek1", `?token-file=${path}`), {});
  await kek.wrap(dek(), binding);
  server.revoke(old);
  await expect(kek.wrap(dek(), binding)).rejects.toThrow(coded("KEK_DENIED"));
  secretFile("token", fresh);
  await kek.wrap(dek(), binding);
});

test("vault token: a file that others can read, or that is not there, is not used", async () => {
  const path = secretFile("open", shared.rootToken, 0o644);
  const group = secretFile("group", shared.rootToken, 0o640);
  const of = (file: string) => open(specOf(shared), { VAULT_TOKEN_FILE: file });
  await expect((await of(path)).wrap(dek(), binding)).rejects.toThrow(coded("KEK_CREDENTIALS"));
  await expect((await of(`${path}x`)).wrap(dek(), binding)).rejects.toThrow(
    coded("KEK_CREDENTIALS"),
  );
  await (await of(group)).wrap(dek(), binding);
});

test("vault login: AppRole, again when its token ends or is refused", async () => {
  const server = await serve();
  server.logins.set("role-1", "secret-1");
  const query = "?auth=approle&role=role-1";
  const environment = { VAULT_SECRET_ID: "secret-1" };
  const kek = await open(specOf(server, "kek1", query), environment);
  const logins = () => server.requests.filter(({ path }) => path.endsWith("/login")).length;
  const wrapped = await kek.wrap(dek(), binding);
  await kek.unwrap(wrapped, binding);
  expect(logins()).toBe(1);
  await server.fail("denied", 1);
  await kek.unwrap(wrapped, binding);
  expect(logins()).toBe(2);
  const wrong = await open(specOf(server, "kek1", query), { VAULT_SECRET_ID: "secret-2" });
  const denied = await wrong.wrap(dek(), binding).catch((error: Error) => error);
  expect(denied).toEqual(coded("KEK_DENIED"));
  expect(String((denied as Error).stack)).not.toContain("secret-2");
});

test("vault login: a lease that is nearly over is not used", async () => {
  const server = await serve();
  server.lease = 1;
  server.logins.set("r", "s");
  let now = 0;
  const clock = { ...systemDeps().clock, monotonicMs: () => now };
  const environment = { VAULT_SECRET_ID: "s" };
  const deps = { ...systemDeps(), environment, limits: patientLimits, clock };
  const kek = await openKek(specOf(server, "kek1", "?auth=approle&role=r"), deps);
  keks.push(kek);
  const wrapped = await kek.wrap(dek(), binding);
  now = 900;
  await kek.unwrap(wrapped, binding);
  expect(server.requests.filter(({ path }) => path.endsWith("/login"))).toHaveLength(2);
});

test("vault login: the token that Kubernetes gives, at a mount of another name", async () => {
  const server = await serve();
  server.logins.set("strongroom", "jwt-1");
  const path = secretFile("jwt", "jwt-1", 0o644);
  const query = `?auth=kubernetes&auth-mount=k8s/east&role=strongroom&jwt-file=${path}`;
  const kek = await open(specOf(server, "kek1", query), {});
  await kek.wrap(dek(), binding);
  expect(server.requests[0]?.path).toBe("auth/k8s/east/login");
});

test("vault: a standby's redirect is followed, one that leaves TLS is not", async () => {
  const [active, standby] = [await serve(), await serve()];
  standby.redirect = active.origin;
  const kek = await open(specOf(standby), byRoot(active));
  await expect(kek.wrap(dek(), binding)).rejects.toThrow(coded("KEK_UNTRUSTED"));
  expect(active.requests).toEqual([]);
});

test("vault over TLS: only the named authority is trusted, also after a redirect", async () => {
  const [keyFile, ca] = [join(folder, "tls.key"), join(folder, "tls.pem")];
  const subject = ["-subj", "/CN=vault", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"].concat(
      ["-days", "2", "-keyout", keyFile, "-out", ca],
      subject,
    ),
    { stdio: "ignore" },
  );
  const tls = { cert: readFileSync(ca, "utf8"), key: readFileSync(keyFile, "utf8") };
  const [server, standby] = [await serve(tls), await serve(tls)];
  const untrusting = await open(specOf(server), byRoot(server));
  await expect(untrusting.wrap(dek(), binding)).rejects.toThrow(coded("KEK_UNTRUSTED"));
  expect(server.requests).toEqual([]);
  const kek = await open(specOf(server, "kek1", `?ca=${ca}`), byRoot(server));
  const wrapped = await kek.wrap(dek(), binding);
  standby.redirect = server.origin;
  const environment = { ...byRoot(server), VAULT_CACERT: ca };
  const redirected = await open(specOf(standby), environment);
  expect((await redirected.unwrap(wrapped, binding)).equals(dek())).toBe(true);
});

test("vault: the id can stay when the address changes", async () => {
  const kek = await open(specOf(shared), byRoot(shared));
  const moved = `vault:http://localhost:${shared.port}/transit/kek1?id=${kek.id}`;
  expect((await open(moved, byRoot(shared))).id).toBe(kek.id);
});

test("vault spec: what is wrong is said, and nothing of it is repeated", () => {
  const good = parseVaultSpec("vault", "https://v.example:8200/a/b/k?version=3&namespace=n/");
  expect(good).toMatchObject({ mount: "a/b", key: "k", version: 3, namespace: "n" });
  expect(good.id).toBe("transit:v.example:8200/n/a/b/k");
  for (const text of [
    "",
    "https://v.example/k",
    "http://v.example/transit/k",
    "https://me:hunter2@v.example/transit/k",
    "https://v.example/transit/k?token=hunter2",
    "https://v.example/transit/k?auth=hunter2",
    "https://v.example/transit/k#hunter2",
    "https://v.example/transit/hunter2%2f..",
    "https://v.example/transit/k?ca=hunter2",
    "https://v.example/transit/k?version=0",
    "https://v.example/transit/k?id=hunter2",
    "https://v.example/transit/k?role=a&role=b",
  ]) {
    const parse = (): unknown => parseVaultSpec("vault", text);
    expect(parse, text).toThrow(coded("KEK_SPEC_INVALID"));
    expect(parse, text).not.toThrow(/hunter2/);
  }
});
