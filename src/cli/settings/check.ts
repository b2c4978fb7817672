/**
 * Settings that contradict each other are refused before anything is opened, and what is allowed
 * but unwise is told.
 * @module
 */
import { isLoopback } from "../../base/address.ts";
import { StrongroomError } from "../../base/errors.ts";
import { isKekSpec, kekForms } from "../../kek/spec.ts";
import type { Settings } from "./resolve.ts";

function invalid(text: string): StrongroomError {
  return new StrongroomError("CONFIG_INVALID", text);
}

/** @throws CONFIG_INVALID for settings that cannot go together. */
export function checkSettings(settings: Settings): void {
  const listens =
    settings.port > 0 || settings["tls-port"] > 0 || settings.unixsocket !== undefined;
  if (!listens) throw invalid("port, tls-port and unixsocket are all off: no client could connect");
  const certificate = settings["tls-cert"] !== undefined;
  if (certificate !== (settings["tls-key"] !== undefined))
    throw invalid("tls-cert and tls-key belong together");
  if (settings["tls-port"] > 0 && !certificate)
    throw invalid("tls-port needs tls-cert and tls-key");
  if (settings["tls-port"] > 0 && settings["tls-port"] === settings.port)
    throw invalid("port and tls-port are the same");
  checkAdmin(settings);
  for (const spec of settings.kek)
    if (!isKekSpec(spec)) throw invalid(`kek must be one of ${kekForms}`);
}

function checkAdmin(settings: Settings): void {
  const cert = settings["admin-tls-cert"] !== undefined;
  if (cert !== (settings["admin-tls-key"] !== undefined))
    throw invalid("admin-tls-cert and admin-tls-key belong together");
  if (settings["admin-tls-ca"] !== undefined && !cert)
    throw invalid("admin-tls-ca needs admin-tls-cert and admin-tls-key");
  if (!cert && !isLoopback(settings["admin-bind"]))
    throw new StrongroomError("ADMIN_TLS_REQUIRED", `admin-bind ${settings["admin-bind"]}`);
}

/** Sentences for the log: what an operator of such settings should know. */
export function warningsOf(settings: Settings): string[] {
  const warnings: string[] = [];
  const open = settings.bind.filter((address) => !isLoopback(address));
  const password = settings.requirepass !== undefined;
  if (open.length > 0 && !password && settings["protected-mode"])
    warnings.push(
      "bound beyond the loopback without a password: protected mode refuses clients from other" +
        " machines until --requirepass is set",
    );
  if (open.length > 0 && !password && !settings["protected-mode"])
    warnings.push(
      "bound beyond the loopback without a password and protected mode is off: whoever reaches" +
        " the port reads and writes everything",
    );
  if (open.length > 0 && settings.port > 0)
    warnings.push(
      "bound beyond the loopback without TLS on --port: commands and values cross the network in" +
        " clear; use --tls-port and --port 0",
    );
  if (settings.compress)
    warnings.push("compression is on: the sizes of sealed values tell about their content");
  return warnings;
}
