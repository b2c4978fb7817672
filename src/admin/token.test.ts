// Goal: the token is drawn once, is the owner's alone, and is not believed where it is not.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NodeDisk } from "../platform/disk.ts";
import { systemRandom } from "../platform/random.ts";
import { keepToken, tokenJudge } from "./token.ts";

const disk = new NodeDisk();
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "token-"));
  path = join(directory, "admin.token");
});

afterEach(() => rmSync(directory, { recursive: true }));

const keep = () => keepToken(disk, systemRandom, path);

test("token: 32 random bytes in hex, mode 0600, kept over restarts", () => {
  const token = keep();
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(keep()).toBe(token);
  rmSync(path);
  expect(keep()).not.toBe(token);
});

test("token: one that others can read, or replace, is refused and left as it is", () => {
  const token = keep();
  for (const mode of [0o640, 0o604, 0o660, 0o602, 0o644]) {
    chmodSync(path, mode);
    expect(keep).toThrow(/ADMIN_TOKEN_UNSAFE/);
    expect(statSync(path).mode & 0o777).toBe(mode);
  }
  chmodSync(path, 0o600);
  expect(keep()).toBe(token);
});

test("token: what is no file, or holds no token, is not taken for one", () => {
  mkdirSync(path);
  expect(keep).toThrow(/ADMIN_TOKEN_UNSAFE/);
  rmSync(path, { recursive: true });
  symlinkSync("/dev/zero", path);
  expect(keep).toThrow(/ADMIN_TOKEN_UNSAFE/);
  rmSync(path);
  for (const text of ["", "short", "x".repeat(64), `${"a".repeat(64)}b`]) {
    writeFileSync(path, text, { mode: 0o600 });
    expect(keep()).toMatch(/^[0-9a-f]{64}$/);
    expect(keep()).not.toBe(text);
  }
});

test("token: only the whole header, exactly, is right", () => {
  const token = keep();
  const judge = tokenJudge(token);
  expect(judge(`Bearer ${token}`)).toBe(true);
  const wrong = [undefined, "", token, `bearer ${token}`, `Bearer ${token} `, `Bearer  ${token}`];
  for (const header of [...wrong, `Bearer ${token.toUpperCase()}x`, `Bearer ${token.slice(1)}`])
    expect(judge(header)).toBe(false);
});
