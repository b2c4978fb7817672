/**
 * The one table of settings of `serve`. Names that Redis has too mean what they mean there.
 * @module
 */
import { kekForms } from "../../kek/spec.ts";
import type { Setting } from "./spec.ts";

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;

export const settingTable = {
  port: {
    kind: "count",
    min: 0,
    max: 65_535,
    default: 6380,
    help: "TCP port of clients; 0: none",
  },
  bind: {
    kind: "list",
    placeholder: "address",
    default: ["127.0.0.1"],
    help: "address to listen on",
  },
  "data-dir": {
    kind: "text",
    placeholder: "dir",
    default: "data",
    help: "directory of everything the node writes",
  },
  kek: {
    kind: "list",
    placeholder: "spec",
    default: [],
    help: `key that opens the data, any one of several does: ${kekForms}`,
  },
  "rotate-after": {
    kind: "list",
    placeholder: "limit",
    default: [],
    help: "rotate keys at 30d, 100gb or 1000000writes; storage: or log: before it for one of them",
  },
  "rotate-on-startup": {
    kind: "switch",
    default: false,
    help: "rotate storage and log key at each start, unless they became active within the hour",
  },
  requirepass: {
    kind: "text",
    placeholder: "password",
    default: undefined,
    secret: true,
    help: "password of clients; better in the environment than in an argument",
  },
  "cache-bytes": {
    kind: "size",
    min: 4 * mebibyte,
    max: 1024 * gibibyte,
    default: 256 * mebibyte,
    help: "bound of the data held in memory; all data may be far larger",
  },
  encryption: {
    kind: "choice",
    choices: ["on", "off"],
    default: "on",
    help: "off is for development and for migrations",
  },
  compress: {
    kind: "switch",
    default: false,
    help: "zstd before sealing, string values of 4 KiB and more; sizes then tell about content",
  },
  "node-id": {
    kind: "text",
    placeholder: "name",
    default: undefined,
    help: "name of this node; by default drawn once and kept with the data",
  },
  "rebuild-sidecar": {
    kind: "switch",
    default: false,
    help: "pass over a damaged or foreign encryption/keys.json and rebuild it from the store",
  },
  unixsocket: {
    kind: "text",
    placeholder: "path",
    default: undefined,
    help: "also listen on this socket file, which this user alone may open (mode 0600)",
  },
  "tls-port": {
    kind: "count",
    min: 0,
    max: 65_535,
    default: 0,
    help: "TCP port of clients that speak TLS; 0: none",
  },
  "tls-cert": {
    kind: "text",
    placeholder: "path",
    default: undefined,
    help: "certificate chain, PEM",
  },
  "tls-key": {
    kind: "text",
    placeholder: "path",
    default: undefined,
    help: "private key of the certificate, PEM",
  },
  "tls-ca": {
    kind: "text",
    placeholder: "path",
    default: undefined,
    help: "authorities that sign the clients' certificates, PEM",
  },
  "tls-auth-clients": {
    kind: "choice",
    choices: ["yes", "no"],
    default: "yes",
    help: "whether clients must show a certificate of --tls-ca, if that is given",
  },
  "protected-mode": {
    kind: "switch",
    default: true,
    help: "without a password, refuse clients that are not on the loopback",
  },
  maxclients: {
    kind: "count",
    min: 1,
    max: 1_000_000,
    default: 10_000,
    help: "connections at once",
  },
  timeout: {
    kind: "count",
    min: 0,
    max: 2 ** 31 - 1,
    default: 0,
    help: "seconds after which an idle client is disconnected; 0: never",
  },
  "tcp-keepalive": {
    kind: "count",
    min: 0,
    max: 86_400,
    default: 300,
    help: "seconds between keepalive probes; 0: none",
  },
  "enable-debug-command": {
    kind: "choice",
    choices: ["no", "yes", "local"],
    default: "local",
    help: "whether clients may use DEBUG; local: those on the loopback",
  },
  "value-bytes-max": {
    kind: "size",
    min: mebibyte,
    max: gibibyte,
    default: 512 * mebibyte,
    help: "largest string value (proto-max-bulk-len of Redis)",
  },
  clock: {
    kind: "choice",
    choices: ["guarded", "trusted"],
    default: "guarded",
    help: "guarded: refuse writes while the clock is hours from the last commit",
  },
  "flush-bytes": {
    kind: "size",
    min: 64 * 1024,
    max: 4 * gibibyte,
    default: 16 * mebibyte,
    help: "changed bytes at which a flush to the store begins",
  },
  "flush-interval-ms": {
    kind: "count",
    min: 1,
    max: 3_600_000,
    default: 2000,
    help: "longest time that a change stays in the log alone",
  },
  "segment-bytes": {
    kind: "size",
    min: 256 * 1024,
    max: 2 * gibibyte,
    default: undefined,
    help: "size at which a segment of the store is closed",
  },
  "log-file-bytes": {
    kind: "size",
    min: 256 * 1024,
    max: 2 * gibibyte,
    default: undefined,
    help: "size at which a file of the log is closed",
  },
  "admin-port": {
    kind: "count",
    min: 0,
    max: 65_535,
    default: undefined,
    help: "port of admin service, metrics and health; 0: any free one; by default 6381 if free",
  },
  "admin-bind": {
    kind: "text",
    placeholder: "address",
    default: "127.0.0.1",
    help: "address of the admin port; beyond the loopback only with --admin-tls-cert",
  },
  "admin-tls-cert": {
    kind: "text",
    placeholder: "path",
    default: undefined,
    help: "certificate chain of the admin port, PEM",
  },
  "admin-tls-key": {
    kind: "text",
    placeholder: "path",
    default: undefined,
    help: "private key of that certificate, PEM",
  },
  "admin-tls-ca": {
    kind: "text",
    placeholder: "path",
    default: undefined,
    help: "authorities: who shows a certificate of theirs to the admin port needs no token, PEM",
  },
  "log-level": {
    kind: "choice",
    choices: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    default: "info",
    help: "least important line that is logged",
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settingTable;

export const settingNames = Object.keys(settingTable) as SettingName[];

/** The row of a name, null for a name that is not in the table. */
export function findSetting(name: string): Setting | null {
  return Object.hasOwn(settingTable, name) ? settingTable[name as SettingName] : null;
}
