/**
 * What the crypto of the house must give on any implementation of the primitives: the published
 * answers, the frozen formats, and the properties of sealing.
 * @module
 */
import { describe, expect, test } from "vitest";
import { nonceBytes, type Primitives, tagBytes } from "../platform/primitives.ts";
import { EnvelopeWriter, envelopeOverhead, envelopeTextAt, parseEnvelope } from "./envelope.ts";
import { Keystore } from "./keystore.ts";
import { PhysicalKeys } from "./prf.ts";
import { deriveMacKey, deriveSubkey, type SubkeyPlace, subkeyInfo } from "./subkey.ts";
import edges from "./vectors/aes-256-gcm-edges.json" with { type: "json" };
import nist from "./vectors/aes-256-gcm-nist.json" with { type: "json" };
import wycheproof from "./vectors/aes-256-gcm-wycheproof.json" with { type: "json" };
import hkdf from "./vectors/hkdf-sha-256-rfc5869.json" with { type: "json" };
import hmac from "./vectors/hmac-sha-256-rfc4231.json" with { type: "json" };

const hex = (text: string) => Buffer.from(text, "hex");
const counting = (length: number, start: number, step = 1) =>
  Buffer.from(Array.from({ length }, (_, i) => (i * step + start) & 255));

const dek = counting(32, 0);
const place: SubkeyPlace = {
  use: "storage",
  keyId: 7,
  salt: counting(32, 32),
  group: 1,
  node16: 0xabcd,
  epoch: 3,
};

export function cryptoSuite(primitives: Primitives): void {
  describe(`crypto on ${primitives.kind}`, () => {
    knownAnswers(primitives);
    wycheproofSuite(primitives);
    tagsSuite(primitives);
    frozenFormats(primitives);
    sealingSuite(primitives);
  });
}

interface Sealing {
  readonly key: Buffer;
  readonly nonce: Buffer;
  readonly text: Buffer;
  readonly aad: Buffer;
}

/** AAD | nonce | text | room for the tag. */
function layout({ nonce, text, aad }: Sealing): Buffer {
  return Buffer.concat([aad, nonce, text, Buffer.alloc(tagBytes)]);
}

/** Seals with the AAD cut in two at each of some places: prefix of the key, AAD of the call. */
function sealedBySplits(primitives: Primitives, sealing: Sealing): Buffer[] {
  const { key, aad, text } = sealing;
  const cuts = new Set([0, aad.length >> 1, Math.min(aad.length, 256)]);
  return [...cuts].map((cut) => {
    const rest = { ...sealing, aad: aad.subarray(cut) };
    const buffer = layout(rest);
    const aead = primitives.aead(key, aad.subarray(0, cut));
    aead.seal(buffer, 0, rest.aad.length, text.length);
    const sealed = Buffer.from(buffer.subarray(rest.aad.length + nonceBytes));
    expect(aead.open(buffer, 0, rest.aad.length, text.length)).toBe(true);
    expect(buffer.subarray(rest.aad.length + nonceBytes, -tagBytes).equals(text)).toBe(true);
    aead.dispose();
    return sealed;
  });
}

