// Goal: a start on damaged files either refuses with a coded error and leaves every byte as it is,
// or holds every entry. After a kill only the end of the last life may be missing. Method: each
// kind of damage by hand where the outcome is known, then every kind at random places.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogIndex } from "../../base/brand.ts";
import { isStrongroomError } from "../../base/errors.ts";
import { systemScheduler as scheduler } from "../../platform/scheduler.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { entriesOf, numbered } from "../suite.ts";
import {
  appendNumbered,
  directory,
  diskWith,
  type Files,
  identity,
  openOn,
} from "../testing/segments.ts";
import { openSegmentLog } from "./open.ts";

const sizes = [5000, 64, 9000, 200, 12_000, 3000, 100, 7000];

/** The files in an older state (stopped), stopped again later, and killed after that. */
async function bases(): Promise<{ older: Files; stopped: Files; killed: Files }> {
  const disk = new MemoryDisk();
  const first = openOn(disk);
  await appendNumbered(first, 1, sizes);
  await first.truncate(4 as LogIndex);
  await first.close();
  const older = disk.contents();
  const second = openOn(disk);
  await appendNumbered(second, 9, sizes);
  await second.truncate(11 as LogIndex);
  await second.close();
  const stopped = disk.contents();
  const third = openOn(disk);
  await appendNumbered(third, 17, sizes);
  return { older, stopped, killed: disk.contents() };
}

const { older, stopped, killed } = await bases();
const path = (name: string) => `${directory}/${name}`;
const logs = (files: Files) => [...files.keys()].filter((name) => name.endsWith(".log"));

function all(log: { first: number; last: number }): Buffer[] {
  const found: Buffer[] = [];
  for (let n = log.first; n <= log.last; n++) found.push(numbered(n, sizes[(n - 1) % 8]!));
  return found;
}

/** "refused", or the last entry; every entry up to it is right. */
function start(files: Files): string | number {
  const disk = diskWith(files);
  const before = disk.operations;
  try {
    const log = openOn(disk);
    expect(log.first).toBeLessThanOrEqual(11);
    expect(Buffer.concat(entriesOf(log)).equals(Buffer.concat(all(log)))).toBe(true);
    return log.last;
  } catch (error) {
    if (!isStrongroomError(error)) throw error;
    return error instanceof Error ? /^\[(\w+)\]/.exec(error.message)![1]! : "";
  } finally {
    expect(disk.operations).toBe(before);
    expect(same(disk.contents(), files)).toBe(true);
  }
}

function same(one: Files, other: Files): boolean {
  return (
    one.size === other.size && [...one].every(([name, bytes]) => other.get(name)?.equals(bytes))
  );
}

function changed(files: Files, change: (copy: Map<string, Buffer>) => void): Files {
  const copy = new Map([...files].map(([name, bytes]) => [name, Buffer.from(bytes)]));
  change(copy);
  return new Map([...copy].sort());
}

test("without damage everything is there, and opening changes nothing", () => {
  expect([start(older), start(stopped), start(killed)]).toEqual([8, 16, 24]);
  expect(logs(stopped).length).toBeGreaterThan(2);
});

test("a deleted file is missed, whichever it is, and so is the manifest", () => {
  for (const files of [stopped, killed]) {
    for (const name of logs(files))
      expect(start(changed(files, (copy) => copy.delete(name)))).toBe("LOG_FILE_MISSING");
    const bare = changed(files, (copy) => copy.delete(path("manifest")));
    expect(start(bare)).toBe("LOG_MANIFEST_MISSING");
  }
});

test("an old copy of a file that holds fewer entries is refused", () => {
  for (const name of logs(stopped)) {
    const bytes = older.get(name);
    if (bytes === undefined || bytes.equals(stopped.get(name)!)) continue;
    expect(start(changed(stopped, (copy) => copy.set(name, bytes)))).toMatch(/LOG_|FILE_/);
  }
  const manifest = older.get(path("manifest"))!;
  expect(start(changed(stopped, (copy) => copy.set(path("manifest"), manifest)))).toMatch(/^LOG_/);
});

