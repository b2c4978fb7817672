/**
 * Builds the addon: `node native/build.mjs`, on any Node from 20. Compiles native/src against the
 * headers of the Node that runs the product into native/build/strongroom.node, only when something
 * changed. Quiet; without a compiler it says so in one line and ends well, as everything works
 * without the addon. The OpenSSL symbols come from the node binary itself when it is loaded.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const sourceFolder = join(here, "src");
const buildFolder = join(here, "build");
const addon = join(buildFolder, "strongroom.node");
const stamp = join(buildFolder, "strongroom.stamp");

const flags = [
  ...["-std=gnu11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra"],
  // An error for newer compilers, whatever is said.
  "-Werror=implicit-function-declaration",
  ...["-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"],
  ...["-Wl,-z,relro", "-Wl,-z,now"],
];

function say(text) {
  console.error(`strongroom: ${text}`);
}

/** Headers of the pinned Node, else of the one that runs this. */
function findHeaders() {
  const pinned = join(here, "..", "node_modules", `node-linux-${process.arch}`);
  const candidates = [pinned, dirname(dirname(process.execPath))];
  return candidates
    .map((folder) => join(folder, "include", "node"))
    .find(
      (folder) => existsSync(join(folder, "node_api.h")) && existsSync(join(folder, "openssl")),
    );
}

/** Changes with anything that the result depends on. */
function fingerprint(headers) {
  const hash = createHash("sha256");
  const files = readdirSync(sourceFolder).map((name) => join(sourceFolder, name));
  files.push(fileURLToPath(import.meta.url), join(headers, "node_version.h"));
  for (const file of files.sort()) hash.update(readFileSync(file)).update("\0");
  return hash.update(process.arch).digest("hex");
}

function findCompiler() {
  const named = process.env.CC === undefined ? [] : [process.env.CC];
  return [...named, "cc", "gcc", "clang"].find(
    (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
  );
}

function compile(compiler, headers) {
  const sources = readdirSync(sourceFolder)
    .filter((name) => name.endsWith(".c"))
    .map((name) => join(sourceFolder, name));
  // Another build may run beside this one: only a finished file gets the name that is loaded.
  const output = join(buildFolder, `strongroom.${process.pid}.tmp`);
  const result = spawnSync(compiler, [...flags, `-I${headers}`, "-o", output, ...sources], {
    encoding: "utf8",
  });
  if (result.status === 0) renameSync(output, addon);
  else rmSync(output, { force: true });
  return result;
}

/** The line that says what went wrong: warnings may stand before it. */
function reason(text) {
  const lines = (text || "no reason given").split("\n").filter((line) => line !== "");
  return lines.find((line) => /\berror\b/.test(line)) ?? lines[0];
}

function main() {
  if (process.platform !== "linux") return say("the native addon is built on Linux alone");
  const headers = findHeaders();
  if (headers === undefined) return say("no Node headers: running without the native addon");
  const wanted = fingerprint(headers);
  if (existsSync(addon) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const compiler = findCompiler();
  if (compiler === undefined) {
    return say("no C compiler: running without the native addon, slower (Debian: gcc libc6-dev)");
  }
  mkdirSync(buildFolder, { recursive: true });
  const result = compile(compiler, headers);
  if (result.status === 0) return writeFileSync(stamp, wanted);
  // An addon of older sources must not be taken for this one.
  rmSync(addon, { force: true });
  say(`the native addon was not built, running without it, slower: ${reason(result.stderr)}`);
}

main();
