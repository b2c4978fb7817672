/**
 * Body of 0x05, a change of the keyring: `version | stamp | sub-tag | fields`. Each names what it
 * expects to find (the active key, the wraps it replaces), so that two operators who act at once
 * cannot undo each other. docs/formats/log-entry.md.
 * @module
 */
import { assert, assertInteger, unreachable } from "../base/assert.ts";
import type { KeyId } from "../base/brand.ts";
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";
import { clusterBytes, readHead, writeHead } from "./control.ts";
import {
  type Registration,
  readRegistration,
  readRegistrations,
  writeRegistration,
  writeRegistrations,
} from "./registration.ts";
import { noStamp, requestBytes, type Stamp } from "./stamp.ts";
import {
  type Purpose,
  purposeNumber,
  purposeOf,
  readKeyId,
  readText,
  readWraps,
  type Wrap,
  writeWraps,
} from "./wraps.ts";

/** Where the sub-tag stands in a body: behind version, request and time. */
export const subTagAt = 1 + requestBytes + 8;
const digestBytes = 32;
const indexKeyBytes = 32;
export const reasonBytesMax = 1024;

export type KeyChange =
  /** First half of a rotation. `previous`: the active key of this purpose, else refused. */
  | {
      readonly kind: "add";
      readonly keyId: KeyId;
      readonly purpose: Purpose;
      readonly previous: KeyId;
      readonly wraps: readonly Wrap[];
    }
  /** Second half. The registrations name `keyId`; the proposer's own is among them. */
  | {
      readonly kind: "activate";
      readonly keyId: KeyId;
      readonly purpose: Purpose;
      readonly previous: KeyId;
      readonly registrations: readonly Registration[];
    }
  /** `replaces`: SHA-256 of the encoded wraps that these replace. */
  | {
      readonly kind: "rewrap";
      readonly keyId: KeyId;
      readonly replaces: Uint8Array;
      readonly wraps: readonly Wrap[];
    }
  | { readonly kind: "fence"; readonly keyId: KeyId }
  | { readonly kind: "retire"; readonly keyId: KeyId }
  | { readonly kind: "enable-storage" }
  | { readonly kind: "enable-log" }
  /** Lets a halted node pass the entry at `index`, whose bytes have this SHA-256. */
  | {
      readonly kind: "skip";
      readonly index: number;
      readonly digest: Uint8Array;
      readonly reason: string;
    }
  | { readonly kind: "feature-level"; readonly level: number }
  /** Only as the first entry of a log in clear: the index key, in clear too. */
  | {
      readonly kind: "clear-index-key";
      readonly cluster: Uint8Array;
      readonly keyId: KeyId;
      readonly raw: Uint8Array;
      readonly registration: Registration;
    };

export const subTags = {
  add: 1,
  activate: 2,
  rewrap: 3,
  fence: 4,
  retire: 5,
  "enable-storage": 6,
  "enable-log": 7,
  skip: 8,
  "feature-level": 9,
  "clear-index-key": 10,
} as const satisfies Record<KeyChange["kind"], number>;

/** SHA-256 over the encoded wraps: what a rewrap says that it replaces. */
export function wrapsDigest(wraps: readonly Wrap[], sha256: (data: Uint8Array) => Buffer): Buffer {
  const writer = new ByteWriter(512);
  writeWraps(writer, wraps);
  return sha256(writer.view());
}

/** Without opcode and trailer. */
export function encodeKeyChange(change: KeyChange, stamp: Stamp = noStamp): Buffer {
  const writer = new ByteWriter(512);
  writeHead(writer, stamp);
  writer.u8(subTags[change.kind]);
  switch (change.kind) {
    case "add":
      writer.u32(change.keyId).u8(purposeNumber(change.purpose)).u32(change.previous);
      writeWraps(writer, change.wraps);
      break;
    case "activate":
      writer.u32(change.keyId).u8(purposeNumber(change.purpose)).u32(change.previous);
      writeRegistrations(writer, change.registrations);
      break;
    case "rewrap":
      assert(change.replaces.length === digestBytes);
      writer.u32(change.keyId).bytes(change.replaces);
      writeWraps(writer, change.wraps);
      break;
    case "fence":
    case "retire":
      writer.u32(change.keyId);
      break;
    case "enable-storage":
    case "enable-log":
      break;
    case "skip":
      writeSkip(writer, change);
      break;
    case "feature-level":
      writer.u32(change.level);
      break;
    case "clear-index-key":
      assert(change.raw.length === indexKeyBytes && change.cluster.length === clusterBytes);
      writer.bytes(change.cluster).u32(change.keyId).bytes(change.raw);
      writeRegistration(writer, change.registration);
      break;
    default:
      unreachable(change);
  }
  return writer.finish();
}

function writeSkip(writer: ByteWriter, skip: KeyChange & { kind: "skip" }): void {
  const reason = Buffer.from(skip.reason, "utf8");
  assert(reason.length <= reasonBytesMax && skip.digest.length === digestBytes);
  assertInteger(skip.index, { min: 1, max: Number.MAX_SAFE_INTEGER });
  writer.safe64(skip.index).bytes(skip.digest).u16(reason.length).bytes(reason);
}

/** @throws FORMAT_VERSION, FORMAT_RANGE, FORMAT_TRUNCATED, FORMAT_TRAILING. */
export function decodeKeyChange(body: Buffer): KeyChange {
  const reader = new ByteReader(body);
  readHead(reader);
  const change = readChange(reader);
  reader.finish();
  return change;
}

function readChange(reader: ByteReader): KeyChange {
  switch (reader.u8()) {
    case subTags.add:
      return { kind: "add", ...readRotation(reader), wraps: readWraps(reader) };
    case subTags.activate: {
      const rotation = readRotation(reader);
      return { kind: "activate", ...rotation, registrations: readRegistrations(reader) };
    }
    case subTags.rewrap: {
      const keyId = readKeyId(reader);
      const replaces = Buffer.from(reader.bytes(digestBytes));
      return { kind: "rewrap", keyId, replaces, wraps: readWraps(reader) };
    }
    case subTags.fence:
      return { kind: "fence", keyId: readKeyId(reader) };
    case subTags.retire:
      return { kind: "retire", keyId: readKeyId(reader) };
    case subTags["enable-storage"]:
      return { kind: "enable-storage" };
    case subTags["enable-log"]:
      return { kind: "enable-log" };
    case subTags.skip:
      return readSkip(reader);
    case subTags["feature-level"]:
      return { kind: "feature-level", level: reader.u32() };
    case subTags["clear-index-key"]:
      return {
        kind: "clear-index-key",
        cluster: Buffer.from(reader.bytes(clusterBytes)),
        keyId: readKeyId(reader),
        raw: Buffer.from(reader.bytes(indexKeyBytes)),
        registration: readRegistration(reader),
      };
    default:
      throw new StrongroomError("FORMAT_RANGE", "unknown change of the keyring");
  }
}

function readRotation(reader: ByteReader): { keyId: KeyId; purpose: Purpose; previous: KeyId } {
  return {
    keyId: readKeyId(reader),
    purpose: purposeOf(reader.u8()),
    previous: readKeyId(reader),
  };
}

function readSkip(reader: ByteReader): KeyChange {
  const index = reader.safe64();
  if (index === 0) throw new StrongroomError("FORMAT_RANGE", "skip of index 0");
  const digest = Buffer.from(reader.bytes(digestBytes));
  const length = reader.u16();
  if (length > reasonBytesMax) throw new StrongroomError("FORMAT_RANGE", "reason too long");
  return { kind: "skip", index, digest, reason: readText(reader, length) };
}
