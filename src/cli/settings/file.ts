/**
 * Reads a configuration file: lines `name value` as in redis.conf, or one JSON object with the
 * same names. A name that does not exist is an error: a misspelt setting must not be silently
 * without effect.
 * @module
 */
import { invalid, type Origin } from "./parse.ts";

/** One value as it stands in the file. Names may repeat for lists. */
export interface FileEntry {
  readonly name: string;
  readonly text: string;
  readonly origin: Origin;
}

/** Words of a line; double quotes with backslash escapes, or single quotes, keep blanks. */
function words(line: string, origin: Origin): string[] {
  const found: string[] = [];
  const word = /\s*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([^\s"']+))(?=\s|$)/y;
  let at = 0;
  while (line.slice(at).trim() !== "") {
    word.lastIndex = at;
    const match = word.exec(line);
    if (match === null) throw invalid(origin, "unbalanced quotes");
    const escaped = match[1]?.replace(/\\(.)/g, "$1");
    found.push(escaped ?? match[2] ?? (match[3] as string));
    at = word.lastIndex;
  }
  return found;
}

function readLines(text: string, file: string): FileEntry[] {
  return text.split(/\r?\n/).flatMap((line, at): FileEntry[] => {
    const trimmed = line.trim();
    const origin = `${file}:${at + 1}`;
    if (trimmed === "" || trimmed.startsWith("#")) return [];
    const [name, ...values] = words(trimmed, origin);
    if (values.length === 0) throw invalid(origin, "a name without a value");
    return values.map((value) => ({ name: name as string, text: value, origin }));
  });
}

function readJson(text: string, file: string): FileEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid(file, "is not valid JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw invalid(file, "must hold one JSON object");
  return Object.entries(parsed).flatMap(([name, value]) => {
    const origin = `${file}: ${name}`;
    const values: unknown[] = Array.isArray(value) ? value : [value];
    return values.map((one) => {
      if (!["string", "number", "boolean"].includes(typeof one))
        throw invalid(origin, "must be a string, a number, true or false");
      return { name, text: String(one), origin };
    });
  });
}

/**
 * The entries of a configuration file in their order.
 * @param file - How the file is called in errors.
 * @throws CONFIG_INVALID for what is neither of the two formats.
 */
export function readConfiguration(text: string, file: string): FileEntry[] {
  return text.trimStart().startsWith("{") ? readJson(text, file) : readLines(text, file);
}
