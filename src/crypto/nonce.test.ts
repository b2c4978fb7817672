// Goal: under one counter no nonce is ever handed out twice, not even after its end.
import { expect, test } from "vitest";
import { AssertionError } from "../base/assert.ts";
import { NonceCounter, writeCountMax } from "./nonce.ts";

const writer = { node16: 0xabcd, epoch: 0x0102 };
const exhausted = expect.objectContaining({ code: "CRYPTO_NONCES_EXHAUSTED" });

function next(counter: NonceCounter): string {
  const nonce = Buffer.alloc(12);
  counter.write(nonce, 0);
  return nonce.toString("hex");
}

test("nonce: node16, epoch and a count from 1, big-endian, nothing beside it touched", () => {
  const buffer = Buffer.alloc(16, 0xee);
  new NonceCounter(writer).write(buffer, 2);
  expect(buffer.toString("hex")).toBe("eeeeabcd01020000000000000001eeee");
});

test("nonce: none repeats, and counts go up by one", () => {
  const counter = new NonceCounter(writer);
  const seen = new Set<string>();
  for (let count = 1; count <= 20_000; count++) {
    const nonce = next(counter);
    expect(nonce).toBe(`abcd0102${count.toString(16).padStart(16, "0")}`);
    seen.add(nonce);
  }
  expect(seen.size).toBe(20_000);
});

test("nonce: none repeats where the low word of the count rolls over", () => {
  const counter = new NonceCounter(writer, 0xffff_fffen);
  expect([next(counter), next(counter), next(counter), next(counter)]).toEqual([
    "abcd010200000000fffffffe",
    "abcd010200000000ffffffff",
    "abcd01020000000100000000",
    "abcd01020000000100000001",
  ]);
});

test("nonce: after the last count the counter is dead for good, and writes nothing", () => {
  const counter = new NonceCounter(writer, writeCountMax - 1n);
  expect(next(counter)).toBe("abcd0102fffffffffffffffe");
  expect(next(counter)).toBe("abcd0102ffffffffffffffff");
  const buffer = Buffer.alloc(12, 0xee);
  for (let attempt = 0; attempt < 3; attempt++)
    expect(() => counter.write(buffer, 0)).toThrow(exhausted);
  expect(buffer.equals(Buffer.alloc(12, 0xee))).toBe(true);
});

test("nonce: epoch 0, count 0 and identities out of range are bugs", () => {
  for (const wrong of [
    { node16: 1, epoch: 0 },
    { node16: 1, epoch: 0x1_0000 },
    { node16: 0x1_0000, epoch: 1 },
    { node16: -1, epoch: 1 },
  ])
    expect(() => new NonceCounter(wrong)).toThrow(AssertionError);
  expect(() => new NonceCounter(writer, 0n)).toThrow(AssertionError);
  expect(() => new NonceCounter(writer, writeCountMax + 1n)).toThrow(AssertionError);
  expect(() => new NonceCounter(writer).write(Buffer.alloc(12), 1)).toThrow(AssertionError);
});
