// Goal: the mixing is MurmurHash3's, and keys that collide under every seed of the published
// multipliers do not collide under secret ones.
// Method: published vectors; collisions made from the published differential.
import { expect, test } from "vitest";
import { type HashSecret, hashKey, hashSecret } from "./hash.ts";

const published = (seed: number): HashSecret => ({
  seed,
  first: 0xcc9e2d51,
  second: 0x1b873593,
});

function hash(secret: HashSecret, data: Buffer): number {
  return hashKey(secret, 0, data, 0, data.length) >>> 0;
}

test("hash: with the published multipliers it is MurmurHash3_x86_32", () => {
  const vectors: [string, number, number][] = [
    ["", 0, 0],
    ["", 1, 0x514e28b7],
    ["test", 0, 0xba6bd213],
    ["Hello, world!", 0x9747b28c, 0x24884cba],
    ["The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd],
  ];
  for (const [text, seed, expected] of vectors)
    expect(hash(published(seed), Buffer.from(text))).toBe(expected);
});

/** The word that MurmurHash3 mixes into `mixed` before it meets the state. */
function wordFor(mixed: number): number {
  const inverse = (odd: number): number => {
    let x = odd;
    for (let n = 0; n < 5; n++) x = Math.imul(x, 2 - Math.imul(odd, x));
    return x;
  };
  const word = Math.imul(mixed, inverse(0x1b873593));
  return Math.imul((word >>> 15) | (word << 17), inverse(0xcc9e2d51)) >>> 0;
}

test("hash: keys that collide under every seed of MurmurHash3 do not collide here", () => {
  // A pair of words whose two choices leave the same state behind, whatever it was before.
  const choices: [number, number][] = [[0x1234567, 0x89abcdef]];
  choices.push([0x1234567 ^ 0x00040000, 0x89abcdef ^ 0x80000000]);
  const keys = Array.from({ length: 256 }, (_, n) => {
    const key = Buffer.alloc(64);
    for (let pair = 0; pair < 8; pair++) {
      const [one, two] = choices[(n >> pair) & 1] as readonly [number, number];
      key.writeUInt32LE(wordFor(one), pair * 8);
      key.writeUInt32LE(wordFor(two), pair * 8 + 4);
    }
    return key;
  });
  for (const seed of [0, 1, 0xdeadbeef]) {
    expect(new Set(keys.map((key) => hash(published(seed), key))).size).toBe(1);
    expect(new Set(keys.map((key) => hash(hashSecret(seed), key))).size).toBe(256);
  }
});

test("hash: it sees only [start, end), every byte of it, its length and the tweak", () => {
  const secret = hashSecret(7);
  const key = Buffer.from("a key of 21 bytes....");
  const padded = Buffer.concat([Buffer.from("xx"), key, Buffer.from("y")]);
  expect(hashKey(secret, 3, padded, 2, 2 + key.length)).toBe(hashKey(secret, 3, key, 0, 21));
  const seen = new Set([hash(secret, key), hashKey(secret, 1, key, 0, 21) >>> 0]);
  for (let at = 0; at < key.length; at++) {
    const other = Buffer.from(key);
    other[at] = 0xff;
    seen.add(hash(secret, other));
    seen.add(hash(secret, key.subarray(0, at)));
  }
  expect(seen.size).toBe(2 + 2 * key.length);
});
