/**
 * The settings of a command: from its flags, the environment and the file of `--config`.
 * @module
 */
import { readFileSync } from "node:fs";
import { StrongroomError } from "../../base/errors.ts";
import type { Context } from "../context.ts";
import { givenFlags } from "../flags.ts";
import { resolveSettings, type Settings } from "./resolve.ts";

function readFileOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new StrongroomError("CONFIG_UNREADABLE", `${path}: ${code}`, { cause });
  }
}

/** @throws CONFIG_INVALID, CONFIG_UNREADABLE. */
export function settingsOf(context: Context, options: Record<string, unknown>): Settings {
  const path = options.config ?? context.environment.STRONGROOM_CONFIG;
  if (path === "")
    throw new StrongroomError("CONFIG_INVALID", "--config or STRONGROOM_CONFIG: is empty");
  const file = typeof path === "string" ? { name: path, text: readFileOf(path) } : undefined;
  const sources = { flags: givenFlags(options), environment: context.environment };
  return resolveSettings(file === undefined ? sources : { ...sources, file }).settings;
}
