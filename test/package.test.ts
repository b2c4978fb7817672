// Goal: what `npm pack` makes works below node_modules: the library with its types, its worker and
// its addon, and the command line; nothing that is not the product is in it.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Packages, servePackages } from "./support/installing.ts";
import { Process, root, Server, temporaryFolder, writeKek } from "./support/server.ts";
import { copyTree } from "./support/tree.ts";

const folder = temporaryFolder();
const tree = join(folder, "tree");
const project = join(folder, "project");
const version = versionOf(root);
const archive = join(project, `strongroom-${version}.tgz`);
const installed = join(project, "node_modules/strongroom");
const program = join(project, "node_modules/.bin/strongroom");
let packages: Packages;

beforeAll(async () => {
  mkdirSync(project);
  copyTree(tree, "all");
  packages = await servePackages(folder);
  await packages.npm(tree, "pack", "--pack-destination", project);
  // Some versions of npm run the scripts of a package unasked, others when it is named here.
  const allowScripts = { [`file:${archive}`]: true };
  const own = { private: true, type: "module", allowScripts };
  writeFileSync(join(project, "package.json"), JSON.stringify(own));
  cpSync(join(root, "test/support/installed.ts"), join(project, "installed.ts"));
  const types = versionOf(join(root, "node_modules/@types/node"));
  await packages.npm(project, "install", archive, `@types/node@${types}`);
}, 180_000);

afterAll(() => packages?.close());

function manifest(at: string): string {
  return readFileSync(join(at, "package.json"), "utf8");
}

function versionOf(at: string): string {
  return (JSON.parse(manifest(at)) as { version: string }).version;
}

async function run(...argv: string[]): Promise<Process> {
  const process_ = new Process(argv, { folder: project });
  const { status, output } = await process_.ended;
  expect(status, output).toBe(0);
  return process_;
}

async function useIt(environment: Record<string, string>): Promise<Record<string, unknown>> {
  const [place, kek] = [temporaryFolder(), join(temporaryFolder(), "kek")];
  writeKek(kek);
  const argv = [process.execPath, "installed.ts", join(place, "data"), kek];
  const used = new Process(argv, { folder: project, environment });
  const { status, output } = await used.ended;
  expect(status, output).toBe(0);
  return JSON.parse(used.printed);
}

const told = {
  ...{ done: "OK", greeting: "hello", count: 41, wrong: "41", kept: "hello", next: 42 },
  ...{ bytes: true, refused: true, closed: "NODE_STOPPING" },
};

test("package: holds the product alone, and the clone is as it was", () => {
  const list = execFileSync("tar", ["-tzf", archive], { encoding: "utf8" }).trim().split("\n");
  const product = [
    /^package\/(package\.json|README\.md|LICENSE)$/,
    /^package\/dist\/[\w/-]+(\.d\.ts|\.js)$/,
    /^package\/native\/(build\.mjs|src\/\w+\.[ch])$/,
  ];
  expect(list.filter((name) => !product.some((kind) => kind.test(name)))).toEqual([]);
  expect(list.filter((name) => /test|suite|vectors/.test(name))).toEqual([]);
  expect(list).toContain("package/dist/node/storeworker.js");
  expect(existsSync(join(tree, "dist"))).toBe(false);
  expect(existsSync(join(tree, "package.source.json"))).toBe(false);
  expect(manifest(tree)).toBe(manifest(root));
});

test("package: the library opens, keeps what it is given, and closes", async () => {
  const addon = "native/build/strongroom.node";
  const built = existsSync(join(installed, addon));
  if (existsSync(join(root, addon))) expect(built).toBe(true);
  expect(await useIt({})).toEqual({ ...told, primitives: built ? "native" : "node" });
  expect(await useIt({ STRONGROOM_NATIVE: "off" })).toEqual({ ...told, primitives: "node" });
});

test("package: a program in TypeScript is checked against the declarations", async () => {
  const tsc = join(root, "node_modules/.bin/tsc");
  const flags = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024"];
  await run(process.execPath, tsc, ...flags, "--types", "node", "installed.ts");
});

test("package: the command line serves", async () => {
  expect((await run(program, "--version")).printed.trim()).toBe(version);
  const server = await new Server({ program }).start();
  const client = await server.client();
  expect(await client.call("SET", "k", "v")).toBe("OK");
  client.close();
  expect((await server.stop()).status).toBe(0);
  await server.start();
  const again = await server.client();
  expect(await again.call("GET", "k")).toBe("v");
  again.close();
  expect((await server.stop()).status).toBe(0);
});

test("package: a link to a clone runs its TypeScript", async () => {
  const linked = join(folder, "linked");
  mkdirSync(linked);
  writeFileSync(join(linked, "package.json"), '{ "private": true, "type": "module" }\n');
  await packages.npm(linked, "install", tree);
  const text = 'import { open } from "strongroom"; console.log(typeof open);\n';
  writeFileSync(join(linked, "use.js"), text);
  const used = new Process([process.execPath, "use.js"], { folder: linked });
  expect((await used.ended).status, used.output).toBe(0);
  expect(used.printed.trim()).toBe("function");
});