test("an early copy of the newest file is refused after a stop", async () => {
  const disk = new MemoryDisk();
  const log = openOn(disk);
  await appendNumbered(log, 1, [100, 100]);
  const early = disk.contents().get(path("0000000001.log"))!;
  await appendNumbered(log, 3, [100, 100]);
  await log.close();
  const files = changed(disk.contents(), (copy) => copy.set(path("0000000001.log"), early));
  expect(start(files)).toBe("LOG_ENTRIES_MISSING");
});

test("a file under another number or from elsewhere is refused", () => {
  const [one, other] = logs(stopped) as [string, string];
  const bytes = stopped.get(one)!;
  const under = (name: string) => start(changed(stopped, (copy) => copy.set(path(name), bytes)));
  expect(under("0000000999.log")).toBe("LOG_FILE_FOREIGN");
  expect(under("0000000000.log")).toBe("LOG_FILE_UNKNOWN");
  for (const name of ["0000000001.log~", "0000000001.log.copy", "lost+found", "x.free"])
    expect(under(name)).toBe("LOG_FILE_UNKNOWN");
  expect(start(changed(stopped, (copy) => copy.set(other, bytes)))).toBe("LOG_FILE_FOREIGN");
  for (const foreign of [
    { ...identity, group: 4 },
    { ...identity, cluster: Buffer.alloc(16) },
  ])
    expect(() =>
      openSegmentLog({ disk: diskWith(stopped), directory, scheduler, ...foreign }),
    ).toThrow("LOG_FILE_FOREIGN");
});

test("after a stop no cut of any file's end loses an entry silently", () => {
  for (const name of [...logs(stopped), path("manifest")]) {
    const bytes = stopped.get(name)!;
    for (let size = 0; size < bytes.length; size += size < 4096 ? 997 : 4096) {
      const found = start(changed(stopped, (copy) => copy.set(name, bytes.subarray(0, size))));
      if (found !== 16) expect(found).toMatch(/^(LOG|FILE)_/);
    }
  }
});

test("after a kill a cut of the last file's end costs the last entries alone", () => {
  const name = logs(killed).findLast((one) => start(changed(killed, (c) => c.delete(one))) !== 24)!;
  const newest = logs(killed).at(-1)!;
  expect(name).toBe(newest);
  const lasts = new Set<string | number>();
  const bytes = killed.get(newest)!;
  for (let size = 4096; size <= bytes.length; size += 512)
    lasts.add(start(changed(killed, (copy) => copy.set(newest, bytes.subarray(0, size)))));
  expect(lasts.has(24)).toBe(true);
  for (const last of lasts) expect(last).toSatisfy((n) => typeof n === "number" && n >= 16);
});

type Fault = (bytes: Buffer, at: number, other: number) => Buffer;
const faults: Record<string, Fault> = {
  flip: (bytes, at, other) => {
    bytes[at] = bytes[at]! ^ (1 << (other % 8));
    return bytes;
  },
  cut: (bytes, at, other) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + other)]),
  zero: (bytes, at) => {
    const from = at - (at % 4096);
    return bytes.fill(0, from, Math.min(from + 4096, bytes.length));
  },
  swap: (bytes, at, other) => {
    const [one, two] = [at - (at % 4096), ((other * 4096) % bytes.length) & ~4095];
    const kept = Buffer.from(bytes.subarray(one, one + 4096));
    bytes.copy(bytes, one, two, two + 4096);
    kept.copy(bytes, two);
    return bytes;
  },
};

test("random damage to any file: refused, or every entry is there", () => {
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const property = fc.property(
    fc.constantFrom(...Object.keys(faults)),
    fc.constantFrom(...[...stopped.keys()].filter((name) => !name.endsWith(".free"))),
    place,
    fc.integer({ min: 1, max: 6000 }),
    (kind, name, where, other) => {
      const damaged = changed(stopped, (copy) => {
        const bytes = copy.get(name)!;
        const end = bytes.length - [...bytes].reverse().findIndex((byte) => byte !== 0);
        copy.set(name, faults[kind]!(bytes, Math.floor(where * end), other));
      });
      const found = start(damaged);
      if (found !== 16) expect(found).toMatch(/^(LOG|FILE|FORMAT)_/);
    },
  );
  fc.assert(property, { numRuns: 400 });
}, 60_000);
