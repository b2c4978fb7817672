/**
 * What the names of KEKs in services have in common: `?name=value&…`, each once, and the address of
 * the service. Hazards: a typed secret that a refusal repeats; credentials or a token that cross
 * the network in clear. docs/operations/keks.md.
 * @module
 */
import { isLoopback } from "../base/address.ts";
import { StrongroomError } from "../base/errors.ts";

/** Throws KEK_SPEC_INVALID. The reason repeats nothing of what was typed. */
export type Refuse = (why: string) => never;

export function refuserOf(scheme: string): Refuse {
  return (why) => {
    throw new StrongroomError("KEK_SPEC_INVALID", `${scheme}: ${why}`);
  };
}

/** Refuses what is none of `names`, or stands twice. */
export function checkParameters(
  query: URLSearchParams,
  names: readonly string[],
  refuse: Refuse,
): void {
  for (const name of query.keys())
    if (!names.includes(name) || query.getAll(name).length > 1)
      refuse(`takes ${names.join(", ")}, each once`);
}

/** Path of a file, or null. Absolute, so that it means the same for every command. */
export function fileIn(query: URLSearchParams, name: string, refuse: Refuse): string | null {
  const path = query.get(name);
  if (path !== null && (!path.startsWith("/") || path.includes("\0")))
    refuse(`${name} must be an absolute path`);
  return path;
}

/** True if nobody on the way can listen: https, or http that stays on this machine. */
export function isGuarded({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}

/** `endpoint`, another address of the service than its own: guarded, and nothing but an origin. */
export function endpointIn(query: URLSearchParams, refuse: Refuse): URL | null {
  const text = query.get("endpoint");
  if (text === null) return null;
  const url = URL.canParse(text) ? new URL(text) : refuse("endpoint is no URL");
  if (!isGuarded(url)) refuse("endpoint must be https");
  if (url.href !== `${url.origin}/`) refuse("endpoint holds more than an address");
  return url;
}
