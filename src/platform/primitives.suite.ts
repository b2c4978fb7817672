/**
 * What both implementations of the primitives must do. Known answers are in src/crypto/vectors;
 * here is the behaviour that the vectors do not show: layout, bounds, refusals, disposal.
 * @module
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { alignedBuffer } from "./aligned.ts";
import { nonceBytes, openRow, type Primitives, tagBytes } from "./primitive-types.ts";

const key = Buffer.alloc(32, 7);
const prefix = Buffer.from("S cluster group");

/** AAD | nonce | text | tag at `at` of a buffer with `room` bytes after it. */
function layout(text: Uint8Array, aad: Uint8Array, at = 0, room = 0): Buffer {
  const buffer = Buffer.alloc(at + aad.length + nonceBytes + text.length + tagBytes + room, 0xee);
  buffer.set(aad, at);
  buffer.fill(3, at + aad.length, at + aad.length + nonceBytes);
  buffer.set(text, at + aad.length + nonceBytes);
  return buffer;
}

export function primitivesSuite(primitives: Primitives): void {
  describe(`primitives: ${primitives.kind}`, () => {
    aeadSuite(primitives);
    batchSuite(primitives);
    macSuite(primitives);
    misuseSuite(primitives);
  });
}

function aeadSuite(primitives: Primitives): void {
  test("what is sealed opens again, and nothing around it changes", () => {
    const bytes = fc.uint8Array({ maxLength: 700 });
    fc.assert(
      fc.property(bytes, bytes, fc.nat(50), fc.nat(50), (text, aad, at, room) => {
        const aead = primitives.aead(key, prefix);
        const before = layout(text, aad, at, room);
        const buffer = Buffer.from(before);
        aead.seal(buffer, at, aad.length, text.length);
        const textAt = at + aad.length + nonceBytes;
        const end = textAt + text.length + tagBytes;
        expect(buffer.subarray(0, textAt).equals(before.subarray(0, textAt))).toBe(true);
        expect(buffer.subarray(end).equals(before.subarray(end))).toBe(true);
        expect(aead.open(buffer, at, aad.length, text.length)).toBe(true);
        expect(buffer.subarray(textAt, textAt + text.length).equals(Buffer.from(text))).toBe(true);
        aead.dispose();
      }),
      { numRuns: 60 },
    );
  });

  test("a text sealed from elsewhere is sealed as in place, and stays as it is", () => {
    const bytes = fc.uint8Array({ maxLength: 700 });
    fc.assert(
      fc.property(bytes, bytes, fc.nat(50), fc.nat(50), (text, aad, at, from) => {
        const aead = primitives.aead(key, prefix);
        const wanted = layout(text, aad, at, 9);
        const buffer = layout(new Uint8Array(text.length), aad, at, 9);
        const source = Buffer.concat([Buffer.alloc(from, 5), text, Buffer.alloc(3, 5)]);
        const before = Buffer.from(source);
        aead.sealFrom(buffer, at, aad.length, text.length, source, from);
        aead.seal(wanted, at, aad.length, text.length);
        expect(buffer.equals(wanted)).toBe(true);
        expect(source.equals(before)).toBe(true);
        aead.dispose();
      }),
      { numRuns: 60 },
    );
  });

  test("every flipped bit is refused, and no plaintext is left behind", () => {
    const aead = primitives.aead(key, prefix);
    const sealed = layout(Buffer.from("secret text"), Buffer.from("aad"));
    aead.seal(sealed, 0, 3, 11);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const damaged = Buffer.from(sealed);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(aead.open(damaged, 0, 3, 11)).toBe(false);
      expect(damaged.subarray(15, 26).every((byte) => byte === 0)).toBe(true);
    }
    expect(aead.open(sealed, 0, 3, 11)).toBe(true);
  });

  test("another prefix, another key and a moved border between AADs do not open", () => {
    const sealed = layout(Buffer.from("secret text"), Buffer.from("aad"));
    primitives.aead(key, prefix).seal(sealed, 0, 3, 11);
    const opens = (primitive: Primitives, k: Buffer, p: Buffer) =>
      primitive.aead(k, p).open(Buffer.from(sealed), 0, 3, 11);
    expect(opens(primitives, key, prefix)).toBe(true);
    expect(opens(primitives, key, Buffer.from("L cluster group"))).toBe(false);
    expect(opens(primitives, key, Buffer.concat([prefix, Buffer.alloc(1)]))).toBe(false);
    expect(opens(primitives, Buffer.alloc(32, 8), prefix)).toBe(false);
  });

  test("the key and the prefix are copied: zeroing them changes nothing", () => {
    const [ownKey, ownPrefix] = [Buffer.from(key), Buffer.from(prefix)];
    const aead = primitives.aead(ownKey, ownPrefix);
    ownKey.fill(0);
    ownPrefix.fill(0);
    const sealed = layout(Buffer.from("text"), Buffer.alloc(0));
    aead.seal(sealed, 0, 0, 4);
    expect(primitives.aead(key, prefix).open(sealed, 0, 0, 4)).toBe(true);
  });

  test("works in shared, page-aligned and offset memory", () => {
    const aead = primitives.aead(key, prefix);
    const shared = alignedBuffer(4096).subarray(100, 300);
    const plain = layout(Buffer.alloc(50, 1), Buffer.alloc(9, 2));
    shared.set(plain);
    aead.seal(shared, 0, 9, 50);
    aead.seal(plain, 0, 9, 50);
    expect(shared.subarray(0, plain.length).equals(plain)).toBe(true);
    expect(aead.open(shared, 0, 9, 50)).toBe(true);
  });
}

