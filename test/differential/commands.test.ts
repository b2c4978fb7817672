// Goal: commands reply as redis-server 7.0 does, in both protocols, wherever the data lies.
// Method: the same random commands to both, in this process, over the real keyspace that between
// commands is written to a store, evicted, and caught in the middle of a run.
import { expect, test } from "vitest";
import { Args } from "../../src/commands/args.ts";
import { perform } from "../../src/commands/dispatch.ts";
import { commandNamed } from "../../src/commands/table.ts";
import { ResidentSubject } from "../../src/commands/testing/resident.ts";
import { families, scriptsOf, showReply } from "../../src/commands/testing/script.ts";
import { RespWriter } from "../../src/resp/writer.ts";
import { type Candidate, judge, seeds } from "./judge.ts";
import { Choices } from "./random.ts";
import { redisOfTests } from "./redis.ts";

const redis = redisOfTests();

class InProcess implements Candidate {
  private readonly subject = new ResidentSubject(Date.now());
  private readonly writer = new RespWriter();
  private readonly choices: Choices;

  constructor(resp3: boolean, seed: number) {
    this.writer.resp3 = resp3;
    this.choices = new Choices(seed);
  }

  /** Something that a node does between two entries. */
  private housekeeping(): void {
    const { shelf, resident, keyspace } = this.subject;
    const kind = this.choices.below(8);
    if (kind === 0 && !shelf.flushing) shelf.begin();
    else if (kind === 1) shelf.encode(this.choices.below(3));
    else if (kind === 2 && shelf.flushing) shelf.land();
    else if (kind === 3) resident.evictAll();
    else if (kind === 4) resident.evict(this.choices.below(2000), keyspace.ids);
  }

  private one([name, ...rest]: readonly Buffer[]): Buffer {
    const { keyspace } = this.subject;
    this.subject.nextEntry();
    this.housekeeping();
    keyspace.nowMs = Date.now();
    const spec = commandNamed((name as Buffer).toString("latin1"));
    if (spec === undefined) throw new Error(`no command ${name}`);
    perform(spec, { keyspace, db: keyspace.database(0) }, Args.of(...rest), this.writer);
    return this.writer.take();
  }

  async perform(batch: readonly (readonly Buffer[])[]): Promise<Buffer[]> {
    return batch.map((args) => this.one(args));
  }
}

for (const seed of seeds(1, 2, 3))
  for (const resp3 of [false, true])
    test(`commands: replies equal those of Redis, RESP${resp3 ? 3 : 2}, seed ${seed}`, async () => {
      const candidate = new InProcess(resp3, seed);
      await judge(redis.client, candidate, { seed, resp3, commands: 15_000 });
    });

for (const family of families)
  test(`commands: the recorded conversations about ${family} are those of this Redis`, async () => {
    for (const resp3 of [false, true]) {
      await redis.client.call("HELLO", resp3 ? "3" : "2");
      for (const script of scriptsOf(family)) {
        await redis.client.call("FLUSHALL");
        for (const row of script.rows) {
          const isList = row.line.startsWith("LIST ");
          const args = isList ? [Buffer.from("RPUSH"), row.args[1], Buffer.from("x")] : row.args;
          const reply = await redis.client.send(args as Buffer[]);
          const expected = isList ? ":1" : resp3 ? row.resp3 : row.resp2;
          expect([row.line, showReply(reply)]).toEqual([row.line, expected]);
        }
      }
    }
  });
