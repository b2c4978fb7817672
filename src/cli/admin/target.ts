/**
 * Which node a command speaks to: the one that holds `--data-dir`, found by what it left there, or
 * the one at `--url` with the token of `--token-file` or a client certificate.
 * @module
 */
import type { Command } from "commander";
import type { AdminClient } from "../../admin/client.ts";
import { type AdminTarget, findNode } from "../../admin/find.ts";
import { StrongroomError } from "../../base/errors.ts";
import type { Context } from "../context.ts";
import { settingsOf } from "../settings/read.ts";

export type Options = Readonly<Record<string, unknown>>;

/** Adds the flags that say which node is meant, and `--json`. */
export function addTarget(command: Command): Command {
  return command
    .option("--data-dir <dir>", "directory of the data whose running node is meant")
    .option("--url <url>", "address of the node's admin port, as http://127.0.0.1:6381")
    .option("--token-file <path>", "with --url: file of the admin token")
    .option("--tls-ca <path>", "with --url https: authority of the node's certificate")
    .option("--tls-cert <path>", "with --url https: certificate to show instead of a token")
    .option("--tls-key <path>", "with --tls-cert: its private key")
    .option("--json", "for programs");
}

function readText(context: Context, path: string, what: string): string {
  try {
    return context.disk.readFile(path).toString("utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new StrongroomError("CONFIG_UNREADABLE", `${what} ${path}: ${code}`, { cause });
  }
}

function text(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function atUrl(context: Context, options: Options, url: string): AdminTarget {
  if (!/^https?:\/\/[^/\s?#@]+\/?$/.test(url))
    throw new StrongroomError("CONFIG_INVALID", "--url: must be http://HOST:PORT or https://…");
  const file = (name: string, flag: string): string | undefined => {
    const path = text(options, name);
    return path === undefined ? undefined : readText(context, path, flag);
  };
  const token = file("tokenFile", "--token-file")?.trim();
  const ca = file("tlsCa", "--tls-ca");
  const cert = file("tlsCert", "--tls-cert");
  const key = file("tlsKey", "--tls-key");
  if ((cert === undefined) !== (key === undefined))
    throw new StrongroomError("CONFIG_INVALID", "--tls-cert and --tls-key belong together");
  if (token === undefined && cert === undefined)
    throw new StrongroomError("CONFIG_INVALID", "--url needs --token-file or --tls-cert");
  return {
    url: url.replace(/\/$/, ""),
    ...(token === undefined ? {} : { token }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** @throws ADMIN_NOT_RUNNING, CONFIG_INVALID, CONFIG_UNREADABLE. */
function targetOf(context: Context, options: Options): AdminTarget {
  const url = text(options, "url");
  if (url !== undefined) return atUrl(context, options, url);
  return findNode(context.disk, settingsOf(context, { ...options })["data-dir"]);
}

/** The client is loaded here: commands that need none start in a fraction of the time. */
export async function clientOf(context: Context, options: Options): Promise<AdminClient> {
  const target = targetOf(context, options);
  const { connectAdmin } = await import("../../admin/client.ts");
  return connectAdmin(target);
}