function batchSuite(primitives: Primitives): void {
  test("a batch seals and signs as the single calls do", () => {
    const aead = primitives.aead(key, prefix);
    const rows = [layout(Buffer.alloc(30, 1), Buffer.alloc(5, 2)), layout(Buffer.alloc(0), key)];
    const together = Buffer.concat(rows);
    const table = Uint32Array.of(0, 5, 30, rows[0]!.length, 32, 0, 9, 9, 9);
    aead.sealMany(together, table, 2);
    aead.seal(rows[0]!, 0, 5, 30);
    aead.seal(rows[1]!, 0, 32, 0);
    expect(together.equals(Buffer.concat(rows))).toBe(true);

    const mac = primitives.mac(key);
    const [one, many] = [Buffer.alloc(40), Buffer.alloc(40)];
    mac.signMany(together, Uint32Array.of(0, 7, 3, 40), 2, many, 4, 16);
    mac.sign(together, 0, 7, one, 4, 16);
    mac.sign(together, 3, 40, one, 20, 16);
    expect(many.equals(one)).toBe(true);
  });

  test("a batch opens under a key of its own for each row, as the single calls do", () => {
    const keys = [7, 8].map((fill) => primitives.aead(Buffer.alloc(32, fill), prefix));
    const row = (text: number, fill: number) =>
      layout(Buffer.alloc(text, fill), Buffer.from("aad"));
    const texts = [row(30, 1), row(0, 0), row(17, 2)];
    const wanted = Buffer.concat(texts);
    keys[0]!.seal(texts[0]!, 0, 3, 30);
    keys[1]!.seal(texts[1]!, 0, 3, 0);
    keys[1]!.seal(texts[2]!, 0, 3, 17);
    const buffer = Buffer.concat(texts);
    const rows = Uint32Array.of(...[9, 0, 3, 30, 9], ...[9, 61, 3, 0, 9], ...[9, 92, 3, 17, 9]);
    primitives.openMany([keys[0]!, keys[1]!, keys[1]!], buffer, rows, 3);
    expect([rows[4], rows[9], rows[14]]).toEqual([1, 1, 1]);
    const textsOf = (all: Buffer) => [all.subarray(15, 45), all.subarray(107, 124)];
    expect(textsOf(buffer)).toEqual(textsOf(wanted));

    const damaged = Buffer.concat(texts);
    damaged[20]! ^= 1;
    primitives.openMany([keys[0]!, keys[0]!, keys[1]!], damaged, rows, 3);
    expect([rows[4], rows[9], rows[14]]).toEqual([0, 0, 1]);
    expect(textsOf(damaged)).toEqual([Buffer.alloc(30), textsOf(wanted)[1]]);
  });

  test("a batch with one bad row opens nothing", () => {
    const [live, dead] = [primitives.aead(key, prefix), primitives.aead(key, prefix)];
    dead.dispose();
    const buffer = layout(Buffer.alloc(30, 1), Buffer.alloc(5, 2));
    live.seal(buffer, 0, 5, 30);
    const before = Buffer.from(buffer);
    const good = [0, 0, 5, 30, 9];
    const outside = Uint32Array.of(...good, ...[0, 1, 5, 30, 9]);
    expect(() => primitives.openMany([live, live], buffer, outside, 2)).toThrow(RangeError);
    expect(() => primitives.openMany([live, live], buffer, outside, 3)).toThrow(RangeError);
    const twice = Uint32Array.of(...good, ...good);
    expect(() => primitives.openMany([live, dead], buffer, twice, 2)).toThrow(/disposed/);
    expect(buffer.equals(before)).toBe(true);
    expect([outside[4], twice[4]]).toEqual([9, 9]);
  });

  test("a batch with one bad row seals and signs nothing", () => {
    const aead = primitives.aead(key, prefix);
    const buffer = layout(Buffer.alloc(30, 1), Buffer.alloc(5, 2));
    const before = Buffer.from(buffer);
    const table = Uint32Array.of(0, 5, 30, 1, 5, 30);
    expect(() => aead.sealMany(buffer, table, 2)).toThrow(RangeError);
    expect(() => aead.sealMany(buffer, table, 3)).toThrow(RangeError);
    const mac = primitives.mac(key);
    expect(() => mac.signMany(key, Uint32Array.of(0, 4, 30, 3), 2, buffer, 0, 16)).toThrow(
      RangeError,
    );
    expect(() => mac.signMany(key, Uint32Array.of(0, 4), 2, buffer, 0, 16)).toThrow(RangeError);
    expect(() => mac.signMany(key, Uint32Array.of(0, 4, 0, 4), 2, buffer, 40, 16)).toThrow(
      RangeError,
    );
    expect(buffer.equals(before)).toBe(true);
  });
}

