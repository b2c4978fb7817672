/**
 * Turns the text of one setting into its value, or says what is wrong with it. Values of secret
 * settings are never repeated in an error.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { CountSetting, Setting, SettingValue, SizeSetting } from "./spec.ts";

/** Units of redis.conf: without `b` a power of 1000, with it a power of 1024. */
const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
};

/** Where a value came from, as it is told in errors: `--port`, `STRONGROOM_PORT`, `file.conf:3`. */
export type Origin = string;

/** A setting that cannot be taken, with where it comes from. */
export function invalid(origin: Origin, problem: string): StrongroomError {
  return new StrongroomError("CONFIG_INVALID", `${origin}: ${problem}`);
}

function bounded(origin: Origin, value: number, row: CountSetting | SizeSetting): number {
  if (!Number.isSafeInteger(value) || value < row.min || value > row.max)
    throw invalid(origin, `must be from ${row.min} to ${row.max}`);
  return value;
}

function parseSize(origin: Origin, text: string, row: SizeSetting): number {
  const match = /^(\d{1,16})\s*([a-z]{0,2})$/i.exec(text.trim());
  const unit = match === null ? undefined : units[(match[2] as string).toLowerCase()];
  if (match === null || unit === undefined)
    throw invalid(origin, "must be a size in bytes, such as 268435456, 256mb or 1gb");
  return bounded(origin, Number(match[1]) * unit, row);
}

function parseSwitch(origin: Origin, text: string): boolean {
  const word = text.trim().toLowerCase();
  if (["on", "yes", "true", "1"].includes(word)) return true;
  if (["off", "no", "false", "0"].includes(word)) return false;
  throw invalid(origin, "must be on or off");
}

/** @throws CONFIG_INVALID naming the origin and what was expected. */
export function parseSetting(row: Setting, text: string, origin: Origin): SettingValue {
  switch (row.kind) {
    case "size":
      return parseSize(origin, text, row);
    case "count":
      if (!/^\d{1,15}$/.test(text.trim())) throw invalid(origin, "must be a whole number");
      return bounded(origin, Number(text), row);
    case "switch":
      return parseSwitch(origin, text);
    case "choice":
      if (!row.choices.includes(text)) throw invalid(origin, `one of ${row.choices.join(", ")}`);
      return text;
    case "list":
      return parseList(origin, [text]);
    case "text":
      if (text === "") throw invalid(origin, "is empty");
      if (text.includes("\0")) throw invalid(origin, "holds a zero byte");
      return text;
  }
}

/** Values of a list, each not empty. */
export function parseList(origin: Origin, texts: readonly string[]): readonly string[] {
  const values = texts.flatMap((text) => text.split(",")).map((text) => text.trim());
  if (values.some((value) => value === "")) throw invalid(origin, "holds an empty value");
  return values;
}
