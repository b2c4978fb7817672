/**
 * The settings as flags of commander, made from their table.
 * @module
 */
import { type Command, Option } from "commander";
import { environmentName, type Setting } from "./settings/spec.ts";
import { settingNames, settingTable } from "./settings/table.ts";

function argumentOf(row: Setting): string {
  switch (row.kind) {
    case "size":
      return " <bytes>";
    case "count":
      return " <n>";
    case "switch":
      return " [on|off]";
    case "choice":
      return ` <${row.choices.length > 3 ? "word" : row.choices.join("|")}>`;
    case "text":
    case "list":
      return ` <${row.placeholder}>`;
  }
}

function defaultOf(row: Setting): string {
  if (row.kind === "list") return row.default.length === 0 ? "" : row.default.join(",");
  if (row.kind === "switch") return row.default ? "on" : "off";
  return row.default === undefined ? "" : String(row.default);
}

function describe(row: Setting): string {
  const notes = [
    ...(row.kind === "list" ? ["repeatable"] : []),
    ...(defaultOf(row) === "" ? [] : [`default ${defaultOf(row)}`]),
  ];
  return notes.length === 0 ? row.help : `${row.help} (${notes.join(", ")})`;
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Adds a flag for each setting. Values stay text: `resolveSettings` reads and checks them. */
export function addSettingFlags(command: Command): void {
  for (const name of settingNames) {
    const row: Setting = settingTable[name];
    const option = new Option(`--${name}${argumentOf(row)}`, describe(row));
    if (row.kind === "list") option.argParser(collect);
    if (row.hidden === true) option.hideHelp();
    command.addOption(option);
  }
}

/** What was given on the command line, by the settings' names. */
export function givenFlags(options: Record<string, unknown>): Record<string, string | string[]> {
  const given: Record<string, string | string[]> = {};
  for (const name of settingNames) {
    const attribute = name.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
    const value = options[attribute];
    if (value === true) given[name] = "on";
    else if (typeof value === "string" || Array.isArray(value)) given[name] = value;
  }
  return given;
}

/** For `--help`: how a flag is called elsewhere. */
export const elsewhere = `Every setting can also stand in the environment (--cache-bytes is \
${environmentName("cache-bytes")}) or,
under its name, in the file of --config: lines \`name value\`, or one JSON object.
A flag weighs more than the environment, the environment more than the file.`;
