/**
 * Arguments of the admin commands, read strictly: a key id that is nearly right names another key.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import { parseSetting } from "../settings/parse.ts";

const keyIdMax = 0xffff_ffff;

/** @throws CONFIG_INVALID unless the text is a decimal key id; 0 ("clear") only where it is met. */
export function keyIdOf(text: string, smallest: 0 | 1 = 1): number {
  const id = /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : -1;
  if (id < smallest || id > keyIdMax)
    throw new StrongroomError("CONFIG_INVALID", `the key id must be a number from ${smallest} on`);
  return id;
}

/** @throws CONFIG_INVALID unless the text is "storage" or "log". */
export function purposeOf(text: string): "storage" | "log" {
  if (text === "storage" || text === "log") return text;
  throw new StrongroomError("CONFIG_INVALID", "the purpose must be storage or log");
}

const rate = { kind: "size", min: 0, max: 2 ** 40, default: undefined, help: "" } as const;

/** Bytes a second with a unit, as in `50mb`; 0 is unthrottled. @throws CONFIG_INVALID. */
export function rateOf(text: string): number {
  return parseSetting(rate, text, "--throttle") as number;
}

/** @throws CONFIG_INVALID unless the text is an index of the log. */
export function indexOf(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new StrongroomError("CONFIG_INVALID", "the index must be a number from 1 on");
  return Number(text);
}
