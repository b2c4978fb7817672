/**
 * What `npm pack` packs. Node strips no types below node_modules: an installed package has to be
 * JavaScript, while package.json of a clone names the TypeScript that runs as it is.
 *   package.ts prepack     writes dist/ and puts the package's manifest in place of package.json
 *   package.ts postpack    takes both back
 * An interrupted `npm pack` leaves both behind, the clone's manifest as package.source.json; the
 * next one puts it back, and so does postpack by hand.
 * @module
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const manifestPath = join(root, "package.json");
const sourcePath = join(root, "package.source.json");
const dist = join(root, "dist");

function readManifest(): Record<string, unknown> {
  return JSON.parse(readFileSync(manifestPath, "utf8")) as Record<string, unknown>;
}

/** Whoever has put package.json back already, as git does, keeps it. */
function takeBack(): void {
  if (existsSync(sourcePath)) {
    if ("bin" in readManifest()) renameSync(sourcePath, manifestPath);
    else rmSync(sourcePath);
  }
  rmSync(dist, { recursive: true, force: true });
}

/** JavaScript and declarations of library, program and store's worker, and what they import. */
function compile(): void {
  const tsc = join(root, "node_modules/.bin/tsc");
  const run = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.package.json")], {
    stdio: ["ignore", 2, 2],
  });
  if (run.status !== 0) throw new Error("the sources do not compile");
}

/** Specifiers that the compiler leaves: all of declarations, and the URL of a worker. */
const leftover = /((?:\bfrom |\bimport\(|\bimport |\bnew URL\()"\.{1,2}\/[^"\n]*)\.ts"/g;

function nameJavaScript(): void {
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = readFileSync(path, "utf8");
    const renamed = text.replace(leftover, '$1.js"');
    if (renamed !== text) writeFileSync(path, renamed);
  }
}

/** Without the pinned Node: its `node` would come before the one that the user has chosen. */
function packedManifest(source: Record<string, unknown>): Record<string, unknown> {
  const { scripts, devDependencies, optionalDependencies, ...kept } = source;
  return {
    ...kept,
    exports: {
      ".": { types: "./dist/index.d.ts", default: "./dist/index.js" },
      "./package.json": "./package.json",
    },
    bin: { strongroom: "dist/bin/strongroom.js" },
    scripts: { install: "node native/build.mjs" },
  };
}

function prepack(): void {
  takeBack();
  compile();
  nameJavaScript();
  const packed = packedManifest(readManifest());
  copyFileSync(manifestPath, sourcePath);
  writeFileSync(manifestPath, `${JSON.stringify(packed, null, 2)}\n`);
}

const steps: Readonly<Record<string, () => void>> = { prepack, postpack: takeBack };
const step = steps[process.argv[2] ?? ""];
if (step === undefined) throw new Error("package.ts prepack | postpack");
step();
