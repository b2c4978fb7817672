// Goal: memory handed out never overlaps, is accounted for to the byte, and can be emptied out of
// sparse slabs without losing anything.
// Method: random allocations against a list of what lives, every one filled with its own bytes.
import fc from "fast-check";
import { expect, test } from "vitest";
import { AssertionError } from "../base/assert.ts";
import { Arena } from "./arena.ts";

interface Live {
  readonly address: number;
  readonly bytes: number;
  readonly mark: number;
}

class Model {
  readonly arena = new Arena();
  readonly live: Live[] = [];
  private marks = 0;

  allocate(bytes: number): Live {
    const made = { address: this.arena.allocate(bytes), bytes, mark: this.marks++ & 0xff };
    this.fill(made);
    this.live.push(made);
    return made;
  }

  private fill({ address, bytes, mark }: Live): void {
    const at = this.arena.offset(address);
    this.arena.buffer(address).fill(mark, at, at + bytes);
  }

  free(place: number): void {
    const [gone] = this.live.splice(place % this.live.length, 1);
    this.arena.free(gone!.address);
  }

  check(): void {
    const wanted = this.live.reduce((sum, { bytes }) => sum + Arena.slotBytes(bytes), 0);
    expect(this.arena.liveBytes).toBe(wanted);
    expect(this.arena.bytes).toBeGreaterThanOrEqual(wanted);
    for (const { address, bytes, mark } of this.live) {
      const at = this.arena.offset(address);
      const own = this.arena.buffer(address).subarray(at, at + bytes);
      expect(own.length).toBe(bytes);
      expect(own.every((byte) => byte === mark)).toBe(true);
    }
  }
}

const sizes = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 300, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 131_000, max: 131_200 }) },
);

test("arena: allocations never overlap and every byte is accounted for", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: sizes.map((bytes) => ({ bytes, place: -1 })) },
    { weight: 2, arbitrary: fc.nat().map((place) => ({ bytes: 0, place })) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const model = new Model();
      for (const { bytes, place } of steps)
        if (place < 0) model.allocate(bytes);
        else if (model.live.length > 0) model.free(place);
      model.check();
      while (model.live.length > 0) model.free(0);
      expect(model.arena.liveBytes).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test("arena: a slot is at least as large as asked, and little larger", () => {
  for (let bytes = 0; bytes < 140_000; bytes += bytes < 2000 ? 1 : 61) {
    const slot = Arena.slotBytes(bytes);
    expect(slot).toBeGreaterThanOrEqual(bytes);
    expect(slot).toBeLessThanOrEqual(Math.max(32, bytes * 1.125 + 8));
  }
});

test("arena: slabs that were emptied serve other sizes", () => {
  const model = new Model();
  for (let round = 0; round < 8; round++) {
    const bytes = 1000 + round * 700;
    for (let n = 0; n < 4000; n++) model.allocate(bytes);
    expect(model.arena.bytes).toBeLessThan(4000 * 6000 * 1.3 + (9 << 20));
    while (model.live.length > 0) model.free(model.live.length - 1);
  }
  // One slab of each size may stay.
  expect(model.arena.bytes).toBeLessThanOrEqual(8 << 20);
});

test("arena: what lives in sparse slabs can be moved, and they are free again", () => {
  const model = new Model();
  for (let n = 0; n < 10_000; n++) model.allocate(1000);
  for (let n = 0; n < 9_000; n++) model.free(n * 7919);
  const { arena } = model;
  const before = arena.bytes;
  const drained = arena.drainSparse(Number.POSITIVE_INFINITY);
  expect(drained).toBeGreaterThan(5);
  expect(arena.drainSparse(Number.POSITIVE_INFINITY)).toBe(0);
  const fresh = Array.from({ length: 500 }, () => model.allocate(1000));
  expect(fresh.some(({ address }) => arena.isDraining(address))).toBe(false);
  const moving = model.live.filter(({ address }) => arena.isDraining(address));
  expect(moving.length).toBeGreaterThan(0);
  for (const old of moving) {
    model.allocate(old.bytes);
    model.free(model.live.indexOf(old));
  }
  expect(model.live.some(({ address }) => arena.isDraining(address))).toBe(false);
  expect(arena.bytes).toBeLessThan(before - ((drained - 8) << 18));
  model.check();
});

test("arena: the emptiest slabs are drained first, and no more than is wanted", () => {
  const model = new Model();
  for (let n = 0; n < 10_000; n++) model.allocate(1000);
  const { arena } = model;
  // From full slabs to empty ones: the further down, the more is free.
  const kept = model.live.filter((_, n) => (n * 7919) % 10_000 >= n);
  for (const one of model.live.filter((each) => !kept.includes(each)))
    model.free(model.live.indexOf(one));
  expect(arena.drainSparse(0)).toBe(0);
  const drained = arena.drainSparse(1 << 18);
  expect(drained).toBeGreaterThan(0);
  expect(drained).toBeLessThan(4);
  const usedIn = (draining: boolean) => {
    const counts = new Map<number, number>();
    for (const { address } of model.live)
      if (arena.isDraining(address) === draining) {
        const slab = Math.floor(address / (1 << 18));
        counts.set(slab, (counts.get(slab) ?? 0) + 1);
      }
    return [...counts.values()];
  };
  expect(Math.max(...usedIn(true))).toBeLessThanOrEqual(Math.min(...usedIn(false)));
});

test("arena: memory that is not there cannot be freed", () => {
  const arena = new Arena();
  const small = arena.allocate(100);
  const large = arena.allocate(1 << 20);
  arena.free(small);
  arena.free(large);
  expect(() => arena.free(small)).toThrow(AssertionError);
  expect(() => arena.free(large)).toThrow(AssertionError);
  expect(arena.liveBytes).toBe(0);
});