function macSuite(primitives: Primitives): void {
  test("a MAC is cut to the wanted length and written where wanted, even into its own data", () => {
    const mac = primitives.mac(key);
    const whole = Buffer.alloc(32);
    mac.sign(Buffer.from("data"), 0, 4, whole, 0, 32);
    const out = Buffer.alloc(20, 9);
    mac.sign(Buffer.from("xxdata"), 2, 4, out, 2, 16);
    expect(out.subarray(2, 18).equals(whole.subarray(0, 16))).toBe(true);
    expect([...out.subarray(0, 2), ...out.subarray(18)]).toEqual([9, 9, 9, 9]);
    const own = Buffer.alloc(32);
    own.write("data");
    mac.sign(own, 0, 4, own, 0, 32);
    expect(own.equals(whole)).toBe(true);
  });
}

function misuseSuite(primitives: Primitives): void {
  const aead = primitives.aead(key, prefix);
  const mac = primitives.mac(key);
  const buffer = layout(Buffer.alloc(10), Buffer.alloc(2));
  const source = Buffer.alloc(12);
  const bad = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32, 2 ** 53];

  test("no number leads outside the buffer", () => {
    for (const number of [...bad, 13, 41])
      for (const call of [
        () => aead.seal(buffer, number, 2, 10),
        () => aead.seal(buffer, 0, number, 10),
        () => aead.seal(buffer, 0, 2, number),
        () => aead.sealFrom(buffer, number, 2, 10, source, 0),
        () => aead.sealFrom(buffer, 0, number, 10, source, 0),
        () => aead.sealFrom(buffer, 0, 2, number, source, 0),
        () => aead.sealFrom(buffer, 0, 2, 10, source, number),
        () => aead.open(buffer, number, 2, 10),
        () => aead.open(buffer, 0, number, 10),
        () => aead.open(buffer, 0, 2, number),
      ])
        expect(call, String(number)).toThrow(RangeError);
    for (const number of [...bad, 41])
      for (const call of [
        () => mac.sign(buffer, number, 1, buffer, 0, 16),
        () => mac.sign(buffer, 0, number, buffer, 0, 16),
        () => mac.sign(buffer, 0, 1, buffer, number, 16),
        () => mac.sign(buffer, 0, 1, buffer, 0, number),
        () => aead.sealMany(buffer, new Uint32Array(9), number),
        () => primitives.openMany([aead], buffer, new Uint32Array(9), number),
        () => mac.signMany(buffer, new Uint32Array(9), number, buffer, 0, 16),
      ])
        expect(call, String(number)).toThrow(RangeError);
    expect(() => mac.sign(buffer, 0, 1, buffer, 0, 0)).toThrow(RangeError);
    expect(() => mac.sign(buffer, 0, 1, Buffer.alloc(64), 0, 33)).toThrow(RangeError);
  });

  test("other kinds of arguments are refused", () => {
    for (const wrong of [
      null,
      undefined,
      "text",
      7,
      [],
      new Uint16Array(64),
      new DataView(new ArrayBuffer(64)),
    ]) {
      const bytes = wrong as unknown as Uint8Array;
      expect(() => aead.seal(bytes, 0, 0, 0)).toThrow(TypeError);
      expect(() => aead.sealFrom(bytes, 0, 0, 0, source, 0)).toThrow(TypeError);
      expect(() => aead.sealFrom(buffer, 0, 0, 0, bytes, 0)).toThrow(TypeError);
      expect(() => aead.open(bytes, 0, 0, 0)).toThrow(TypeError);
      expect(() => aead.sealMany(buffer, bytes as never, 0)).toThrow(TypeError);
      const row = new Uint32Array(openRow);
      expect(() => primitives.openMany([aead], bytes, row, 1)).toThrow(TypeError);
      expect(() => primitives.openMany([aead], buffer, bytes as never, 0)).toThrow(TypeError);
      expect(() => mac.sign(bytes, 0, 0, buffer, 0, 16)).toThrow(TypeError);
      expect(() => mac.sign(buffer, 0, 0, bytes, 0, 16)).toThrow(TypeError);
      expect(() => primitives.mac(bytes)).toThrow(TypeError);
      expect(() => primitives.aead(bytes, prefix)).toThrow(TypeError);
    }
    const detached = new Uint8Array(64);
    structuredClone(detached, { transfer: [detached.buffer] });
    expect(() => aead.seal(detached, 0, 0, 0)).toThrow(RangeError);
  });

  test("keys of another size and prefixes too long are refused", () => {
    for (const length of [0, 16, 24, 31, 33])
      expect(() => primitives.aead(Buffer.alloc(length), prefix)).toThrow(RangeError);
    expect(() => primitives.aead(key, Buffer.alloc(257))).toThrow(RangeError);
    expect(() => primitives.aead(key, Buffer.alloc(256))).not.toThrow();
  });

  test("a disposed key does nothing more, and its place does not serve another", () => {
    const [dead, deadMac] = [primitives.aead(key, prefix), primitives.mac(key)];
    for (const one of [dead, deadMac]) {
      one.dispose();
      one.dispose();
    }
    const others = [primitives.aead(key, prefix), primitives.mac(key)];
    expect(() => dead.seal(buffer, 0, 2, 10)).toThrow(/disposed/);
    expect(() => dead.open(buffer, 0, 2, 10)).toThrow(/disposed/);
    expect(() => deadMac.sign(buffer, 0, 1, buffer, 0, 16)).toThrow(/disposed/);
    for (const one of others) one.dispose();
  });
}
