// Goal: what lies under a key in the log is known without reading it, and can be cleared whole.
import { expect, test } from "vitest";
import type { LogIndex } from "../../base/brand.ts";
import { entryHeaderBytes, writeEntryHeader } from "../../entry/logentry.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { appendOne } from "../suite.ts";
import { directory, openOn } from "../testing/segments.ts";

function entryUnder(keyId: number, payload: string): Buffer {
  const entry = Buffer.alloc(entryHeaderBytes + payload.length);
  writeEntryHeader(entry, 0, { keyId, session: 5n, seq: 1 });
  entry.write(payload, entryHeaderBytes, "latin1");
  return entry;
}

const limits = { fileBytes: 16 * 1024, freeFilesMax: 3 };
/** A batch in clear, a registration, a change of the keyring, and the index key in clear. */
const change = (tag: string): string => `\x05\x01${"s".repeat(24)}${tag}`;
const clear = ["\x01batch", "\x03registration", change("\x01added"), change("\x0akey")];

async function filled(disk: MemoryDisk) {
  const log = openOn(disk, limits);
  for (const text of clear) await appendOne(log, entryUnder(0, text));
  for (const keyId of [2, 4])
    for (let n = 0; n < 10; n++) await appendOne(log, entryUnder(keyId, "p".repeat(3000)));
  return log;
}

const byKey = (log: ReturnType<typeof openOn>) =>
  log.usage().map(({ keyId, entries, bytes }) => [keyId, entries, bytes]);

test("log: entries are counted by key, control entries aside, also by the next start", async () => {
  const disk = new MemoryDisk();
  const log = await filled(disk);
  const bytes = 10 * (entryHeaderBytes + 3000);
  const inClear = 2 * entryHeaderBytes + (clear[0] as string).length + (clear[3] as string).length;
  const expected = [
    [0, 2, inClear],
    [2, 10, bytes],
    [4, 10, bytes],
  ];
  expect(byKey(log)).toEqual(expected);
  for (const { files } of log.usage())
    for (const name of files) expect(disk.status(`${directory}/${name}`)).not.toBeNull();
  await log.close();
  const again = openOn(disk, limits);
  expect(byKey(again)).toEqual(expected);
  await again.close();
});

test("log: clearing leaves no file that was there before, recycled ones included", async () => {
  const disk = new MemoryDisk();
  const log = await filled(disk);
  await log.truncate(20 as LogIndex);
  expect(disk.list(directory).some((name) => name.endsWith(".free"))).toBe(true);
  const before = disk.list(directory).filter((name) => /\d/.test(name));
  await log.clear((log.last + 1) as LogIndex);
  const left = disk.list(directory).filter((name) => /\d/.test(name));
  expect(left.filter((name) => before.includes(name))).toEqual([]);
  expect([byKey(log), log.first, log.last]).toEqual([[], 25, 24]);
  await appendOne(log, entryUnder(6, "after"));
  await log.close();
  const again = openOn(disk, limits);
  expect(again.last).toBe(25);
  await again.close();
});

test("log: clearing while entries come keeps those from the index on", async () => {
  const disk = new MemoryDisk();
  const log = await filled(disk);
  const coming = Array.from({ length: 40 }, () => appendOne(log, entryUnder(6, "x".repeat(900))));
  await log.clear(25 as LogIndex);
  for (const { error } of await Promise.all(coming)) expect(error).toBeNull();
  await log.clear((log.first > 25 ? log.first : 25) as LogIndex);
  expect(log.last).toBe(64);
  const indexes = [...log.read(log.first)].map(({ index }) => index);
  expect(indexes.at(-1)).toBe(64);
  expect(indexes[0]).toBeLessThanOrEqual(25);
  expect(indexes.includes(25 as LogIndex)).toBe(true);
  await log.close();
});
