/**
 * The node that holds a data directory, found by what it left there. Apart from the client that
 * speaks to it, which takes half a second of CPU to load. Hazard: a file that somebody else put
 * there and that sends the token elsewhere; so in clear only the loopback is believed.
 * @module
 */
import { isLoopback } from "../base/address.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Disk } from "../base/ports.ts";
import { readRunFile, tokenFile } from "./runfile.ts";

/** Certificates and keys are PEM text. */
export interface AdminTarget {
  /** `http://127.0.0.1:PORT`, `https://HOST:PORT`. */
  readonly url: string;
  readonly token?: string;
  /** Authorities of the node's certificate; by default those of the system. */
  readonly ca?: string;
  /** Shown instead of a token. */
  readonly cert?: string;
  readonly key?: string;
  /** The node's own certificate: no other is believed, whatever name it bears. */
  readonly pinned?: string;
}

/** @throws ADMIN_NOT_RUNNING, ADMIN_UNAUTHENTICATED if the token cannot be read. */
export function findNode(disk: Disk, dataDir: string): AdminTarget {
  const run = readRunFile(disk, dataDir);
  if (run === null || run.url === "") throw new StrongroomError("ADMIN_NOT_RUNNING", dataDir);
  const { url, certificate: pinned } = run;
  const host = /^(https?):\/\/(\[[0-9a-f:.]+\]|[\w.-]+):\d{1,5}$/.exec(url);
  const clear = host?.[1] === "http";
  const near = isLoopback(host?.[2] ?? "");
  if (host === null || (clear ? !near : pinned === undefined))
    throw new StrongroomError("ADMIN_NOT_RUNNING", `${dataDir}: an odd address in run/node.json`);
  let token: string;
  try {
    token = disk.readFile(tokenFile(dataDir)).toString("latin1").trim();
  } catch (cause) {
    throw new StrongroomError("ADMIN_UNAUTHENTICATED", "the token file cannot be read", { cause });
  }
  return { url, token, ...(pinned === undefined ? {} : { pinned }) };
}
