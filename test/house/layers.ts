/**
 * The import order of the house. A folder may import those in earlier steps, never one in its own
 * step or a later one; what a folder may touch of the world outside is listed beside it.
 * @module
 */

/** Folders of `src` (or a file directly in it), from the bottom of the house to its top. */
const steps: readonly (readonly string[])[] = [
  ["base", "proto"],
  ["platform"],
  ["crypto", "kek", "resp"],
  ["files", "entry"],
  ["sealed", "keyspace"],
  ["log", "store", "commands"],
  ["machine"],
  ["control"],
  ["node"],
  ["redis", "admin"],
  ["server"],
  ["index.ts", "cli"],
  ["bin"],
];

/** The folder of a path `src/<folder>/…`, or the file name of `src/<file>`. */
export function folderOf(path: string): string {
  return path.split("/")[1] ?? "";
}

/** Step of a folder, -1 if it is in none. */
export function stepOf(folder: string): number {
  return steps.findIndex((step) => step.includes(folder));
}

/** Folders that touch sockets, processes and timers of Node themselves. */
const worldly = new Set(["platform", "node", "admin", "server", "index.ts", "cli", "bin"]);

/** Built-in modules without I/O, clock or chance: allowed everywhere. */
const pureModules = ["node:assert", "node:buffer", "node:util"];

/** Built-in modules allowed to the folders that are not worldly, besides the pure ones. */
const grantedModules: Readonly<Record<string, readonly string[]>> = {
  crypto: ["node:crypto", "node:zlib"],
  kek: ["node:crypto", "node:path"],
  files: ["node:zlib", "node:path"],
  entry: ["node:zlib"],
  sealed: ["node:zlib"],
  log: ["node:zlib", "node:path"],
  store: ["node:zlib", "node:path"],
};

/** True if code in `folder` may import this built-in module. */
export function mayImportBuiltin(folder: string, module: string): boolean {
  if (worldly.has(folder)) return true;
  const granted = grantedModules[folder] ?? [];
  return pureModules.includes(module) || granted.includes(module);
}

/** Packages, and the only folders that may import them. */
export const packageFolders: Readonly<Record<string, readonly string[]>> = {
  "@bufbuild/protobuf": ["proto", "admin"],
  "@bufbuild/protobuf/codegenv2": ["proto"],
  "@connectrpc/connect": ["admin"],
  "@connectrpc/connect-node": ["admin"],
  "prom-client": ["admin"],
  "@aws-sdk/client-kms": ["kek"],
  "@azure/identity": ["kek"],
  "@azure/keyvault-keys": ["kek"],
  "@google-cloud/kms": ["kek"],
  commander: ["cli"],
  pino: ["platform", "node", "admin", "server", "index.ts", "cli", "bin"],
};

const clocksAndChance: readonly RegExp[] = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bMath\.random\b/,
  /\bperformance\b\./,
  /\bprocess\.hrtime\b/,
  /\brandom(Bytes|FillSync|Fill|Int|UUID)\b/,
  /\bgetRandomValues\b/,
  /(?<![.\w])(setTimeout|setInterval|setImmediate|queueMicrotask)\(/,
];

const processState: readonly RegExp[] = [/\bprocess\.\w/, /(?<![.\w])fetch\(/];

/** Names of the world outside that code in `folder` may not speak of. */
export function forbiddenNames(folder: string): readonly RegExp[] {
  if (worldly.has(folder)) return [];
  if (folder === "kek" || folder === "redis") return clocksAndChance;
  return [...clocksAndChance, ...processState];
}
