/**
 * What one setting is: its name (the same as flag, in a file and, in capitals, in the environment),
 * the kind of its value and its default. Everything that reads or prints settings works from the
 * one table in table.ts, so a setting cannot exist in one place and be forgotten in another.
 * @module
 */

/** Value of a setting once read: sizes and counts are numbers, `on`/`off` booleans. */
export type SettingValue = string | number | boolean | readonly string[];

interface Common {
  /** One line for `--help`, without a full stop. */
  readonly help: string;
  /** True for passwords: never printed, removed from the environment once read. */
  readonly secret?: boolean;
  /** Left out of `--help`; for tests and rare tuning. */
  readonly hidden?: boolean;
}

/** Bytes: an integer with an optional unit, as in redis.conf (`1k` 1000, `1kb` 1024, …). */
export interface SizeSetting extends Common {
  readonly kind: "size";
  readonly min: number;
  readonly max: number;
  readonly default: number | undefined;
}

export interface CountSetting extends Common {
  readonly kind: "count";
  readonly min: number;
  readonly max: number;
  readonly default: number | undefined;
}

export interface SwitchSetting extends Common {
  readonly kind: "switch";
  readonly default: boolean;
}

export interface TextSetting extends Common {
  readonly kind: "text";
  /** What stands for the value in `--help`: `path`, `text`. */
  readonly placeholder: string;
  readonly default: string | undefined;
}

export interface ChoiceSetting extends Common {
  readonly kind: "choice";
  readonly choices: readonly string[];
  readonly default: string;
}

/** May be given several times; in the environment the values are separated by commas. */
export interface ListSetting extends Common {
  readonly kind: "list";
  readonly placeholder: string;
  readonly default: readonly string[];
}

export type Setting =
  | SizeSetting
  | CountSetting
  | SwitchSetting
  | TextSetting
  | ChoiceSetting
  | ListSetting;

/** Name in the environment: `cache-bytes` is `STRONGROOM_CACHE_BYTES`. */
export function environmentName(name: string): string {
  return `STRONGROOM_${name.replaceAll("-", "_").toUpperCase()}`;
}
