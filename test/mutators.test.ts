// Goal: whatever change of keys a node is killed in, at whatever moment, the next start serves,
// nothing acknowledged is lost, the same request again is answered as the same one or does the
// rest, and everything opens.
// Method: a node as its own process on real files, random writers with an oracle, each change of
// the admin service killed at moments spread over its usual length and somewhat beyond.
// STRONGROOM_MUTATOR_KILLS sets the moments of each change, STRONGROOM_MUTATOR one change alone.

import { randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { type AdminClient, connectAdmin, type Done, findNode } from "../src/admin/client.ts";
import { NodeDisk } from "../src/platform/disk.ts";
import { spoilLog } from "./support/halting.ts";
import { inClear, restart } from "./support/inclear.ts";
import { enter, type Ledger } from "./support/ledger.ts";
import { cutovers, type Mutator, mutators, type Step } from "./support/mutators.ts";
import { pause, Server } from "./support/server.ts";
import { checkUnits, Dice, Writer } from "./support/writers.ts";

const moments = Number(process.env.STRONGROOM_MUTATOR_KILLS ?? 1);
const seed = Number(process.env.STRONGROOM_SEED ?? Date.now() % 1_000_000);
const only = process.env.STRONGROOM_MUTATOR ?? "";
const limit = 120_000 + moments * 240_000;
const disk = new NodeDisk();
const logFileBytes = 512 << 10;
const restless = ["--cache-bytes", "8mb", "--segment-bytes", "1mb", "--log-file-bytes", "512kb"];
const beyond = 1.3;
const usualMsMin = 15;
/** Until a change has been measured. */
const usualMs = 50;
/** Rounds through all changes in one directory: after more it has very many keys. */
const roundsMax = 4;

const servers: Server[] = [];
afterAll(async () => {
  for (const server of servers) await server.kill();
});

/** How often the kill came too late for the change, and how often before it was begun or done. */
interface Tally {
  answered: number;
  landed: number;
  repeated: number;
  refused: number;
  ms: number;
}

/** One directory through many kills. */
class Lives {
  readonly server: Server;
  readonly writers: Writer[];
  private readonly tallies: Map<string, Tally>;
  private readonly dice: Dice;
  private readonly ledger: Ledger = new Map();
  private over = false;
  private load: Promise<unknown> = Promise.resolve();

  constructor(flags: readonly string[], tallies: Map<string, Tally>, number = 0) {
    this.tallies = tallies;
    this.dice = new Dice(seed + number * 101);
    this.server = new Server({ flags });
    servers.push(this.server);
    this.writers = [0, 1].map((at) => new Writer(number * 2 + at, seed + at));
  }

  admin(): AdminClient {
    return connectAdmin(findNode(disk, this.server.dataDir));
  }

  async write(): Promise<void> {
    this.over = false;
    const clients = await Promise.all(this.writers.map(() => this.server.client()));
    const running = this.writers.map((writer, at) => writer.run(clients[at]!, () => this.over));
    this.load = Promise.all(running);
  }

  async settle(): Promise<void> {
    this.over = true;
    await this.load;
    expect(this.writers.flatMap(({ wrong }) => wrong)).toEqual([]);
  }

  async kill(): Promise<void> {
    await this.server.kill();
    await this.settle();
    expect(enter(this.ledger, this.server.dataDir).repeated).toEqual([]);
  }

  async restart(): Promise<void> {
    await restart(this.server);
    await this.check();
  }

  async check(): Promise<void> {
    const client = await this.server.client();
    expect(await checkUnits(client, this.writers)).toEqual([]);
    client.close();
  }

  tally(name: string): Tally {
    const known = this.tallies.get(name) ?? {
      answered: 0,
      landed: 0,
      repeated: 0,
      refused: 0,
      ms: 0,
    };
    this.tallies.set(name, known);
    return known;
  }

  /** A moment of this change: the n-th part of its usual length, and where in it the dice say. */
  moment(name: string, nth: number): number {
    const usual = Math.max(usualMsMin, this.tally(name).ms || usualMs) * beyond;
    return (usual * (nth + this.dice.below(1000) / 1000)) / moments;
  }

  measured(name: string, ms: number): void {
    const tally = this.tally(name);
    tally.ms = tally.ms === 0 ? ms : tally.ms * 0.7 + ms * 0.3;
  }

  /** Asks and kills. @returns the answer if it came before. */
  async killed(name: string, step: Step, request: string, nth: number): Promise<Done | null> {
    const begun = performance.now();
    const asked = step.ask(this.admin(), request).then(
      (done) => {
        this.measured(name, performance.now() - begun);
        return done;
      },
      (error: { code?: string }) => error.code ?? String(error),
    );
    await pause(this.moment(name, nth));
    await this.kill();
    const answer = await asked;
    if (typeof answer !== "string") return answer;
    const lost = [
      "ADMIN_OUTCOME_UNKNOWN",
      "ADMIN_NOT_RUNNING",
      step.refusal ?? "ADMIN_NOT_RUNNING",
    ];
    expect(lost).toContain(answer);
    return null;
  }

  /** The same request again: as the first answer said, or else it is done now. */
  async repeated(name: string, step: Step, request: string, first: Done | null): Promise<void> {
    const client = this.admin();
    const tally = this.tally(name);
    const begun = performance.now();
    let again: Done | null = null;
    try {
      again = await step.ask(client, request);
    } catch (error) {
      expect([step.refusal]).toContain((error as { code?: string }).code);
      tally.refused++;
    }
    if (first !== null) tally.answered++;
    else if (again?.changed === true) tally.repeated++;
    else if (again !== null) tally.landed++;
    if (again?.changed === true) this.measured(name, performance.now() - begun);
    if (first !== null && again !== null) {
      expect(again.appliedIndex).toBe(first.appliedIndex);
      expect(again.changed).toBe(false);
    }
    await step.check(client);
    if (again !== null)
      expect((await step.ask(client, request)).appliedIndex).toBe(again.appliedIndex);
  }

  async verified(): Promise<void> {
    let clean = false;
    for await (const progress of this.admin().verify(0)) {
      expect(progress.findings).toEqual([]);
      ({ clean } = progress);
    }
    expect(clean).toBe(true);
  }

  /** @throws with the change's name and what the node said. */
  async trial(mutator: Mutator, nth: number): Promise<void> {
    await this.once(mutator, nth).catch((error: Error) => {
      const said = this.server.process?.output.slice(-2000) ?? "";
      throw new Error(`${mutator.name}, ${nth}: ${error.message}\n${said}`, { cause: error });
    });
  }

  private async once({ name, prepare }: Mutator, nth: number): Promise<void> {
    await this.write();
    const step = await prepare(this.admin(), this.server);
    const request = randomBytes(16).toString("hex");
    const first = await this.killed(name, step, request, nth);
    await this.restart();
    await this.repeated(name, step, request, first);
    await this.verified();
  }

  async end(): Promise<void> {
    await this.settle();
    expect((await this.server.stop()).status).toBe(0);
    expect(enter(this.ledger, this.server.dataDir).repeated).toEqual([]);
    const verified = await this.server.run("verify", "--kek", this.server.spec);
    expect(verified.output).toMatch(/damage: 0/);
  }
}

function tell(tallies: ReadonlyMap<string, Tally>): void {
  for (const [name, { answered, landed, repeated, refused, ms }] of tallies)
    console.log(
      `${name}: ${answered} answered before the kill, ${landed} done and not answered, ` +
        `${repeated} done by the repetition, ${refused} rightly refused; ${ms.toFixed(0)} ms`,
    );
}

const chosen = (all: readonly Mutator[]): Mutator[] =>
  all.filter(({ name }) => name.includes(only));

test(`mutators: kill -9 in each change of a sealed node (seed ${seed})`, {
  timeout: limit,
}, async () => {
  const tallies = new Map<string, Tally>();
  for (let from = 0; from < moments; from += roundsMax) {
    const lives = new Lives(restless, tallies, from);
    await lives.server.start();
    for (let nth = from; nth < Math.min(moments, from + roundsMax); nth++)
      for (const mutator of chosen(mutators)) await lives.trial(mutator, nth);
    await lives.end();
  }
  tell(tallies);
});

test(`mutators: kill -9 in each cutover (seed ${seed})`, { timeout: limit }, async () => {
  const tallies = new Map<string, Tally>();
  for (let nth = 0; nth < moments; nth++) {
    const lives = new Lives([...inClear, ...restless], tallies, nth);
    await lives.server.start();
    for (const mutator of chosen(cutovers)) await lives.trial(mutator, nth);
    await lives.end();
  }
  tell(tallies);
});

/** A start that may come up halted. */
async function startHalted({ server }: Lives): Promise<AdminClient> {
  // PING is answered by a halted node too.
  await server.start();
  return connectAdmin(findNode(disk, server.dataDir));
}

test(`mutators: kill -9 in the skip of an entry (seed ${seed})`, { timeout: limit }, async () => {
  const tallies = new Map<string, Tally>();
  const lives = new Lives(restless, tallies);
  await lives.server.start();
  for (let nth = 0; nth < moments; nth++) {
    await lives.write();
    await pause(100);
    await lives.kill();
    const index = await spoilLog(lives.server.dataDir, logFileBytes);
    const halted = await startHalted(lives);
    expect((await halted.status()).keyring.state).toBe("halted");
    const step: Step = {
      ask: (to, request) => to.skip(index, "spoiled by a test", request),
      check: async (from) => {
        const told = (await from.history()).filter(({ kind }) => kind === "skip");
        const of = told.filter(({ detail }) => detail.startsWith(`entry ${index}:`));
        const serving = (await from.status()).keyring.state === "serving";
        expect(of).toHaveLength(serving ? 1 : 0);
      },
    };
    const request = randomBytes(16).toString("hex");
    const first = await lives.killed("skip", step, request, nth);
    await startHalted(lives);
    await lives.repeated("skip", step, request, first);
    if ((await lives.admin().status()).keyring.state === "halted") {
      await lives.kill();
      await lives.server.start();
      expect((await step.ask(lives.admin(), request)).changed).toBe(false);
      await step.check(lives.admin());
    }
    await lives.check();
    await lives.verified();
  }
  await lives.end();
  tell(tallies);
});
