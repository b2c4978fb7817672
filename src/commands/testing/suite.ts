/**
 * What every keyspace must make of the commands: the recorded scripts, in both protocols. A
 * keyspace that has only strings leaves out those on keys of other types.
 * @module
 */
import { expect, test } from "vitest";
import type { Keyspace } from "../../keyspace/api.ts";
import { RespWriter } from "../../resp/writer.ts";
import { Args } from "../args.ts";
import { perform } from "../dispatch.ts";
import { commandNamed } from "../table.ts";
import { families, type Row, scriptsOf, showReply } from "./script.ts";

export interface Subject {
  readonly keyspace: Keyspace;
  /** Undefined: it has strings alone. */
  putList?(key: Buffer): void;
  /** Called before each command. */
  before?(): void;
}

function answer(subject: Subject, row: Row, resp3: boolean): string {
  const [name, ...rest] = row.args as [Buffer, ...Buffer[]];
  if (row.line.startsWith("LIST ")) {
    subject.putList?.(rest[0] as Buffer);
    return "";
  }
  subject.before?.();
  const spec = commandNamed(name.toString("latin1"));
  if (spec === undefined) throw new Error(`no command ${name}`);
  const writer = new RespWriter();
  writer.resp3 = resp3;
  const { keyspace } = subject;
  perform(spec, { keyspace, db: keyspace.database(0) }, Args.of(...rest), writer);
  return showReply(writer.take());
}

/** @param make - An empty keyspace for each script. */
export function commandSuite(name: string, make: () => Subject): void {
  const usable = families.filter((family) => family !== "wrongtype" || make().putList);
  for (const family of usable)
    for (const script of scriptsOf(family))
      for (const resp3 of [false, true])
        test(`${name}, RESP${resp3 ? 3 : 2}: ${script.name}`, () => {
          const subject = make();
          const replies = script.rows.map((row) => [row.line, answer(subject, row, resp3)]);
          const expected = script.rows.map((row) => [row.line, resp3 ? row.resp3 : row.resp2]);
          expect(replies).toEqual(expected);
        });
}
