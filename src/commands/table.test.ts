// Goal: codes of commands stay for ever, and every name finds its command.
import { expect, test } from "vitest";
import { codeToSpec, commandNamed, commands } from "./table.ts";

/** Permanent: log entries carry these. Rows are added; none is changed or removed. */
const codes: Readonly<Record<string, number>> = {
  del: 0x0101,
  unlink: 0x0102,
  rename: 0x0103,
  renamenx: 0x0104,
  copy: 0x0105,
  expire: 0x0106,
  pexpire: 0x0107,
  expireat: 0x0108,
  pexpireat: 0x0109,
  persist: 0x010a,
  move: 0x010b,
  restore: 0x010c,
  sort: 0x010d,
  set: 0x0201,
  setnx: 0x0202,
  setex: 0x0203,
  psetex: 0x0204,
  getset: 0x0205,
  getex: 0x0206,
  getdel: 0x0207,
  append: 0x0208,
  setrange: 0x0209,
  incr: 0x020a,
  decr: 0x020b,
  incrby: 0x020c,
  decrby: 0x020d,
  incrbyfloat: 0x020e,
  mset: 0x020f,
  msetnx: 0x0210,
  setbit: 0x0301,
  bitop: 0x0302,
  bitfield: 0x0303,
  flushdb: 0x0401,
  flushall: 0x0402,
  swapdb: 0x0403,
};

test("table: codes of writes are pinned, and reads have none", () => {
  const actual = commands.filter(({ code }) => code !== 0).map(({ name, code }) => [name, code]);
  expect(Object.fromEntries(actual)).toEqual(codes);
  const writes = commands.filter(({ flags }) => flags.includes("write")).map(({ name }) => name);
  expect(writes.sort()).toEqual(Object.keys(codes).sort());
});

test("table: codes and names are unique, within 16 bits, and lead back to their command", () => {
  expect(new Set(Object.values(codes)).size).toBe(Object.keys(codes).length);
  expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
  for (const [name, code] of Object.entries(codes)) {
    expect(code).toBeLessThan(0x10000);
    expect(codeToSpec(code)?.name).toBe(name);
  }
  expect(codeToSpec(0)).toBeUndefined();
});

test("table: names are found in any case, and nothing else is", () => {
  for (const spec of commands) {
    expect(commandNamed(spec.name.toUpperCase())).toBe(spec);
    expect(commandNamed(`${spec.name}x`)).toBeUndefined();
  }
  for (const name of ["", "nope", "get\0", "lpush"]) expect(commandNamed(name)).toBeUndefined();
});
