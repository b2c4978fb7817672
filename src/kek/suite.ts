/**
 * What every KEK provider must do, wherever its key is: wraps have at most 4096 bytes, open under
 * their own KEK and binding alone, and tell a wrong key from one that cannot be reached.
 * @module
 */
import { afterEach, describe, expect, test } from "vitest";
import { AssertionError } from "../base/assert.ts";
import type { KekProvider } from "./provider.ts";

/**
 * `open(1)` and `open(2)` open two different keys, each time anew.
 * @param stride - Bits, and lengths, from one damage to the next: a prime where a call is slow.
 */
export function kekSuite(
  name: string,
  open: (which: 1 | 2) => Promise<KekProvider>,
  stride = 1,
): void {
  describe(`kek: ${name}`, () => {
    const opened: KekProvider[] = [];
    const get = async (which: 1 | 2) => {
      const kek = await open(which);
      opened.push(kek);
      return kek;
    };
    afterEach(() => {
      for (const kek of opened.splice(0)) kek.close();
    });
    wrapping(get, stride);
    identity(get);
  });
}

type Get = (which: 1 | 2) => Promise<KekProvider>;

const wrong = expect.objectContaining({ code: "KEK_WRONG", retryable: false });
const dek = () => Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const binding = Buffer.from("00112233445566778899aabbccddeeff0100000007", "hex");

function wrapping(get: Get, stride: number): void {
  test("what is wrapped unwraps, also after the KEK was opened anew", async () => {
    const wrapped = await (await get(1)).wrap(dek(), binding);
    expect(wrapped.length).toBeLessThanOrEqual(4096);
    expect((await (await get(1)).unwrap(wrapped, binding)).equals(dek())).toBe(true);
  });

  test("confidentiality: two wraps of one DEK differ, and neither holds it", async () => {
    const kek = await get(1);
    const wraps = [await kek.wrap(dek(), binding), await kek.wrap(dek(), binding)];
    expect(wraps[0]!.equals(wraps[1]!)).toBe(false);
    for (const wrap of wraps) expect(wrap.includes(dek().subarray(0, 8))).toBe(false);
  });

  test("integrity: a flipped bit and a truncation of a wrap are refused", async () => {
    const kek = await get(1);
    const wrapped = await kek.wrap(dek(), binding);
    for (let bit = 0; bit < wrapped.length * 8; bit += stride) {
      const damaged = Buffer.from(wrapped);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      await expect(kek.unwrap(damaged, binding)).rejects.toThrow(wrong);
    }
    for (let length = 0; length < wrapped.length; length += stride)
      await expect(kek.unwrap(wrapped.subarray(0, length), binding)).rejects.toThrow(wrong);
    const longer = Buffer.concat([wrapped, Buffer.alloc(1)]);
    await expect(kek.unwrap(longer, binding)).rejects.toThrow(wrong);
  });

  test("move-integrity: a wrap does not open for another cluster, purpose or key id", async () => {
    const kek = await get(1);
    const wrapped = await kek.wrap(dek(), binding);
    for (let bit = 0; bit < binding.length * 8; bit += stride) {
      const other = Buffer.from(binding);
      other[bit >> 3]! ^= 1 << (bit & 7);
      await expect(kek.unwrap(wrapped, other)).rejects.toThrow(wrong);
    }
  });

  test("another KEK does not open a wrap, and says so for good", async () => {
    const wrapped = await (await get(1)).wrap(dek(), binding);
    await expect((await get(2)).unwrap(wrapped, binding)).rejects.toThrow(wrong);
  });

  test("several KEKs: either opens the DEK by its own wrap", async () => {
    const keks = [await get(1), await get(2)];
    const wraps = await Promise.all(keks.map((kek) => kek.wrap(dek(), binding)));
    for (const [at, kek] of keks.entries())
      expect((await kek.unwrap(wraps[at]!, binding)).equals(dek())).toBe(true);
  });

  test("an unwrapped DEK is the caller's own: zeroing it changes no other", async () => {
    const kek = await get(1);
    const wrapped = await kek.wrap(dek(), binding);
    const one = await kek.unwrap(wrapped, binding);
    const other = await kek.unwrap(wrapped, binding);
    one.fill(0);
    expect(other.equals(dek())).toBe(true);
  });
}

function identity(get: Get): void {
  test("the id is that of the key: stable, another for another key, not long", async () => {
    const ids = await Promise.all([get(1), get(1), get(2)].map(async (kek) => (await kek).id));
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(ids[2]);
    expect(ids[0]).toMatch(/^[a-z0-9-]+:[\x21-\x7e]{1,240}$/);
  });

  test("a closed KEK serves no more and can be closed again", async () => {
    const kek = await get(1);
    kek.close();
    kek.close();
    await expect(kek.wrap(dek(), binding)).rejects.toThrow(AssertionError);
    await expect(kek.unwrap(Buffer.alloc(60), binding)).rejects.toThrow(AssertionError);
  });
}