function knownAnswers(primitives: Primitives): void {
  test.each(nist.cases)("AES-256-GCM: $name", (vector) => {
    const sealing: Sealing = {
      key: hex(vector.key),
      nonce: hex(vector.nonce),
      text: hex(vector.text),
      aad: hex(vector.aad),
    };
    for (const sealed of sealedBySplits(primitives, sealing))
      expect(sealed.toString("hex")).toBe(vector.sealed + vector.tag);
  });

  test.each(edges.cases)("AES-256-GCM, edges: $name", (vector) => {
    const sealing: Sealing = {
      key: counting(32, 11, 7),
      nonce: hex(vector.nonce),
      text: counting(vector.textLength, 1, 7),
      aad: counting(vector.aadLength, 2, 7),
    };
    for (const sealed of sealedBySplits(primitives, sealing)) {
      const digest = primitives.sha256(sealed.subarray(0, -tagBytes)).toString("hex");
      expect(digest).toBe(vector.sealedSha256);
      expect(sealed.subarray(-tagBytes).toString("hex")).toBe(vector.tag);
    }
  });

  test.each(hkdf.cases)("HKDF-SHA-256: RFC 5869 $name", ({ ikm, salt, info, length, okm }) => {
    expect(primitives.hkdf(hex(ikm), hex(salt), hex(info), length).toString("hex")).toBe(okm);
  });

  test.each(hmac.cases)("HMAC-SHA-256: RFC 4231 $name", ({ key, data, mac }) => {
    const out = Buffer.alloc(mac.length / 2);
    primitives.mac(hex(key)).sign(hex(data), 0, data.length / 2, out, 0, out.length);
    expect(out.toString("hex")).toBe(mac);
  });

  test("SHA-256: FIPS 180-4, example of one block", () => {
    expect(primitives.sha256(Buffer.from("abc")).toString("hex")).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
}

function wycheproofSuite(primitives: Primitives): void {
  test.each(wycheproof.cases)("AES-256-GCM: Wycheproof $tcId $comment", (vector) => {
    const sealing: Sealing = {
      key: hex(vector.key),
      nonce: hex(vector.iv),
      text: hex(vector.msg),
      aad: hex(vector.aad),
    };
    const valid = vector.result === "valid";
    // Of an invalid one the tag alone was changed: it seals to the same text and another tag.
    for (const sealed of sealedBySplits(primitives, sealing)) {
      expect(sealed.subarray(0, -tagBytes).toString("hex")).toBe(vector.ct);
      expect(sealed.subarray(-tagBytes).toString("hex") === vector.tag).toBe(valid);
    }
    const given = hex(vector.aad + vector.iv + vector.ct + vector.tag);
    const aead = primitives.aead(sealing.key, new Uint8Array(0));
    expect(aead.open(given, 0, sealing.aad.length, sealing.text.length)).toBe(valid);
    const textAt = sealing.aad.length + nonceBytes;
    const left = valid ? sealing.text : Buffer.alloc(sealing.text.length);
    expect(given.subarray(textAt, -tagBytes).equals(left)).toBe(true);
    aead.dispose();
  });

  test("AES-256-GCM: Wycheproof, the whole group", () => {
    const ids = wycheproof.cases.map(({ tcId }) => tcId);
    expect(ids).toEqual(Array.from({ length: 66 }, (_, at) => 91 + at));
    expect(wycheproof.cases.filter(({ result }) => result === "invalid")).toHaveLength(27);
  });
}

/** Flips bits of every byte from `from` up to `to`. */
const flip = (tag: Buffer, mask: number, from = 0, to = tag.length) => {
  for (let at = from; at < to; at++) tag[at]! ^= mask;
};

/** Changes of a tag that broken comparisons have let pass, in the manner of Wycheproof. */
const modifiedTags: Record<string, (tag: Buffer) => void> = {
  zeros: (tag) => tag.fill(0),
  ones: (tag) => tag.fill(0xff),
  complement: (tag) => flip(tag, 0xff),
  "high bit of each byte": (tag) => flip(tag, 0x80),
  "low bit of each byte": (tag) => flip(tag, 1),
  "first byte alone": (tag) => flip(tag, 0xff, 0, 1),
  "last byte alone": (tag) => flip(tag, 0xff, 15),
  "last four bytes": (tag) => flip(tag, 1, 12),
  "halves that cancel out": (tag) => {
    tag[0]! ^= 0x40;
    tag[8]! ^= 0x40;
  },
  reversed: (tag) => tag.reverse(),
  "words exchanged": (tag) => tag.swap32(),
};

function tagsSuite(primitives: Primitives): void {
  test.each(Object.entries(modifiedTags))("AES-256-GCM: a modified tag, %s", (_name, modify) => {
    for (const vector of nist.cases) {
      const sealed = hex(vector.aad + vector.nonce + vector.sealed + vector.tag);
      modify(sealed.subarray(-tagBytes));
      const aead = primitives.aead(hex(vector.key), new Uint8Array(0));
      const textLength = vector.text.length / 2;
      expect(aead.open(sealed, 0, vector.aad.length / 2, textLength)).toBe(false);
    }
  });

  test("AES-256-GCM: every flipped bit of a tag, a nonce, an AAD or a text is refused", () => {
    for (const vector of nist.cases.slice(0, 6)) {
      const aead = primitives.aead(hex(vector.key), new Uint8Array(0));
      const sealed = hex(vector.aad + vector.nonce + vector.sealed + vector.tag);
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const damaged = Buffer.from(sealed);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        const [aadLength, textLength] = [vector.aad.length / 2, vector.text.length / 2];
        expect(aead.open(damaged, 0, aadLength, textLength)).toBe(false);
      }
    }
  });
}

function frozenFormats(primitives: Primitives): void {
  test("format: the info string and the subkey of a place", () => {
    expect(subkeyInfo(place).toString("latin1")).toBe(
      "strongroom/1/storage\0\0\0\x07\0\x01\xab\xcd\0\x03",
    );
    expect(deriveSubkey(primitives, dek, place).toString("hex")).toBe(
      "122ae4b811af84a9f052d8b8ae5eb1b8e3ef5aa15596bdbc64587f7361c63d23",
    );
    expect(deriveSubkey(primitives, dek, { ...place, use: "log" }).toString("hex")).toBe(
      "230498dc77908fbff269acf414bafdfb8fe6fbee8482e96fb68db4ddaf010a4a",
    );
  });

  test("format: the MAC key of a kind of file", () => {
    expect(deriveMacKey(primitives, dek, 7, "segment").toString("hex")).toBe(
      "f690749610e0c18e4383c72ff6725c681c6bd79cafb9aa4a12b715427b06d6fe",
    );
  });

  test("format: physical keys of roots and chunks", () => {
    const keys = new PhysicalKeys(primitives, dek, 1);
    const out = Buffer.alloc(20);
    keys.root(0x01020304, Buffer.from("xuser:1x"), 1, 7, out, 2);
    expect(out.subarray(2, 18).toString("hex")).toBe("c04a2a8ebf7162cedeaa660222ca5fd6");
    keys.chunk(0x1020304050607, 8, 9, out, 2);
    expect(out.subarray(2, 18).toString("hex")).toBe("48e0942bfedfcc8093d31d1dbf166fd9");
    keys.dispose();
  });

  test("format: a sealed envelope", () => {
    const sealed = sealOne(primitives, Buffer.from("hello"));
    expect(sealed.subarray(46).toString("hex")).toBe(
      "010000000007abcd00030000000000000001b96abd929d474fe326a33d07bbffbf40ee7f85be28",
    );
    expect(parseEnvelope(sealed, 46, sealed.length - 46)).toEqual({
      flag: 0,
      keyId: 7,
      textLength: 5,
    });
  });
}

const prefix = Buffer.concat([Buffer.from("S"), Buffer.alloc(16), Buffer.from([0, 1])]);

/** A record: 46 bytes of header, then the envelope. */
function sealOne(primitives: Primitives, text: Buffer): Buffer {
  const buffer = Buffer.alloc(46 + envelopeOverhead + text.length, 1);
  new EnvelopeWriter(place).write(buffer, 46, 0);
  text.copy(buffer, 46 + envelopeTextAt);
  const aead = primitives.aead(deriveSubkey(primitives, dek, place), prefix);
  aead.seal(buffer, 0, 52, text.length);
  aead.dispose();
  return buffer;
}

function sealingSuite(primitives: Primitives): void {
  const text = Buffer.from("a secret value");
  const keystore = new Keystore(primitives);
  keystore.add(7, "storage", dek);
  keystore.add(8, "storage", counting(32, 1));
  keystore.add(9, "log", counting(32, 2));
  const opens = (at: SubkeyPlace, aadPrefix: Buffer, sealed: Buffer) =>
    primitives.aead(keystore.derive(at), aadPrefix).open(Buffer.from(sealed), 0, 52, text.length);

  test("integrity: every flipped bit of a record, its header or its envelope is refused", () => {
    const sealed = sealOne(primitives, text);
    expect(opens(place, prefix, sealed)).toBe(true);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const damaged = Buffer.from(sealed);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(opens(place, prefix, damaged)).toBe(false);
    }
  });

  test("move-integrity: a record does not open in another cluster, group, use or writer", () => {
    const sealed = sealOne(primitives, text);
    const moved = (at: number, value: number) => {
      const other = Buffer.from(prefix);
      other[at] = value;
      return opens(place, other, sealed);
    };
    expect(moved(0, "L".charCodeAt(0))).toBe(false);
    expect(moved(5, 1)).toBe(false);
    expect(moved(18, 2)).toBe(false);
    for (const change of [
      { group: 2 },
      { keyId: 8 },
      { node16: 0xabce },
      { epoch: 4 },
      { salt: counting(32, 33) },
      { use: "snapshot" as const },
      { use: "log" as const, keyId: 9 },
    ])
      expect(opens({ ...place, ...change }, prefix, sealed)).toBe(false);
  });

  test("confidentiality: a fresh salt gives other bytes under the same counts", () => {
    const one = keystore.derive(place);
    const other = keystore.derive({ ...place, salt: counting(32, 99) });
    expect(one.equals(other)).toBe(false);
  });
}
