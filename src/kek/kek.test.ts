// Goal: both local providers wrap alike, and a key that is missing, open to others, of another size
// or named wrongly is refused by the code that says which.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadPrimitives } from "../platform/primitives.ts";
import { systemDeps } from "./deps.ts";
import { LocalKek } from "./local.ts";
import { type KekDeps, openKek } from "./open.ts";
import { kekSuite } from "./suite.ts";

const directory = mkdtempSync(join(tmpdir(), "strongroom-kek-"));
afterAll(() => rmSync(directory, { recursive: true }));

const keys = { 1: Buffer.alloc(32, 0xa1), 2: Buffer.alloc(32, 0xb2) };
const coded = (code: string) => expect.objectContaining({ code });

function deps(environment: KekDeps["environment"] = {}): KekDeps {
  return { ...systemDeps(), environment };
}

function keyFile(name: string, bytes: Uint8Array | string, mode = 0o600): string {
  const path = join(directory, name);
  rmSync(path, { force: true });
  writeFileSync(path, bytes);
  chmodSync(path, mode);
  return path;
}

kekSuite("file", (which) => openKek(`file:${keyFile(`key${which}`, keys[which])}`, deps()));
kekSuite("env, hex", (which) => openKek("env:K", deps({ K: keys[which].toString("hex") })));
kekSuite("env, base64", (which) => openKek("env:K", deps({ K: keys[which].toString("base64") })));

test("kek: golden wrap and id", async () => {
  const counting = (start: number) => Buffer.from(Array.from({ length: 32 }, (_, i) => start + i));
  const random = { bytes: (length: number) => counting(0).subarray(0, length) };
  const kek = new LocalKek(counting(64), loadPrimitives("node"), random);
  const binding = Buffer.from(`${"00".repeat(16)}0100000007`, "hex");
  const [nonce, ciphertext, tag] = [
    "000102030405060708090a0b",
    "3a046e7b738942a7ca1b8ac9b4e0c2b493d53f1a7859bb44f639f28d5dac7741",
    "73499c11949756f1f9236aa5ea4aac46",
  ];
  const wrapped = await kek.wrap(counting(0), binding);
  expect(wrapped.toString("hex")).toBe(`${nonce}${ciphertext}${tag}`);
  expect(kek.id).toMatch(/^local:916ec76f[0-9a-f]{8}$/);
});

test("kek: one key has one id, whether it comes from a file or the environment", async () => {
  const file = await openKek(`file:${keyFile("same", keys[1])}`, deps());
  const env = await openKek("env:K", deps({ K: keys[1].toString("hex") }));
  expect(file.id).toBe(env.id);
});

test("kek file: modes 0600 and 0400 serve, every other one is refused", async () => {
  for (let mode = 0; mode <= 0o777; mode++) {
    const opened = openKek(`file:${keyFile("mode", keys[1], mode)}`, deps());
    if (mode === 0o600 || mode === 0o400) (await opened).close();
    else await expect(opened, mode.toString(8)).rejects.toThrow(coded("KEK_PERMISSIONS"));
  }
  const sticky = openKek(`file:${keyFile("mode", keys[1], 0o4600)}`, deps());
  await expect(sticky).rejects.toThrow(coded("KEK_PERMISSIONS"));
});

test("kek file: any size but 32 bytes is refused", async () => {
  for (const bytes of [0, 1, 16, 31, 33, 64, 5000])
    await expect(
      openKek(`file:${keyFile("size", Buffer.alloc(bytes, 1))}`, deps()),
    ).rejects.toThrow(coded("KEK_SIZE"));
});

test("kek file: a missing file is missing, a directory and a pipe are no key files", async () => {
  const missing = coded("KEK_MISSING");
  await expect(openKek(`file:${join(directory, "none")}`, deps())).rejects.toThrow(missing);
  const under = join(keyFile("key1", keys[1]), "none");
  await expect(openKek(`file:${under}`, deps())).rejects.toThrow(missing);
  const [folder, pipe] = [join(directory, "folder"), join(directory, "pipe")];
  mkdirSync(folder, { mode: 0o700 });
  execFileSync("mkfifo", ["-m", "600", pipe]);
  for (const path of [folder, pipe])
    await expect(openKek(`file:${path}`, deps())).rejects.toThrow(coded("KEK_PERMISSIONS"));
});

test("kek file: a link is followed, and what it leads to is judged", async () => {
  const link = join(directory, "link");
  symlinkSync(keyFile("target", keys[1], 0o644), link);
  await expect(openKek(`file:${link}`, deps())).rejects.toThrow(coded("KEK_PERMISSIONS"));
  chmodSync(join(directory, "target"), 0o600);
  (await openKek(`file:${link}`, deps())).close();
});

test("kek env: the variable is gone once read, good or bad", async () => {
  for (const text of [keys[1].toString("hex"), keys[1].toString("base64url"), "short", ""]) {
    const environment: KekDeps["environment"] = { K: text, OTHER: "stays" };
    await openKek("env:K", deps(environment)).catch(() => {});
    expect(environment).toEqual({ OTHER: "stays" });
  }
});

test("kek env: unset is missing, anything but 32 bytes in hex or base64 is refused", async () => {
  await expect(openKek("env:K", deps())).rejects.toThrow(coded("KEK_MISSING"));
  await expect(openKek("env:K", deps({ K: "" }))).rejects.toThrow(coded("KEK_MISSING"));
  const hex = keys[1].toString("hex");
  for (const text of [hex.slice(2), `${hex}00`, `${hex.slice(2)}zz`, ` ${hex}`, "A".repeat(42)])
    await expect(openKek("env:K", deps({ K: text })), text).rejects.toThrow(coded("KEK_SIZE"));
});

test("kek: a name that is not understood is refused and not repeated", async () => {
  for (const spec of ["", "file:", "env:", "env:A-B", "env:9", "secret-key", "aws:arn", "file"]) {
    const error: Error = await openKek(spec, deps()).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error, spec).toEqual(coded("KEK_SPEC_INVALID"));
    if (/key|aws|A-B/.test(spec)) expect(error.message).not.toContain(spec);
  }
});

test("kek: no error holds the key", async () => {
  const text = keys[1].toString("hex").slice(1);
  const error = await openKek("env:K", deps({ K: text })).catch((reason: Error) => reason);
  expect(String((error as Error).stack)).not.toContain(text.slice(0, 16));
});
