// Goal: what a command sees never depends on what is resident, dirty, frozen or in flight; a run
// holds exactly the state at the moment of its freeze; nothing is lost between memory and store.
// Method: random changes with random load, evict, freeze, encode, land and return steps between
// them, against plain Maps.
import fc from "fast-check";
import { expect, test } from "vitest";
import { bytes, keys, Model } from "./testing/model.ts";

const db = fc.integer({ min: 0, max: 2 });
const key = fc.constantFrom(...keys);
const value = fc.oneof(
  fc.constantFrom("", "0", "-1", "12", "007", "9223372036854775807", "9223372036854775808"),
  fc.nat(100).map((length) => "v".repeat(length)),
  fc.integer({ min: 0, max: 40_000 }).map((length) => "w".repeat(length)),
);
const time = fc.oneof(fc.constant(0), fc.integer({ min: 900, max: 1400 }));

type Step = (model: Model) => void;
const change: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(db, key, value).map(
    ([d, k, v]): Step =>
      (m) =>
        m.set(d, k, bytes(v)),
  ),
  fc.tuple(db, key, value).map(
    ([d, k, v]): Step =>
      (m) =>
        m.set(d, k, bytes(v), undefined, true),
  ),
  fc.tuple(db, key, value, time).map(
    ([d, k, v, t]): Step =>
      (m) =>
        m.set(d, k, bytes(v), t),
  ),
  fc.tuple(db, key, fc.nat(300)).map(
    ([d, k, n]): Step =>
      (m) =>
        m.edit(d, k, n),
  ),
  fc.tuple(db, key).map(
    ([d, k]): Step =>
      (m) =>
        m.delete(d, k),
  ),
  fc.tuple(db, key, time).map(
    ([d, k, t]): Step =>
      (m) =>
        m.expireAt(d, k, t),
  ),
  fc.tuple(db, key).map(
    ([d, k]): Step =>
      (m) =>
        m.expire(d, k),
  ),
  fc.tuple(db, key, key).map(
    ([d, k, t]): Step =>
      (m) =>
        m.rename(d, k, t),
  ),
  fc.tuple(db, key, db, key).map(
    ([d, k, e, t]): Step =>
      (m) =>
        m.copy(d, k, e, t),
  ),
  fc.nat(50).map(
    (ms): Step =>
      (m) =>
        (m.databases.nowMs += ms),
  ),
  fc.tuple(db, key).map(
    ([d, k]): Step =>
      (m) =>
        m.look(d, k),
  ),
);
const whole: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(db, db).map(
    ([d, e]): Step =>
      (m) =>
        m.swap(d, e),
  ),
  db.map(
    (d): Step =>
      (m) =>
        m.flush(d),
  ),
);
const storage: fc.Arbitrary<Step> = fc.constantFrom<Step[]>(
  (m) => m.resident.evictAll(),
  (m) => m.resident.evict(0, m.databases.ids),
  (m) => m.resident.evict(m.resident.bytes >> 1, m.databases.ids),
  (m) => m.freeze(),
  (m) => m.shelf.encode(2),
  (m) => m.land(),
  (m) => m.fail(),
  (m) => m.resident.entries.compact(),
);

test("databases: random changes with random residency equal plain Maps", () => {
  let early = 0;
  let loads = 0;
  const step = fc.oneof(
    { weight: 20, arbitrary: change },
    { weight: 7, arbitrary: storage },
    { weight: 1, arbitrary: whole },
  );
  const steps = fc.array(step, { minLength: 60, maxLength: 160 });
  fc.assert(
    fc.property(steps, (list) => {
      const model = new Model();
      list.forEach((step, n) => {
        model.resident.index = n + 1;
        model.resident.ordinal = 3;
        step(model);
        model.checkDirty();
      });
      model.checkAll();
      model.fail();
      model.freeze();
      model.land();
      model.resident.evictAll();
      expect(model.resident.entries.count).toBe(0);
      expect(model.resident.bytes).toBe(0);
      expect(model.resident.dirtyBytes).toBe(0);
      model.checkAll();
      early += model.shelf.early;
      loads += model.shelf.loads;
    }),
    { numRuns: 80, endOnFailure: true },
  );
  expect(early).toBeGreaterThan(10);
  expect(loads).toBeGreaterThan(500);
}, 60_000);

test("residency: a look for what may go is short while everything is pinned", () => {
  const model = new Model();
  const { resident } = model;
  for (let n = 0; n < 2000; n++) model.databases.database(0).setString(bytes(`k${n}`), bytes("v"));
  let looks = 0;
  const { entries } = resident;
  const flags = entries.flags.bind(entries);
  entries.flags = (id) => {
    looks++;
    return flags(id);
  };
  resident.evict(0, Uint32Array.of(1));
  looks = 0;
  resident.evict(0, Uint32Array.of(1));
  expect(looks).toBeLessThan(100);
  expect(entries.count).toBe(2000);
});

test("residency: keys that are written without end do not outgrow the bound", () => {
  const { databases, resident, shelf } = new Model();
  const one = databases.database(0);
  const limit = 12 << 20;
  // More than a look may meet, written while the run before is under way.
  const round = 40_000;
  const rounds = 10;
  let most = 0;
  for (let n = 0; n < round * rounds; n++) {
    resident.index = n + 1;
    one.setString(bytes(`key:${n}`), bytes("value"));
    if (n % round === 0) {
      if (n > 0) shelf.land();
      shelf.begin();
    }
    if (n % 1000 !== 0) continue;
    resident.evict(limit, databases.ids);
    most = Math.max(most, resident.bytes);
  }
  // All keys take three and a half times the bound, and what is pinned 7 MB at most.
  expect(most).toBeLessThan(limit * 1.25);
  expect(one.getString(bytes("key:7"))?.toString()).toBe("value");
  expect(one.getString(bytes(`key:${round * rounds - 1}`))?.toString()).toBe("value");
});
