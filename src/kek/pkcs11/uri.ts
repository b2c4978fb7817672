/**
 * `pkcs11:token=T;object=K?module-path=/…&pin-source=file:/…`: the name of a key in a token,
 * RFC 7512. A PIN in the URI (`pin-value`) is refused: command lines are seen by every user.
 * docs/operations/keks.md.
 * @module
 */
import type { Pkcs11Place } from "../../platform/pkcs11.ts";
import { type Refuse, refuserOf } from "../parameters.ts";

export interface Pkcs11Name {
  readonly place: Pkcs11Place;
  /** Null: the PIN is in the environment. */
  readonly pinFile: string | null;
  /** Stands beside the wraps: what of the URI names token and key, in a fixed order. */
  readonly id: string;
}

/** Attributes that name token and key, in the order of the id. Where they are, does not. */
const naming = ["token", "manufacturer", "serial", "model", "object", "id"] as const;
const pathAttributes: readonly string[] = [...naming, "slot-id", "type"];
const queryAttributes: readonly string[] = ["module-path", "pin-source"];

const refuse: Refuse = refuserOf("pkcs11");

/** Percent-decoded to bytes: an id is no text. */
function decode(text: string): Buffer {
  if (!/^([\w.~:[\]@!$'()*+,=&/?|-]|%[0-9A-Fa-f]{2})*$/.test(text)) refuse("a character to escape");
  const bytes = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1");
}

/** RFC 3986, section 2.3: what stays as it is. */
function encode(bytes: Buffer): string {
  return [...bytes]
    .map((byte) =>
      /[\w.~-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}

function attributes(text: string, separator: string, allowed: readonly string[]) {
  const found = new Map<string, Buffer>();
  for (const part of text.split(separator).filter((one) => one !== "")) {
    const [name = "", value = ""] = part.split(/=(.*)/s);
    if (name === "pin-value") refuse("pin-value is not taken: use pin-source");
    if (!allowed.includes(name)) refuse(`takes only ${allowed.join(", ")}`);
    if (found.has(name)) refuse(`${name} stands twice`);
    const bytes = decode(value);
    if (bytes.length === 0 || bytes.includes(0)) refuse(`${name} is empty or holds a zero`);
    found.set(name, bytes);
  }
  return found;
}

/** @throws KEK_SPEC_INVALID, which repeats nothing of the URI but names of attributes. */
export function parsePkcs11Uri(rest: string): Pkcs11Name {
  const [path = "", query = ""] = rest.split(/\?(.*)/s);
  const named = attributes(path, ";", pathAttributes);
  const asked = attributes(query, "&", queryAttributes);
  const text = (name: string): string | undefined => named.get(name)?.toString("utf8");
  if ((text("type") ?? "secret-key") !== "secret-key") refuse("type must be secret-key");
  if (!named.has("object") && !named.has("id")) refuse("needs object= or id= of the key");
  const slot = text("slot-id");
  if (slot !== undefined && !/^\d{1,18}$/.test(slot)) refuse("slot-id is a number");
  const module = asked.get("module-path")?.toString("utf8") ?? refuse("needs module-path=");
  if (!module.startsWith("/")) refuse("module-path must be absolute");
  const kept = naming.filter((name) => named.has(name));
  const parts = kept.map((name) => `${name}=${encode(named.get(name) as Buffer)}`);
  const id = `pkcs11:${parts.join(";")}`;
  if (id.length > 240) refuse("the names of token and key are too long");
  const entries = Object.entries({
    token: text("token"),
    manufacturer: text("manufacturer"),
    serial: text("serial"),
    model: text("model"),
    slot,
    label: text("object"),
    id: named.get("id"),
  }).filter(([, value]) => value !== undefined);
  const place = { module, ...Object.fromEntries(entries) } as Pkcs11Place;
  return { place, pinFile: pinFileOf(asked.get("pin-source")?.toString("utf8")), id };
}

/** `file:/path`, `file:///path`, or a bare path. A command to run for a PIN is not taken. */
function pinFileOf(source: string | undefined): string | null {
  if (source === undefined) return null;
  const path = source.replace(/^file:(\/\/)?/, "");
  return path.startsWith("/") ? path : refuse("pin-source must be file:/PATH");
}
