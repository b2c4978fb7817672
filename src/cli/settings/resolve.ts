/**
 * Brings flags, environment and file together: flag before environment before file before default.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import { readConfiguration } from "./file.ts";
import { type Origin, parseList, parseSetting } from "./parse.ts";
import {
  type ChoiceSetting,
  type CountSetting,
  environmentName,
  type ListSetting,
  type Setting,
  type SettingValue,
  type SizeSetting,
  type SwitchSetting,
  type TextSetting,
} from "./spec.ts";
import { findSetting, type SettingName, settingNames, settingTable } from "./table.ts";

type Table = typeof settingTable;

/** Type of a value once read, from its row. */
type ValueOf<Row> = Row extends SwitchSetting
  ? boolean
  : Row extends ListSetting
    ? readonly string[]
    : Row extends ChoiceSetting
      ? Row["choices"][number]
      : Row extends SizeSetting | CountSetting
        ? undefined extends Row["default"]
          ? number | undefined
          : number
        : Row extends TextSetting
          ? undefined extends Row["default"]
            ? string | undefined
            : string
          : never;

export type Settings = { readonly [Name in SettingName]: ValueOf<Table[Name]> };

/** Which setting was said by someone, and where: the rest are defaults. */
export type Origins = ReadonlyMap<SettingName, Origin>;

export interface Sources {
  /** Given on the command line, by name. */
  readonly flags: Readonly<Record<string, string | readonly string[]>>;
  /** What is secret is removed from it once read. */
  readonly environment: Record<string, string | undefined>;
  /** Text of the file of `--config`, with the name it is told by. */
  readonly file?: { readonly name: string; readonly text: string };
}

type Given = Map<string, { texts: string[]; origin: Origin }>;

function fromFile(file: Sources["file"]): Given {
  const given: Given = new Map();
  if (file === undefined) return given;
  for (const entry of readConfiguration(file.text, file.name)) {
    const row = findSetting(entry.name);
    if (row === null)
      throw new StrongroomError("CONFIG_INVALID", `${entry.origin}: no such setting`);
    const before = given.get(entry.name);
    if (before === undefined) given.set(entry.name, { texts: [entry.text], origin: entry.origin });
    else if (row.kind === "list") before.texts.push(entry.text);
    else throw new StrongroomError("CONFIG_INVALID", `${entry.origin}: a second value`);
  }
  return given;
}

function fromEnvironment(environment: Sources["environment"]): Given {
  const given: Given = new Map();
  for (const name of settingNames) {
    const variable = environmentName(name);
    const text = environment[variable];
    // An empty one was meant to be something: passed over, a password would be none, and silently.
    if (text === undefined) continue;
    given.set(name, { texts: [text], origin: variable });
    const row: Setting = settingTable[name];
    if (row.secret === true) delete environment[variable];
  }
  return given;
}

function fromFlags(flags: Sources["flags"]): Given {
  const given: Given = new Map();
  for (const [name, value] of Object.entries(flags)) {
    if (findSetting(name) === null) continue;
    const texts = typeof value === "string" ? [value] : [...value];
    given.set(name, { texts, origin: `--${name}` });
  }
  return given;
}

/** @throws CONFIG_INVALID for the first value that is wrong. */
export function resolveSettings(sources: Sources): { settings: Settings; origins: Origins } {
  const layers = [
    fromFlags(sources.flags),
    fromEnvironment(sources.environment),
    fromFile(sources.file),
  ];
  const values: Record<string, SettingValue | undefined> = {};
  const origins = new Map<SettingName, Origin>();
  for (const name of settingNames) {
    const row: Setting = settingTable[name];
    const said = layers.map((layer) => layer.get(name)).find((one) => one !== undefined);
    if (said === undefined) {
      values[name] = row.default;
      continue;
    }
    origins.set(name, said.origin);
    const { texts, origin } = said;
    values[name] =
      row.kind === "list"
        ? parseList(origin, texts)
        : parseSetting(row, texts.at(-1) as string, origin);
  }
  return { settings: values as Settings, origins };
}
