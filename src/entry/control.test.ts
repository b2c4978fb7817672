// Goal: what control entries look like on disk never drifts; nothing cut, padded or out of bounds
// is read as one; a trailer is bound to its place.
// Method: golden vectors, every truncation and every flipped bit, random values there and back.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Epoch, FullNodeId, KeyId } from "../base/brand.ts";
import { StrongroomError } from "../base/errors.ts";
import { nodePrimitives } from "../platform/node-primitives.ts";
import {
  controlMacInput,
  controlOpcodes,
  decodeBootstrap,
  decodeRegistration,
  encodeBootstrap,
  encodeControlPayload,
  encodeRegistration,
  splitTrailer,
  stampOf,
  trailerBytes,
} from "./control.ts";
import { decodeKeyChange, encodeKeyChange, type KeyChange, wrapsDigest } from "./keychange.ts";
import {
  type Registration,
  registrationBytes,
  registrationsMax,
  sessionIdOf,
} from "./registration.ts";
import type { Stamp } from "./stamp.ts";
import type { Wrap } from "./wraps.ts";

const sha256 = nodePrimitives.sha256.bind(nodePrimitives);
const key = (id: number): KeyId => id as KeyId;
const cluster = Buffer.alloc(16, 0xc1);

const registration: Registration = {
  dek: 2,
  fullNodeId: 0x0102030405060708n as FullNodeId,
  epoch: 3 as Epoch,
  salt: Buffer.alloc(32, 0x5a),
};
const wraps: Wrap[] = [
  { kekId: "file:00112233", bytes: Buffer.from("aabb", "hex") },
  { kekId: "é", bytes: Buffer.from("01", "hex") },
];
const stamp: Stamp = { request: Buffer.alloc(16, 0x77), timeMs: 0x0102030405 };
const stampHex = `${"77".repeat(16)}0000000102030405`;
const unasked = "00".repeat(24);
const bootstrap = {
  cluster,
  storage: { keyId: key(1), wraps },
  log: { keyId: key(2), wraps: wraps.slice(0, 1) },
  index: { keyId: key(3), wraps: wraps.slice(1) },
  registrations: [registration],
};
const changes: KeyChange[] = [
  { kind: "add", keyId: key(4), purpose: "log", previous: key(2), wraps },
  { kind: "activate", keyId: key(4), purpose: "log", previous: key(2), registrations: [] },
  {
    kind: "activate",
    keyId: key(4),
    purpose: "storage",
    previous: key(1),
    registrations: [registration],
  },
  { kind: "rewrap", keyId: key(1), replaces: Buffer.alloc(32, 7), wraps },
  { kind: "fence", keyId: key(1) },
  { kind: "retire", keyId: key(1) },
  { kind: "enable-storage" },
  { kind: "enable-log" },
  { kind: "skip", index: 77, digest: Buffer.alloc(32, 9), reason: "disk damage" },
  { kind: "feature-level", level: 2 },
  {
    kind: "clear-index-key",
    cluster,
    keyId: key(3),
    raw: Buffer.alloc(32, 0x11),
    registration: { ...registration, dek: 0 },
  },
];

const registrationHex = `00000002010203040506070800035a${"5a".repeat(31)}`;
const wrapsHex = "020d66696c653a30303131323233330002aabb02c3a9000101";

describe("golden vectors", () => {
  test("registration", () => {
    expect(encodeRegistration(registration, stamp).toString("hex")).toBe(
      `01${stampHex}${registrationHex}`,
    );
    expect(encodeRegistration(registration).toString("hex")).toBe(`01${unasked}${registrationHex}`);
  });
  test("bootstrap", () => {
    expect(encodeBootstrap(bootstrap, stamp).toString("hex")).toBe(
      `01${stampHex}${"c1".repeat(16)}00000001${wrapsHex}` +
        "00000002010d66696c653a30303131323233330002aabb" +
        `000000030102c3a900010100000001${registrationHex}`,
    );
  });
  test("changes of the keyring", () => {
    const head = `01${stampHex}`;
    expect(changes.map((change) => encodeKeyChange(change, stamp).toString("hex"))).toEqual([
      `${head}01000000040200000002${wrapsHex}`,
      `${head}0200000004020000000200000000`,
      `${head}0200000004010000000100000001${registrationHex}`,
      `${head}0300000001${"07".repeat(32)}${wrapsHex}`,
      `${head}0400000001`,
      `${head}0500000001`,
      `${head}06`,
      `${head}07`,
      `${head}08000000000000004d${"09".repeat(32)}000b6469736b2064616d616765`,
      `${head}0900000002`,
      `${head}0a${"c1".repeat(16)}00000003${"11".repeat(32)}00000000${registrationHex.slice(8)}`,
    ]);
  });
  test("what the trailer covers, and the payload", () => {
    const place = { cluster, group: 1, session: 0xabcdn, seq: 5 };
    const body = Buffer.from("0106", "hex");
    expect(controlMacInput(place, controlOpcodes.keyChange, key(2), body).toString("hex")).toBe(
      `${Buffer.from("strongroom/1/control\0").toString("hex")}${"c1".repeat(16)}0001` +
        "000000000000abcd000000000000000505000000020106",
    );
    const payload = encodeControlPayload(5, body, { keyId: key(2), tag: Buffer.alloc(32, 0xee) });
    expect(payload.toString("hex")).toBe(`05010600000002${"ee".repeat(32)}`);
    const trailer = splitTrailer(payload.subarray(1))!;
    expect(trailer.body).toEqual(body);
    expect(trailer.keyId).toBe(2);
    expect(trailer.tag).toEqual(Buffer.alloc(32, 0xee));
  });
  test("a session is named by the first 8 bytes of SHA-256(salt), FIPS 180-4", () => {
    expect(sessionIdOf(Buffer.alloc(32), sha256)).toBe(0x66687aadf862bd77n);
  });
});

