/**
 * `strongroom keys …`: the life of keys on a running node.
 * @module
 */
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { addKeysHistory } from "./history.ts";
import { addKeysProof } from "./proof.ts";
import { addKeysResync } from "./resync.ts";
import { addKeysFence, addKeysRetire } from "./retire.ts";
import { addKeysRewrap } from "./rewrap.ts";
import { addKeysRewrite } from "./rewrite.ts";
import { addKeysRotate } from "./rotate.ts";
import { addKeysStatus } from "./status.ts";
import { addKeysRegister, addKeysSkip } from "./writer.ts";

/** @param end - Told false by a command that did its work and found that all is not well. */
export function addKeys(program: Command, context: Context, end: (well: boolean) => void): void {
  const keys = program
    .command("keys")
    .summary("see and change the keys of a running node")
    .description(
      "The life of keys on a running node: see, rotate, rewrap, rewrite, retire, prove.",
    );
  addKeysStatus(keys, context);
  addKeysHistory(keys, context);
  addKeysRotate(keys, context);
  addKeysRewrap(keys, context, end);
  addKeysRewrite(keys, context, end);
  addKeysFence(keys, context);
  addKeysRetire(keys, context);
  addKeysProof(keys, context, end);
  addKeysResync(keys, context);
  addKeysRegister(keys, context);
  addKeysSkip(keys, context);
}
