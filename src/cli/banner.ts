/**
 * What `serve` tells the person who started it: how to connect, where the data is, and, once, that
 * the key file wants a copy elsewhere. Never a password.
 * @module
 */
import { isLoopback } from "../base/address.ts";
import type { Settings } from "./settings/resolve.ts";

export interface BannerFacts {
  readonly version: string;
  readonly settings: Settings;
  /** Absolute path of the data directory. */
  readonly dataDir: string;
  /** Port on which clients are served in clear; 0: none. */
  readonly port: number;
  readonly primitives: "native" | "node";
}

function connectLine({ settings, port }: BannerFacts): string {
  const password = settings.requirepass === undefined ? "" : " --askpass";
  const address = settings.bind.find((one) => !isLoopback(one) && !/^(0\.0\.0\.0|::)$/.test(one));
  const loopback = settings.bind.some((one) => isLoopback(one) || /^(0\.0\.0\.0|::|\*)$/.test(one));
  const host = loopback || address === undefined ? "" : ` -h ${address}`;
  if (port > 0) return `redis-cli${host} -p ${port}${password}`;
  if (settings.unixsocket !== undefined) return `redis-cli -s ${settings.unixsocket}${password}`;
  return `redis-cli${host} -p ${settings["tls-port"]} --tls${password}`;
}

/** Lines for standard output, printed once clients can connect. */
export function banner(facts: BannerFacts): string[] {
  const { settings } = facts;
  const sealed = settings.encryption === "on" ? "encrypted" : "NOT ENCRYPTED";
  const plain =
    facts.primitives === "node" ? ["  note      no native addon: sealing works, slower"] : [];
  return [
    `Strongroom ${facts.version} is ready`,
    `  connect   ${connectLine(facts)}`,
    `  data      ${facts.dataDir} (${sealed})`,
    ...settings.kek.map((spec) => `  key       ${spec}`),
    ...plain,
    "  stop      Ctrl-C, or SIGTERM",
  ];
}

/** Told when the key file was just made. */
export function newKeyAdvice(path: string): string[] {
  return [
    `A new key file was made: ${path} (32 bytes, readable by you alone)`,
    "  Keep a copy of it elsewhere, apart from the data and its backups.",
    "  Without this file nobody can read the data, you included.",
    "",
  ];
}
