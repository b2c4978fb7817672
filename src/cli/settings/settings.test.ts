// Goal: a setting means the same wherever it is said, the nearer place wins, and a wrong one is
// refused by name before anything is opened.
import { expect, test } from "vitest";
import { StrongroomError } from "../../base/errors.ts";
import { checkSettings, warningsOf } from "./check.ts";
import { readConfiguration } from "./file.ts";
import { parseSetting } from "./parse.ts";
import { resolveSettings } from "./resolve.ts";
import { environmentName } from "./spec.ts";
import { settingNames, settingTable } from "./table.ts";

const size = settingTable["cache-bytes"];

function explained(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof StrongroomError) return error.message;
    throw error;
  }
  return "no error";
}

const resolve = (
  flags: Record<string, string | string[]>,
  environment: Record<string, string | undefined> = {},
  text = "",
) => resolveSettings({ flags, environment, file: { name: "s.conf", text } });

test("settings: sizes have the units of redis.conf", () => {
  const sizes = {
    "8388608": 8388608,
    "8mb": 8388608,
    "8M": 8_000_000,
    "1GB": 2 ** 30,
    "9 mb": 9437184,
  };
  for (const [text, bytes] of Object.entries(sizes))
    expect(parseSetting(size, text, "--cache-bytes")).toBe(bytes);
  for (const text of ["", "-1", "1.5gb", "1tb", "abc", "1 kb b", "0x10", "99999999999999999999"])
    expect(explained(() => parseSetting(size, text, "--cache-bytes"))).toMatch(
      /^\[CONFIG_INVALID\] --cache-bytes: must be/,
    );
  expect(explained(() => parseSetting(size, "1kb", "--cache-bytes"))).toMatch(/from 4194304 to/);
});

test("settings: flag before environment before file before default", () => {
  const environment = { STRONGROOM_PORT: "2", STRONGROOM_MAXCLIENTS: "22" };
  const text = "port 3\nmaxclients 33\ntimeout 44\n";
  const { settings, origins } = resolve({ port: "1" }, environment, text);
  expect([settings.port, settings.maxclients, settings.timeout]).toEqual([1, 22, 44]);
  expect(settings["tcp-keepalive"]).toBe(300);
  expect([...origins]).toEqual([
    ["port", "--port"],
    ["maxclients", "STRONGROOM_MAXCLIENTS"],
    ["timeout", "s.conf:3"],
  ]);
});

test("settings: lists come from repeated flags, commas or repeated lines", () => {
  expect(resolve({ kek: ["file:/a", "env:B"] }).settings.kek).toEqual(["file:/a", "env:B"]);
  expect(resolve({}, { STRONGROOM_KEK: "file:/a,env:B" }).settings.kek).toHaveLength(2);
  expect(resolve({}, {}, "bind 127.0.0.1 ::1\nbind 10.0.0.1").settings.bind).toEqual([
    "127.0.0.1",
    "::1",
    "10.0.0.1",
  ]);
});

test("settings: a file in JSON means the same as lines", () => {
  const lines = readConfiguration('port 7\ncompress on\nkek "file:/a b"\nkek env:X', "f");
  const json = readConfiguration('{"port":7,"compress":true,"kek":["file:/a b","env:X"]}', "f");
  const values = (text: typeof lines) =>
    resolveSettings({
      flags: {},
      environment: {},
      file: {
        name: "f",
        text: JSON.stringify(Object.fromEntries(text.map((e) => [e.name, e.text]))),
      },
    }).settings;
  expect(values(lines)).toEqual(values(json));
  expect(json.map((entry) => entry.name)).toEqual(["port", "compress", "kek", "kek"]);
});

test("settings: what is misspelt, doubled or broken in a file is refused by its line", () => {
  expect(explained(() => resolve({}, {}, "\n# c\nprot 1"))).toMatch(/s\.conf:3: no such setting/);
  expect(explained(() => resolve({}, {}, "port 1\nport 2"))).toMatch(/s\.conf:2: a second value/);
  expect(explained(() => resolve({}, {}, 'port "1'))).toMatch(/unbalanced quotes/);
  expect(explained(() => resolve({}, {}, "port"))).toMatch(/a name without a value/);
  expect(explained(() => resolve({}, {}, "{port}"))).toMatch(/not valid JSON/);
  expect(explained(() => resolve({}, {}, '{"port":{}}'))).toMatch(/must be a string/);
  expect(explained(() => resolve({}, {}, '{"prot":1}'))).toMatch(/no such setting/);
});

test("settings: an empty value is refused, wherever it comes from, and none is left out", () => {
  for (const name of settingNames) {
    const variable = environmentName(name);
    expect(() => resolve({ [name]: "" }), name).toThrow(`[CONFIG_INVALID] --${name}: `);
    expect(() => resolve({}, { [variable]: "" }), name).toThrow(`[CONFIG_INVALID] ${variable}: `);
    expect(() => resolve({}, {}, `${name} ""`), name).toThrow("[CONFIG_INVALID] s.conf:1: ");
  }
  // A flag that is given is what counts, whatever the environment holds.
  expect(resolve({ requirepass: "x" }, { STRONGROOM_REQUIREPASS: "" }).settings.requirepass).toBe(
    "x",
  );
});

test("settings: a secret leaves the environment once read and is never told", () => {
  const environment = { STRONGROOM_REQUIREPASS: "hunter2", STRONGROOM_PORT: "1" };
  expect(resolve({}, environment).settings.requirepass).toBe("hunter2");
  expect(environment).toEqual({ STRONGROOM_PORT: "1" });
  const text = explained(() => resolve({ requirepass: "hunter2\0" }));
  expect(text).toMatch(/--requirepass: holds a zero byte/);
  expect(text).not.toMatch(/hunter2/);
});

test("settings: contradictions are refused", () => {
  const check = (flags: Record<string, string | string[]>) =>
    explained(() => checkSettings(resolve(flags).settings));
  expect(check({})).toBe("no error");
  expect(check({ port: "0" })).toMatch(/no client could connect/);
  expect(check({ "tls-port": "7000" })).toMatch(/needs tls-cert/);
  expect(check({ "tls-cert": "a" })).toMatch(/belong together/);
  expect(check({ "tls-port": "6380", "tls-cert": "a", "tls-key": "b" })).toMatch(/the same/);
  expect(check({ requirepass: "" })).toMatch(/empty/);
  expect(check({ kek: "/plain/path" })).toMatch(/one of file:PATH, env:NAME/);
});

test("settings: an open address without password or TLS is warned about", () => {
  const warnings = (flags: Record<string, string>) => warningsOf(resolve(flags).settings);
  expect(warnings({})).toEqual([]);
  expect(warnings({ bind: "::1,127.0.0.5,localhost" })).toEqual([]);
  expect(warnings({ bind: "0.0.0.0" })).toHaveLength(2);
  expect(warnings({ bind: "0.0.0.0", requirepass: "x" })).toHaveLength(1);
  expect(warnings({ encryption: "off", compress: "on" })).toHaveLength(1);
});

test("settings: every name is a flag, and its name in the environment is its own", () => {
  expect(settingNames.filter((name) => !/^[a-z]+(-[a-z]+)*$/.test(name))).toEqual([]);
  const variables = settingNames.map(environmentName);
  expect(new Set(variables).size).toBe(variables.length);
  expect(environmentName("cache-bytes")).toBe("STRONGROOM_CACHE_BYTES");
});
