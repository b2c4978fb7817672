// Goal: what is asked for twice enters a full cache, what is asked for once does not.
// Method: hashes drawn at random; the resident set over a store that counts what is loaded.
import { expect, test } from "vitest";
import { chooser } from "../platform/testing/chooser.ts";
import { RecentMisses, rememberedMisses } from "./admission.ts";
import { bytes, Model } from "./testing/model.ts";

/** Of `hashes` met in this order, the share that was remembered. */
function shareAgain(misses: RecentMisses, hashes: Int32Array): number {
  let again = 0;
  for (const hash of hashes) if (misses.again(hash)) again++;
  return again / hashes.length;
}

const random = chooser(5);
const hashesOf = (count: number): Int32Array =>
  Int32Array.from({ length: count }, () => (random() * 2 ** 32) | 0);

test("admission: few keys are remembered, very many forgotten before they come again", () => {
  const misses = new RecentMisses();
  const few = hashesOf(1000);
  expect(shareAgain(misses, few)).toBeLessThan(0.01);
  expect(shareAgain(misses, few)).toBeGreaterThan(0.99);
  const many = hashesOf(rememberedMisses * 8);
  expect(shareAgain(misses, many)).toBeLessThan(0.01);
  expect(shareAgain(misses, many)).toBeLessThan(0.01);
  const some = hashesOf(rememberedMisses);
  shareAgain(misses, some);
  const share = shareAgain(misses, some);
  expect(share).toBeGreaterThan(0.3);
  expect(share).toBeLessThan(0.7);
});

test("admission: what is missed twice becomes resident, what is read once does not", () => {
  const { databases, resident, shelf } = new Model();
  resident.index = 1;
  const one = databases.database(0);
  const key = bytes("k");
  one.setString(key, bytes("v"));
  shelf.begin();
  shelf.land();
  resident.evictAll();
  const replies: string[] = [];
  const reply = {
    nil: () => replies.push("nil"),
    bulkFrom: (from: Buffer, start: number, end: number) =>
      replies.push(from.toString("latin1", start, end)),
  };
  const loads = (full: boolean): number => {
    const before = shelf.loads;
    one.getTo(reply, key, 0, 1, full);
    return shelf.loads - before;
  };
  // Missed, missed again and let in, resident.
  expect([loads(true), loads(true), loads(true)]).toEqual([1, 1, 0]);
  resident.evictAll();
  expect([loads(false), loads(false)]).toEqual([1, 0]);
  expect(replies).toEqual(["v", "v", "v", "v", "v"]);
  one.getTo(reply, bytes("none"), 0, 4, true);
  one.getTo(reply, bytes("none"), 0, 4, true);
  one.getTo(reply, bytes("none"), 0, 4, false);
  expect(replies.slice(5)).toEqual(["nil", "nil", "nil"]);
  expect([databases.hits, databases.misses]).toEqual([5, 3]);
});
