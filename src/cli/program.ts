/**
 * The command line: its commands, their flags and help. What they do stands in a file each.
 * @module
 */
import { Command, CommanderError } from "commander";
import { StrongroomError } from "../base/errors.ts";
import { kekForms } from "../kek/spec.ts";
import { clientOf } from "./admin/target.ts";
import type { Context } from "./context.ts";
import { addEncryption } from "./encryption/commands.ts";
import { addSettingFlags, elsewhere } from "./flags.ts";
import { makeKeyFile } from "./keyfile.ts";
import { addKeys } from "./keys/commands.ts";
import { openLogger, tellable } from "./logger.ts";
import { type ServedNode, type ServeParts, serve } from "./serve.ts";
import { settingsOf } from "./settings/read.ts";
import { settingTable } from "./settings/table.ts";
import { renderStatus } from "./status.ts";
import type { StopRequest } from "./stop.ts";
import { type VerifyParts, verify } from "./verify/command.ts";

export interface Parts<Node extends ServedNode> extends ServeParts<Node>, VerifyParts {}

export interface Invocation<Node extends ServedNode> {
  readonly context: Context;
  readonly parts: Parts<Node>;
  readonly stop: StopRequest;
  readonly version: string;
}

/**
 * Exit statuses besides 0: refused or failed; wrong use; done, but not all is well (a proof that is
 * not clean); a crash (sysexits.h EX_SOFTWARE).
 */
export const exitStatus = { refused: 1, usage: 2, unwell: 3, crash: 70 } as const;

const dataDirHelp = `directory of the data (default ${settingTable["data-dir"].default})`;

type Options = Record<string, unknown>;
type Run = (status: number) => void;

function addServe<Node extends ServedNode>(program: Command, on: Invocation<Node>, end: Run): void {
  const command = program
    .command("serve")
    .summary("start a node")
    .description("Starts a node in the foreground. SIGTERM or Ctrl-C stops it in good order.")
    .option("--config <path>", "file with settings")
    .option("--default-key-file", "without --kek: use ~/.strongroom/kek, made if the data is new");
  addSettingFlags(command);
  command.addHelpText("after", `\n${elsewhere}\n${serveExamples}`);
  command.action(async (options: Options) => {
    const settings = settingsOf(on.context, options);
    const useDefaultKeyFile = options.defaultKeyFile === true;
    const request = { settings, useDefaultKeyFile, version: on.version };
    const logger = openLogger(settings["log-level"]);
    end(await serve(on.context, on.parts, request, on.stop, logger));
  });
}

const serveExamples = `
Examples:
  $ strongroom keygen --out ~/strongroom.kek
  $ strongroom serve --data-dir rooms --kek file:$HOME/strongroom.kek
  $ STRONGROOM_REQUIREPASS=… strongroom serve --config strongroom.conf --cache-bytes 1gb`;

function addKeygen(program: Command, context: Context): void {
  program
    .command("keygen")
    .summary("make a key file")
    .description("Writes 32 random bytes to a new file, mode 0600. Never overwrites.")
    .requiredOption("--out <path>", "where the file is to be; not in the data directory")
    .addHelpText("after", "\nExample:\n  $ strongroom keygen --out ~/strongroom.kek")
    .action(({ out }: { out: string }) => {
      makeKeyFile(context.disk, context.random, out);
      context.out(`wrote ${out}: keep a copy elsewhere; without it nobody can read the data`);
    });
}

function addStatus(program: Command, context: Context): void {
  program
    .command("status")
    .summary("show the running node")
    .description("Shows state, keys, log, store and memory of the node that holds the data.")
    .option("--data-dir <dir>", dataDirHelp)
    .option("--json", "for programs")
    .addHelpText("after", "\nExample:\n  $ strongroom status --data-dir rooms --json")
    .action(async (options: Options) => {
      const { node: status } = await (await clientOf(context, options)).status();
      if (options.json === true) context.out(JSON.stringify(status, null, 2));
      else for (const line of renderStatus(status)) context.out(line);
    });
}

function addRotate(program: Command, context: Context): void {
  program
    .command("rotate-dek")
    .summary("add a new data key and make it the active one")
    .description(
      "Adds a new data key to the running node and makes it the active one: new writes use " +
        "it at once. Older data stays readable; compaction moves it over.",
    )
    .argument("[purpose]", "storage or log", "storage")
    .option("--data-dir <dir>", dataDirHelp)
    .option("--json", "for programs")
    .addHelpText("after", "\nExample:\n  $ strongroom rotate-dek log --data-dir rooms")
    .action(async (purpose: string, options: Options) => {
      if (purpose !== "storage" && purpose !== "log")
        throw new StrongroomError("CONFIG_INVALID", "the purpose must be storage or log");
      const client = await clientOf(context, options);
      const { keyId, appliedIndex } = await client.rotate(purpose);
      if (options.json === true) context.out(JSON.stringify({ purpose, keyId, appliedIndex }));
      else context.out(`the active ${purpose} key is ${keyId}, since entry ${appliedIndex}`);
    });
}

function addVerify<Node extends ServedNode>(
  program: Command,
  on: Invocation<Node>,
  end: Run,
): void {
  program
    .command("verify")
    .summary("open every record and log entry; search for plaintext")
    .description(
      "Opens every record and every log entry and reports damage. Changes no data. A node that " +
        "holds the directory does it itself while it serves. With no node running the KEKs are " +
        "those of --kek, else those of the latest start.",
    )
    .option("--data-dir <dir>", dataDirHelp)
    .option("--kek <spec...>", kekForms)
    .option("--scan <text...>", "search every file for these texts, in several forms")
    .option("--json", "for programs")
    .addHelpText("after", verifyExamples)
    .action(async (options: Options) => {
      const settings = settingsOf(on.context, options);
      const scan = (options.scan as string[] | undefined) ?? [];
      const request = { settings, texts: scan, json: options.json === true };
      end(await verify(on.context, on.parts, request));
    });
}

const verifyExamples = `
With --scan beside a running node only the search is made.

Examples:
  $ strongroom verify --data-dir copy --kek file:$HOME/strongroom.kek
  $ strongroom verify --data-dir rooms --scan alice@example.org "account number"`;

function build<Node extends ServedNode>(on: Invocation<Node>, end: Run): Command {
  const program = new Command("strongroom")
    .description("An encrypted database that speaks Redis and writes only ciphertext.")
    .version(on.version)
    .showHelpAfterError("(strongroom COMMAND --help tells more)")
    .configureOutput({
      writeOut: (text) => on.context.out(text.trimEnd()),
      writeErr: (text) => on.context.err(text.trimEnd()),
    })
    .exitOverride();
  addServe(program, on, end);
  addKeygen(program, on.context);
  addStatus(program, on.context);
  addRotate(program, on.context);
  addVerify(program, on, end);
  addKeys(program, on.context, (well) => end(well ? 0 : exitStatus.unwell));
  addEncryption(program, on.context);
  return program;
}

/** Runs one command line. @returns the exit status. */
export async function run<Node extends ServedNode>(
  argv: readonly string[],
  on: Invocation<Node>,
): Promise<number> {
  let status = 0;
  const program = build(on, (ended) => {
    status = ended;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitStatus.usage;
    if (error instanceof StrongroomError) {
      on.context.err(error.explain());
      return exitStatus.refused;
    }
    on.context.err(JSON.stringify({ crash: tellable(error) }));
    return exitStatus.crash;
  }
}
