// Goal: the edges of the databases' interface: views passed back in, expiry, rename, deletion and
// copy on write around a run, the exchange of whole databases, the order of eviction.
// Method: one small history each.
import { expect, test, vi } from "vitest";
import type { Databases } from "./databases.ts";
import type { Resident } from "./resident.ts";
import { bytes, Model } from "./testing/model.ts";
import { nameOf, type Shelf } from "./testing/shelf.ts";

/** Databases with nothing in them, at entry 1 and time 1000. */
function fresh(): { shelf: Shelf; resident: Resident; databases: Databases } {
  const { shelf, resident, databases } = new Model();
  resident.index = 1;
  return { shelf, resident, databases };
}

test("databases: a view passed back in as a value or a key means what it meant", () => {
  for (const length of [1, 40, 5000, 300_000]) {
    const { databases } = fresh();
    const one = databases.database(0);
    const content = Buffer.alloc(length, "0123456789");
    const set = (): Buffer => {
      one.setString(bytes("k"), content);
      return one.getString(bytes("k"))!;
    };
    one.setString(bytes("k"), set());
    expect(one.getString(bytes("k"))).toEqual(content);
    one.setString(bytes("k"), set().subarray(length >> 1));
    expect(one.getString(bytes("k"))).toEqual(content.subarray(length >> 1));
    one.setString(bytes("other"), set(), { keepTtl: true });
    expect(one.getString(bytes("other"))).toEqual(content);
    one.setString(set(), bytes("named by a value"));
    expect(one.getString(content)).toEqual(bytes("named by a value"));
    expect(one.copy(bytes("other"), one, set())).toBe(true);
    expect(one.getString(content)).toEqual(content);
    one.setString(content, one.getString(content)!.subarray(0, 1));
    expect(one.getString(content)).toEqual(content.subarray(0, 1));
    expect(one.rename(bytes("k"), set())).toBe(true);
    expect(one.getString(content)).toEqual(content);
    expect(one.exists(bytes("k"))).toBe(false);
  }
});

test("databases: what is not resident is named to the store, and nothing changes by that", () => {
  const { databases, resident, shelf } = fresh();
  const names = ["a", "b", "c", "d"].map(bytes);
  for (const name of names.slice(0, 2)) databases.database(0).setString(name, bytes("v"));
  const buffer = Buffer.concat(names);
  const places = Int32Array.from(names, (_, n) => n);
  const ends = places.map((place) => place + 1);
  const before = [resident.bytes, databases.hits, databases.misses, shelf.loads];
  databases.foresight.foresee(buffer, places, ends, new Int32Array(4), 4);
  expect(shelf.foreseen).toBe(2);
  databases.foresight.foresee(buffer, places, ends, new Int32Array(4).fill(1), 4);
  expect(shelf.foreseen).toBe(4);
  expect([resident.bytes, databases.hits, databases.misses, shelf.loads]).toEqual(before);
  // Keys wherever they are, sixteen at most, none behind a long one, not one alone.
  const one = databases.database(0);
  for (const [keys, from, told] of [
    [names, 0, 2],
    [names, 2, 2],
    [names, 3, 0],
    [Array.from({ length: 40 }, (_, n) => bytes(`absent${n}`)), 20, 16],
    [[bytes("x"), bytes("y"), Buffer.alloc(65, "l"), bytes("z")], 0, 2],
    [[], 0, 0],
  ] as const) {
    shelf.foreseen = 0;
    one.foresee(keys, from);
    expect(shelf.foreseen).toBe(told);
  }
  expect([resident.bytes, databases.hits, databases.misses, shelf.loads]).toEqual(before);
  // What is wrong is told by who asks for the key.
  vi.spyOn(shelf, "endForeseeing").mockImplementation(() => {
    throw new Error("unreadable");
  });
  one.foresee([bytes("x"), bytes("y")], 0);
  vi.restoreAllMocks();
});

test("databases: growing in place keeps the beginning and zeroes the rest", () => {
  const { databases } = fresh();
  const one = databases.database(0);
  one.setString(bytes("k"), Buffer.alloc(400, 0xff));
  one.editString(bytes("k"), 300);
  expect(one.editString(bytes("k"), 390)).toEqual(
    Buffer.concat([Buffer.alloc(300, 0xff), Buffer.alloc(90)]),
  );
  expect(one.editString(bytes("k"), 0).length).toBe(0);
  expect(one.stringLength(bytes("k"))).toBe(0);
  expect(one.editString(bytes("absent"), 50)).toEqual(Buffer.alloc(50));
});

test("databases: a key is gone at its expiry, and nothing is changed by that", () => {
  const { databases, resident } = fresh();
  const one = databases.database(0);
  one.setString(bytes("k"), bytes("v"), { expireAt: 2000 });
  databases.nowMs = 1999;
  expect(one.exists(bytes("k"))).toBe(true);
  databases.nowMs = 2000;
  const dirty = [...resident.dirty.view];
  expect(one.exists(bytes("k"))).toBe(false);
  expect(one.modified(bytes("k"))).toBe(null);
  expect(one.delete(bytes("k"))).toBe(false);
  expect(one.setExpireAt(bytes("k"), 5000)).toBe(false);
  expect([...resident.dirty.view]).toEqual(dirty);
  // A read at a later clock takes nothing away from an entry of an earlier time.
  databases.nowMs = 1500;
  expect(one.getString(bytes("k"))).toEqual(bytes("v"));
});

test("databases: renaming a key to itself changes nothing, as in Redis", () => {
  const { databases, resident } = fresh();
  const one = databases.database(0);
  one.setString(bytes("k"), bytes("v"));
  resident.index = 2;
  expect(one.rename(bytes("k"), bytes("k"))).toBe(true);
  expect(one.rename(bytes("absent"), bytes("absent"))).toBe(false);
  expect(one.modified(bytes("k"))?.index).toBe(1);
});

