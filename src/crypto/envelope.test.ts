// Goal: the envelope never drifts, and none that is short, of another version or key is believed.
import { expect, test } from "vitest";
import { AssertionError } from "../base/assert.ts";
import {
  checkEnvelope,
  EnvelopeWriter,
  envelopeOverhead,
  flagCompressed,
  parseEnvelope,
} from "./envelope.ts";

const identity = { keyId: 0xfedcba98, node16: 0x0102, epoch: 0x0304 };
const coded = (code: string) => expect.objectContaining({ code });

function sample(flag = 0): Buffer {
  const buffer = Buffer.alloc(3 + envelopeOverhead + 5, 0xee);
  new EnvelopeWriter(identity).write(buffer, 3, flag);
  return buffer;
}

test("envelope: golden bytes, and nothing beside them touched", () => {
  expect(sample(flagCompressed).subarray(0, 23).toString("hex")).toBe(
    "eeeeee0101fedcba98010203040000000000000001eeee",
  );
});

test("envelope: what is written is read", () => {
  const buffer = sample(flagCompressed);
  const header = { flag: 1, keyId: identity.keyId, textLength: 5 };
  expect(parseEnvelope(buffer, 3, buffer.length - 3)).toEqual(header);
  expect(checkEnvelope(buffer, 3, buffer.length - 3, identity.keyId)).toBe(1);
});

test("envelope: every truncation is refused", () => {
  const buffer = sample();
  for (let length = 0; length < envelopeOverhead; length++) {
    const short = coded("CRYPTO_ENVELOPE_SHORT");
    expect(() => parseEnvelope(buffer, 3, length)).toThrow(short);
    expect(() => checkEnvelope(buffer, 3, length, identity.keyId)).toThrow(short);
  }
  expect(parseEnvelope(buffer, 3, envelopeOverhead).textLength).toBe(0);
});

test("envelope: other versions and reserved flag bits are refused", () => {
  for (const [at, values] of [
    [3, [0, 2, 0x81, 255]],
    [4, [2, 3, 4, 8, 16, 32, 64, 128]],
  ] as const)
    for (const value of values) {
      const buffer = sample();
      buffer[at] = value;
      const refused = coded("CRYPTO_ENVELOPE_VERSION");
      expect(() => parseEnvelope(buffer, 3, 39)).toThrow(refused);
      expect(() => checkEnvelope(buffer, 3, 39, identity.keyId)).toThrow(refused);
    }
  expect(() => new EnvelopeWriter(identity).write(Buffer.alloc(40), 0, 2)).toThrow(AssertionError);
});

test("envelope: key 0 and another key are unknown keys", () => {
  const buffer = sample();
  const unknown = coded("CRYPTO_KEY_UNKNOWN");
  expect(() => checkEnvelope(buffer, 3, 39, identity.keyId - 1)).toThrow(unknown);
  buffer.fill(0, 5, 9);
  expect(() => parseEnvelope(buffer, 3, 39)).toThrow(unknown);
  expect(() => checkEnvelope(buffer, 3, 39, 0)).toThrow(unknown);
  expect(() => new EnvelopeWriter({ ...identity, keyId: 0 })).toThrow(AssertionError);
});

test("envelope: a dead counter writes no header, so no text is sealed under an old nonce", () => {
  const writer = new EnvelopeWriter(identity, 2n ** 64n - 1n);
  const buffer = Buffer.alloc(40);
  writer.write(buffer, 0, 0);
  for (let attempt = 0; attempt < 2; attempt++)
    expect(() => writer.write(buffer, 20, 0)).toThrow(coded("CRYPTO_NONCES_EXHAUSTED"));
  expect(buffer.subarray(20).every((byte) => byte === 0)).toBe(true);
});

test("envelope: a subkey seals no more than its bound, and is dead from then on", () => {
  const writer = new EnvelopeWriter({ keyId: 1, node16: 1, epoch: 1 }, 1n, 2);
  const buffer = Buffer.alloc(64);
  writer.write(buffer, 0, 0);
  writer.write(buffer, 0, 0);
  for (let n = 0; n < 2; n++)
    expect(() => writer.write(buffer, 0, 0)).toThrow(/CRYPTO_NONCES_EXHAUSTED/);
});