const samples: [string, Buffer, (body: Buffer) => Buffer][] = [
  [
    "registration",
    encodeRegistration(registration, stamp),
    (b) => encodeRegistration(decodeRegistration(b), stampOf(b)),
  ],
  [
    "bootstrap",
    encodeBootstrap(bootstrap, stamp),
    (b) => encodeBootstrap(decodeBootstrap(b), stampOf(b)),
  ],
  ...changes.map((change): [string, Buffer, (body: Buffer) => Buffer] => [
    change.kind,
    encodeKeyChange(change, stamp),
    (b) => encodeKeyChange(decodeKeyChange(b), stampOf(b)),
  ]),
];

describe.each(samples)("%s", (_name, whole, again) => {
  test("survives there and back", () => {
    expect(again(whole)).toEqual(whole);
  });
  test("every truncation is refused", () => {
    for (let size = 0; size < whole.length; size++)
      expect(() => again(whole.subarray(0, size))).toThrow(StrongroomError);
  });
  test("a byte too many is refused", () => {
    expect(() => again(Buffer.concat([whole, Buffer.from([0])]))).toThrow(/FORMAT_TRAILING/);
  });
  test("a flipped bit is refused or read as another value, never as the same", () => {
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      try {
        expect(again(flipped)).toEqual(flipped);
      } catch (error) {
        expect(error).toBeInstanceOf(StrongroomError);
      }
    }
  });
});

describe("bounds", () => {
  test("a count is checked before memory is taken for it", () => {
    const body = encodeBootstrap(bootstrap);
    const at = body.length - registrationBytes - 4;
    body.writeUInt32BE(registrationsMax, at);
    expect(() => decodeBootstrap(body)).toThrow(/FORMAT_TRUNCATED/);
    body.writeUInt32BE(registrationsMax + 1, at);
    expect(() => decodeBootstrap(body)).toThrow(/FORMAT_RANGE/);
  });
  test("16384 registrations are read", () => {
    const registrations = Array.from({ length: registrationsMax }, () => registration);
    const whole = encodeBootstrap({ ...bootstrap, registrations });
    expect(decodeBootstrap(whole).registrations.length).toBe(registrationsMax);
  });
  test("a wrap of 4096 bytes is read, one of 4097 is refused", () => {
    const longest = { kekId: "k", bytes: Buffer.alloc(4096) };
    const whole = encodeKeyChange({ ...changes[0], wraps: [longest] } as KeyChange);
    expect(decodeKeyChange(whole)).toEqual({ ...changes[0], wraps: [longest] });
    whole.writeUInt16BE(4097, 14 + 24);
    expect(() => decodeKeyChange(Buffer.concat([whole, Buffer.alloc(1)]))).toThrow(/FORMAT_RANGE/);
  });
  test("key id 0, epoch 0, no wrap, two wraps by one KEK and unknown numbers are refused", () => {
    const twice = encodeKeyChange({ ...changes[0], wraps: [wraps[0], wraps[0]] } as KeyChange);
    const none = encodeKeyChange({ ...changes[0], wraps: [] } as KeyChange);
    for (const body of [
      twice,
      none,
      Buffer.from(`01${unasked}0400000000`, "hex"),
      Buffer.from(`01${unasked}0b`, "hex"),
      Buffer.from(`01${unasked}02000000040400000002`, "hex"),
    ])
      expect(() => decodeKeyChange(body)).toThrow(/FORMAT_RANGE/);
    const noEpoch = encodeRegistration(registration);
    noEpoch.writeUInt16BE(0, 13 + 24);
    expect(() => decodeRegistration(noEpoch)).toThrow(/FORMAT_RANGE/);
    expect(() => decodeKeyChange(Buffer.from("0206", "hex"))).toThrow(/FORMAT_VERSION/);
  });
  test("less than a trailer, or one that names key 0, is no trailer", () => {
    expect(splitTrailer(Buffer.alloc(trailerBytes - 1, 1))).toBeNull();
    expect(splitTrailer(Buffer.alloc(trailerBytes))).toBeNull();
  });
});

test("random bytes are refused with a code or are canonical", () => {
  const decoders = [
    (b: Buffer) => encodeKeyChange(decodeKeyChange(b), stampOf(b)),
    (b: Buffer) => encodeBootstrap(decodeBootstrap(b), stampOf(b)),
    (b: Buffer) => encodeRegistration(decodeRegistration(b), stampOf(b)),
  ];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(2), fc.nat(11), (bytes, which, tag) => {
      const body = Buffer.concat([Buffer.from([1]), Buffer.alloc(24), Buffer.from([tag]), bytes]);
      try {
        expect(decoders[which]!(body)).toEqual(body);
      } catch (error) {
        expect(error).toBeInstanceOf(StrongroomError);
      }
    }),
    { numRuns: 500 },
  );
});

test("the digest of wraps follows their content and order", () => {
  const digest = wrapsDigest(wraps, sha256);
  expect(digest).toEqual(sha256(Buffer.from(wrapsHex, "hex")));
  expect(wrapsDigest([...wraps].reverse(), sha256)).not.toEqual(digest);
});
