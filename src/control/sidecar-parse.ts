/**
 * Reads the JSON of the sidecar field by field. Anything that is not exactly what the writer writes
 * is SIDECAR_UNREADABLE: a number that is text, a key with another name, a count out of bounds.
 * docs/formats/sidecar.md.
 * @module
 */
import type { KeyId } from "../base/brand.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Purpose, Wrap } from "../entry/wraps.ts";
import { kekIdBytesMax, wrapBytesMax, wrapsPerKeyMax } from "../entry/wraps.ts";
import type { ReadSidecar, SidecarDocument, SidecarKey, SidecarMac } from "./document.ts";
import type { KeyState } from "./state.ts";

export const sidecarBytesMax = 64 * 1024 * 1024;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const purposes: readonly string[] = ["storage", "log", "index"];
const states: readonly string[] = ["active", "decrypt-only", "fenced", "retired"];

type Fields = Readonly<Record<string, unknown>>;

function bad(text: string): never {
  throw new StrongroomError("SIDECAR_UNREADABLE", text);
}

function fields(value: unknown, name: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    bad(`${name}: no object`);
  return value as Fields;
}

function integer(from: Fields, name: string, min: number, max: number): number {
  const value = Object.hasOwn(from, name) ? from[name] : undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max)
    bad(`${name}: no integer in bounds`);
  return value;
}

function text(from: Fields, name: string, pattern: RegExp): string {
  const value = Object.hasOwn(from, name) ? from[name] : undefined;
  if (typeof value !== "string" || !pattern.test(value)) bad(`${name}: not as expected`);
  return value;
}

const index = (from: Fields, name: string): number =>
  integer(from, name, 0, Number.MAX_SAFE_INTEGER);

/** The document and its MAC, unverified. */
export function parseSidecar(bytes: Buffer): ReadSidecar {
  if (bytes.length > sidecarBytesMax) bad(`${bytes.length} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(bytes));
  } catch {
    bad("no JSON");
  }
  const root = fields(json, "file");
  if (integer(root, "version", 1, 0xffff) !== 1)
    throw new StrongroomError("FORMAT_VERSION", "encryption/keys.json");
  const document: SidecarDocument = {
    nodeId: text(root, "node_id", /^[\x20-\x7e]{1,255}$/),
    cluster: Buffer.from(text(root, "cluster_id", /^[0-9a-f]{32}$/), "hex"),
    appliedIndex: index(root, "applied_index"),
    storageCutover: index(root, "storage_cutover_index"),
    logCutover: index(root, "log_cutover_index"),
    keys: parseKeys(fields(root.keys, "keys")),
    clear: parseClear(root.clear_index_key),
  };
  return { document, mac: parseMac(root.mac) };
}

function parseKeys(from: Fields): Map<number, SidecarKey> {
  const keys = new Map<number, SidecarKey>();
  for (const [name, value] of Object.entries(from)) {
    const id = Number(name);
    if (!/^[1-9][0-9]{0,9}$/.test(name) || id > 0xffff_ffff) bad("id of a key");
    keys.set(id, parseKey(fields(value, `key ${id}`)));
  }
  for (const purpose of purposes) {
    const active = [...keys.values()].filter(
      (key) => key.purpose === purpose && key.state === "active",
    );
    if (active.length !== (keys.size === 0 ? 0 : 1)) bad(`${active.length} active ${purpose} keys`);
  }
  return keys;
}

function parseKey(from: Fields): SidecarKey {
  const purpose = text(from, "purpose", /^[a-z]{1,16}$/);
  const state = text(from, "state", /^[a-z-]{1,16}$/);
  if (!purposes.includes(purpose)) bad("purpose of a key");
  if (!states.includes(state)) bad("state of a key");
  const wraps = from.wraps;
  if (!Array.isArray(wraps) || wraps.length > wrapsPerKeyMax) bad("wraps of a key");
  if ((state === "retired") !== (wraps.length === 0)) bad("count of wraps");
  return {
    purpose: purpose as Purpose,
    wraps: wraps.map(parseWrap),
    created: index(from, "created"),
    localEpoch: integer(from, "local_epoch", 0, 0xffff),
    state: state as KeyState,
  };
}

function parseWrap(value: unknown): Wrap {
  const from = fields(value, "wrap");
  const kekId = from.kek;
  if (typeof kekId !== "string" || kekId === "") bad("kek of a wrap");
  if (Buffer.byteLength(kekId) > kekIdBytesMax) bad("kek of a wrap");
  const bytes = Buffer.from(text(from, "data", /^[A-Za-z0-9+/]{2,5464}={0,2}$/), "base64");
  if (bytes.length === 0 || bytes.length > wrapBytesMax) bad("length of a wrap");
  return { kekId, bytes };
}

function parseClear(value: unknown): SidecarDocument["clear"] {
  if (value === null) return null;
  const from = fields(value, "clear_index_key");
  return {
    keyId: integer(from, "key_id", 1, 0xffff_ffff) as KeyId,
    raw: Buffer.from(text(from, "key", /^[0-9a-f]{64}$/), "hex"),
    localEpoch: integer(from, "local_epoch", 0, 0xffff),
  };
}

function parseMac(value: unknown): SidecarMac | null {
  if (value === null) return null;
  const from = fields(value, "mac");
  return {
    keyId: integer(from, "key_id", 1, 0xffff_ffff) as KeyId,
    hmac: text(from, "hmac", /^[0-9a-f]{64}$/),
  };
}