test("databases: a deleted key stays deleted while its tombstone is on the way", () => {
  const { shelf, resident, databases } = fresh();
  const one = databases.database(0);
  const gone = (): void => {
    resident.evictAll();
    expect(one.exists(bytes("k"))).toBe(false);
  };
  one.setString(bytes("k"), bytes("v"));
  shelf.begin();
  shelf.land();
  one.delete(bytes("k"));
  gone();
  shelf.begin();
  gone();
  shelf.encode(1);
  gone();
  shelf.fail();
  gone();
  shelf.begin();
  shelf.land();
  gone();
  expect(resident.entries.count).toBe(0);
  expect(shelf.records.size).toBe(0);
});

test("databases: a frozen record is encoded before it changes, and once", () => {
  const { shelf, resident, databases } = fresh();
  const one = databases.database(0);
  const changes: (() => unknown)[] = [
    () => one.setString(bytes("k"), bytes("new")),
    () => one.editString(bytes("k"), 3).fill("x"),
    () => one.delete(bytes("k")),
    () => one.setExpireAt(bytes("k"), 9000),
    () => one.rename(bytes("k"), bytes("to")),
    () => one.copy(bytes("other"), one, bytes("k")),
  ];
  for (const [n, change] of changes.entries()) {
    one.setString(bytes("k"), bytes("old"));
    one.setString(bytes("other"), bytes("o"));
    shelf.begin();
    const before = shelf.early;
    change();
    change();
    expect(shelf.early - before).toBe(1);
    const id = databases.ids[0] as number;
    const held = [...shelf.contents()].find(([name]) => name === `${id}:k`);
    expect(`${n} ${held?.[1]?.endsWith("kold")}`).toBe(`${n} true`);
    shelf.land();
    expect(resident.dirty.length).toBeGreaterThan(0);
  }
});

test("databases: SWAPDB and FLUSHDB touch no key; replaced ids are dead", () => {
  const { databases, resident } = fresh();
  databases.database(0).setString(bytes("k"), bytes("zero"));
  databases.database(1).setString(bytes("k"), bytes("one"));
  const dirty = [...resident.dirty.view];
  databases.changed = false;
  databases.swap(0, 1);
  expect(databases.changed).toBe(true);
  expect(databases.database(0).getString(bytes("k"))).toEqual(bytes("one"));
  expect(databases.database(1).getString(bytes("k"))).toEqual(bytes("zero"));
  databases.changed = false;
  const old = databases.ids[0] as number;
  for (let n = 0; n < 100; n++) databases.flush(0);
  expect(databases.changed).toBe(true);
  expect(databases.database(0).exists(bytes("k"))).toBe(false);
  expect(databases.database(1).exists(bytes("k"))).toBe(true);
  expect(databases.isLive(old)).toBe(false);
  expect(databases.dead).toContain(old);
  expect(new Set([...databases.dead, ...databases.ids]).size).toBe(116);
  expect([...resident.dirty.view]).toEqual(dirty);
});

test("databases: what belongs to a dead id goes first, what was used lately goes last", () => {
  const { shelf, resident, databases } = fresh();
  for (let n = 0; n < 100; n++) {
    databases.database(0).setString(bytes(`dead ${n}`), Buffer.alloc(100));
    databases.database(1).setString(bytes(`live ${n}`), Buffer.alloc(100));
  }
  databases.flush(0);
  shelf.begin();
  shelf.land();
  resident.evict(resident.bytes >> 1, databases.ids);
  shelf.loads = 0;
  for (let n = 0; n < 100; n++) databases.database(1).exists(bytes(`live ${n}`));
  expect(shelf.loads).toBeLessThan(5);
});

test("databases: a second run at the same time is refused", () => {
  const { shelf, resident, databases } = fresh();
  databases.database(0).setString(bytes("k"), bytes("v"));
  shelf.begin();
  databases.database(0).setString(bytes("k"), bytes("w"));
  expect(() => resident.freeze()).toThrow("under way");
});

test("databases: what does not open is deleted as if it did, unless its time is near", () => {
  const expiries = [0, 999, 1000, 4000, 5001, 6000, 7000];
  for (const expireAt of expiries)
    for (const nowMs of [998, 1000, 3999, 4000, 5000, 5500, 6500]) {
      const [whole, damaged] = [fresh(), fresh()];
      const deleted = [whole, damaged].map(({ databases, resident, shelf }, n) => {
        databases.nowMs = 900;
        databases.database(0).setString(bytes("k"), bytes("v"), { expireAt });
        shelf.begin();
        shelf.land();
        resident.evictAll();
        if (n === 1) shelf.damaged.add(nameOf(1, bytes("k")));
        databases.nowMs = nowMs;
        resident.index = 2;
        try {
          return databases.database(0).delete(bytes("k"));
        } catch {
          return null;
        }
      });
      // In the second in which it expires.
      const same = Math.ceil(expireAt / 1000) === Math.ceil(nowMs / 1000);
      const near = same && nowMs % 1000 !== 0;
      expect(deleted[1], `${expireAt} at ${nowMs}`).toBe(near ? null : deleted[0]);
      if (near) continue;
      const [one, other] = [whole, damaged].map(({ databases, resident, shelf }) => {
        shelf.begin();
        shelf.land();
        resident.evictAll();
        const db = databases.database(0);
        return [shelf.contents(), db.deletedAt(bytes("k")), resident.dirtyBytes];
      });
      expect(other).toEqual(one);
    }
});
