// Goal: a key in a PKCS #11 token wraps and opens as every KEK must; a token that is away is waited
// for, a PIN that was refused is not tried again.
// Method: a real token of SoftHSM, and a driver that puts the codes of failing ones in between.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { loadPkcs11, type Pkcs11Answer, type Pkcs11Driver } from "../../platform/pkcs11.ts";
import { type KekDeps, systemDeps } from "../deps.ts";
import { openKek } from "../open.ts";
import type { KekProvider } from "../provider.ts";
import { type Fault, quickLimits, type RemoteHarness, remoteKekSuite } from "../remote-suite.ts";
import { kekSuite } from "../suite.ts";
import { parsePkcs11Uri } from "./uri.ts";

const module = "/usr/lib/softhsm/libsofthsm2.so";
const folder = mkdtempSync(join(tmpdir(), "strongroom-pkcs11-"));
const pin = "73501964";
const keks: KekProvider[] = [];
afterEach(() => {
  for (const kek of keks.splice(0)) kek.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

// The library reads it when it is first used, in this process and in the tools.
process.env.SOFTHSM2_CONF = join(folder, "softhsm2.conf");

function initToken(label: string): void {
  const so = ["--so-pin", "12345678", "--pin", pin];
  execFileSync("softhsm2-util", ["--init-token", "--free", "--label", label, ...so], {
    stdio: "ignore",
  });
}

function tool(token: string, ...args: string[]): void {
  const login = ["--module", module, "--token-label", token, "--login", "--pin", pin];
  execFileSync("pkcs11-tool", [...login, ...args], { stdio: "ignore" });
}

function makeKey(token: string, label: string, id: string, type = "AES:32"): void {
  tool(token, "--keygen", "--key-type", type, "--label", label, "--id", id);
}

function prepare(): void {
  mkdirSync(join(folder, "tokens"), { mode: 0o700 });
  writeFileSync(
    process.env.SOFTHSM2_CONF as string,
    `directories.tokendir = ${join(folder, "tokens")}\nobjectstore.backend = file\n`,
  );
  initToken("strongroom");
  makeKey("strongroom", "kek 1", "01");
  makeKey("strongroom", "kek 2", "02");
  makeKey("strongroom", "short", "03", "AES:16");
  makeKey("strongroom", "twice", "04");
  makeKey("strongroom", "twice", "05");
  writeFileSync(join(folder, "pin"), `${pin}\n`, { mode: 0o600 });
}
prepare();

const query = `module-path=${module}&pin-source=file:${join(folder, "pin")}`;
const specOf = (key: string, token = "strongroom") => `pkcs11:token=${token};${key}?${query}`;
const kekSpec = (which: 1 | 2) => specOf(`object=kek%20${which}`);

async function open(spec: string, deps: Partial<KekDeps> = {}): Promise<KekProvider> {
  const given = { ...systemDeps(), environment: {}, limits: quickLimits, ...deps };
  const kek = await openKek(spec, given);
  keks.push(kek);
  return kek;
}

const coded = (code: string) => expect.objectContaining({ code });
const dek = () => Buffer.from(Array.from({ length: 32 }, (_, i) => 255 - i));
const binding = Buffer.from("00112233445566778899aabbccddeeff0100000003", "hex");

// Without the addon there is no token to speak to: that is a refusal of its own, tested below.
const driver = loadPkcs11();
const limits = { ...quickLimits, attemptMsMax: 4000, callMsMax: 8000 };
if (driver !== null) {
  test("kek pkcs11: a token that comes later is found, though the library looked", async () => {
    const late = await open(specOf("object=kek", "late"), { limits });
    await expect(late.wrap(dek(), binding)).rejects.toThrow(/token/);
    initToken("late");
    makeKey("late", "kek", "01");
    const wrapped = await late.wrap(dek(), binding);
    expect((await late.unwrap(wrapped, binding)).equals(dek())).toBe(true);
  });

  kekSuite("pkcs11", (which) => open(kekSpec(which), { limits }), 7);

  remoteKekSuite("pkcs11", async (): Promise<RemoteHarness> => {
    const answer = (step: Pkcs11Answer["step"], code: number): Pkcs11Answer => ({
      ...{ step, code, output: Buffer.alloc(0) },
    });
    const faults: Partial<Record<Fault, Pkcs11Answer>> = {
      down: answer("token-absent", 0),
      broken: answer("session", 0x30),
      denied: answer("login", 0xa4),
      missing: answer("key-absent", 0),
    };
    let fault: { kind: Fault; left: number } | null = null;
    let calls = 0;
    const failing: Pkcs11Driver = (request) => {
      calls++;
      const met = fault !== null && fault.left-- > 0 ? fault.kind : null;
      if (met === "hang") return new Promise(() => {});
      const failed = met === null ? undefined : faults[met];
      return failed === undefined ? driver(request) : Promise.resolve(failed);
    };
    return {
      faults: ["down", "broken", "missing"],
      open: (which, given) => open(kekSpec(which), { limits: given, pkcs11: () => failing }),
      fail: async (kind, count) => {
        fault = { kind, left: count };
      },
      calm: async () => {
        fault = null;
      },
      calls: () => calls,
      secrets: [pin],
    };
  });
}

test("pkcs11: golden wrap layout, and the id names token and key alone", async () => {
  const kek = await open(kekSpec(1), { limits });
  expect(kek.id).toBe("pkcs11:token=strongroom;object=kek%201");
  if (driver === null) return;
  const wrapped = await kek.wrap(dek(), binding);
  expect([wrapped.length, wrapped[0]]).toEqual([61, 1]);
});

test("pkcs11: without the addon it is refused, and told what to install", async () => {
  const kek = await open(kekSpec(1), { pkcs11: () => null });
  const refused = kek.wrap(dek(), binding);
  await expect(refused).rejects.toThrow(coded("KEK_DRIVER_MISSING"));
  await expect(refused).rejects.toThrow(/gcc/);
});

test("pkcs11: what is not there, not one, or of another kind has its own code", async () => {
  if (driver === null) return;
  const wrap = async (spec: string): Promise<Buffer> =>
    (await open(spec, { limits })).wrap(dek(), binding);
  const cases: readonly (readonly [string, string])[] = [
    [specOf("object=none"), "KEK_NOT_FOUND"],
    [specOf("object=twice"), "KEK_NOT_FOUND"],
    [specOf("object=kek%201", "other"), "KEK_NOT_FOUND"],
    [specOf("object=short"), "KEK_UNSUITABLE"],
    [kekSpec(1).replace(module, "/nowhere/lib.so"), "KEK_DRIVER_MISSING"],
    [kekSpec(1).replace(module, "/bin/sh"), "KEK_DRIVER_MISSING"],
    [kekSpec(1).replace("/pin", "/nopin"), "KEK_CREDENTIALS"],
  ];
  for (const [spec, code] of cases) await expect(wrap(spec), spec).rejects.toThrow(coded(code));
  await wrap(specOf("object=twice;id=%04"));
  await wrap(specOf("id=%05"));
});

test("pkcs11: a PIN that was refused is not tried again until it is another one", async () => {
  if (driver === null) return;
  const path = join(folder, "wrong-pin");
  writeFileSync(path, "0000", { mode: 0o600 });
  let calls = 0;
  const counting: Pkcs11Driver = (request) => {
    calls++;
    return driver(request);
  };
  const spec = kekSpec(1).replace("/pin", "/wrong-pin");
  const kek = await open(spec, { limits, pkcs11: () => counting });
  for (let tries = 0; tries < 5; tries++)
    await expect(kek.wrap(dek(), binding)).rejects.toThrow(coded("KEK_DENIED"));
  expect(calls).toBe(1);
  writeFileSync(path, pin);
  await kek.wrap(dek(), binding);
});

test("pkcs11: the PIN comes from a private file or a variable that is gone once read", async () => {
  if (driver === null) return;
  const environment = { STRONGROOM_PKCS11_PIN: pin, OTHER: "stays" };
  const spec = `pkcs11:token=strongroom;id=%01?module-path=${module}`;
  const kek = await open(spec, { limits, environment });
  expect(environment).toEqual({ OTHER: "stays" });
  await kek.wrap(dek(), binding);
  chmodSync(join(folder, "pin"), 0o644);
  const shared = await open(kekSpec(1), { limits });
  await expect(shared.wrap(dek(), binding)).rejects.toThrow(coded("KEK_CREDENTIALS"));
  chmodSync(join(folder, "pin"), 0o600);
});

test("pkcs11: many calls at once do not get into each other's session", async () => {
  if (driver === null) return;
  const [one, two] = [await open(kekSpec(1), { limits }), await open(kekSpec(2), { limits })];
  const asked = Array.from({ length: 3 }, async (_, at) => {
    const kek = at % 2 === 0 ? one : two;
    return kek.unwrap(await kek.wrap(dek(), binding), binding);
  });
  for (const opened of await Promise.all(asked)) expect(opened.equals(dek())).toBe(true);
});

test("pkcs11: sessions that the library lost do not matter: each call opens its own", async () => {
  if (driver === null) return;
  const codes = [0xb0, 0xb3, 0x101, 0x32, 0x190];
  const losing: Pkcs11Driver = (request) => {
    const code = codes.shift();
    if (code === undefined) return driver(request);
    return Promise.resolve({ step: "session", code, output: Buffer.alloc(0) });
  };
  const patient = { ...limits, attemptsMax: 8 };
  const kek = await open(kekSpec(1), { limits: patient, pkcs11: () => losing });
  const wrapped = await kek.wrap(dek(), binding);
  expect(codes).toEqual([]);
  expect((await kek.unwrap(wrapped, binding)).equals(dek())).toBe(true);
});

test("pkcs11: a failing device during a decryption is not taken for a wrong wrap", async () => {
  if (driver === null) return;
  const kek = await open(kekSpec(1), { limits });
  const wrapped = await kek.wrap(dek(), binding);
  const broken: Pkcs11Driver = async ({ operation }) =>
    ({ step: "crypt", code: operation === "decrypt" ? 5 : 0x30, output: Buffer.alloc(0) }) as const;
  const failing = await open(kekSpec(1), { limits, pkcs11: () => broken });
  await expect(failing.unwrap(wrapped, binding)).rejects.toThrow(coded("KEK_UNAVAILABLE"));
});

test("pkcs11: a library that hangs piles up a bounded number of calls", async () => {
  let calls = 0;
  const hanging: Pkcs11Driver = () => {
    calls++;
    return new Promise(() => {});
  };
  const short = { ...quickLimits, attemptMsMax: 20, callMsMax: 100, restMs: 1 };
  const kek = await open(kekSpec(1), { limits: short, pkcs11: () => hanging });
  const refused = () => expect(kek.wrap(dek(), binding)).rejects.toThrow(coded("KEK_UNAVAILABLE"));
  // How many attempts fit into a call depends on the machine.
  for (let tries = 0; tries < 100 && calls < 4; tries++) await refused();
  for (let tries = 0; tries < 3; tries++) await refused();
  expect(calls).toBe(4);
});

test("pkcs11 uri: RFC 7512, without a PIN in it, and nothing of it repeated", () => {
  const name = parsePkcs11Uri(
    "object=a%2Fb;id=%01%ff;token=My%20Token;slot-id=7;type=secret-key?module-path=/l.so",
  );
  expect(name.id).toBe("pkcs11:token=My%20Token;object=a%2Fb;id=%01%FF");
  expect(name.place).toMatchObject({ module: "/l.so", token: "My Token", slot: "7", label: "a/b" });
  expect(Buffer.from(name.place.id as Uint8Array).toString("hex")).toBe("01ff");
  for (const rest of [
    "",
    "token=hunter2?module-path=/l.so",
    "object=a?module-path=hunter2",
    "object=a",
    "object=a?module-path=/l.so&pin-value=hunter2",
    "object=a?module-path=/l.so&pin-source=|hunter2",
    "object=a;object=hunter2?module-path=/l.so",
    "object=hunter2%zz?module-path=/l.so",
    "object=a;type=private?module-path=/l.so",
    "object=a;slot-id=hunter2?module-path=/l.so",
    "library-description=hunter2;object=a?module-path=/l.so",
    `object=${"hunter2".repeat(40)}?module-path=/l.so`,
  ]) {
    expect(() => parsePkcs11Uri(rest), rest).toThrow(coded("KEK_SPEC_INVALID"));
    expect(() => parsePkcs11Uri(rest), rest).not.toThrow(/hunter2/);
  }
});
