/**
 * The way out of a halt: an authenticated entry that names the one to be passed, by index and
 * digest, with the operator's reason, which stays in the history. It goes straight into the log,
 * for a halted node proposes nothing; the node then reads ahead to it and goes on, at once if its
 * memory is whole, else after a restart. Hazard: to pass an entry is to lose what it said, and a
 * node that passes what others applied differs from them: only an operator may say so.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import { payloadOf, proposeChange } from "../../control/start.ts";
import type { Load } from "../../control/state.ts";
import { reasonBytesMax } from "../../entry/keychange.ts";
import { entryHeaderBytes, entryHeaderIn, writeEntryHeader } from "../../entry/logentry.ts";
import type { Stamp } from "../../entry/stamp.ts";
import type { Applied, RequestId } from "../operations.ts";
import type { Runtime } from "../runtime.ts";
import { doneBefore, type KeyWork, requestBytesOf } from "./work.ts";

/**
 * KeyOperations.skip.
 * @throws KEY_SKIP_REFUSED; LOG_* if the log cannot be written; what the next entry halts with.
 */
export async function skip(
  work: KeyWork,
  request: RequestId,
  index: number,
  reason: string,
): Promise<Applied> {
  const id = requestBytesOf(request);
  return work.exclusive(async () => {
    const { runtime } = work;
    const event = runtime.deps.state.history.find(id);
    if (event !== null) return doneBefore("skip")(event);
    const { awaited } = work;
    if (awaited?.request.equals(id) === true && awaited.index === index)
      return { appliedIndex: awaited.appliedIndex, changed: false };
    const load = judge(runtime, index, reason);
    if (awaited?.index === index)
      throw new StrongroomError("KEY_SKIP_REFUSED", "it may be passed already: restart the node");
    const at = await append(runtime, load, index, reason, work.stamp(id));
    if (!canGoOn(runtime)) {
      work.awaited = { request: id, index, appliedIndex: at };
      runtime.deps.alarm("restart-needed", "the entry is passed by the next start");
    } else await goOn(runtime);
    return { appliedIndex: at, changed: true };
  });
}

function judge(runtime: Runtime, index: number, reason: string): Load {
  const { group, node, deps } = runtime;
  const refuse = (why: string): never => {
    throw new StrongroomError("KEY_SKIP_REFUSED", why);
  };
  const bytes = Buffer.byteLength(reason, "utf8");
  if (bytes === 0 || bytes > reasonBytesMax) refuse(`a reason of 1 to ${reasonBytesMax} bytes`);
  if (group.haltedBy === null) refuse("the node has not halted");
  if (group.haltedAt === 0) refuse("it is no entry that has halted the node");
  if (index !== group.haltedAt) refuse(`the node has halted at entry ${group.haltedAt}`);
  const load = deps.state.current.get(node.fullNodeId);
  return load ?? refuse("the node has no session to speak in");
}

/** Appends the entry behind everything that the session has in the log. @returns its index. */
function append(
  runtime: Runtime,
  load: Load,
  index: number,
  reason: string,
  stamp: Stamp,
): Promise<number> {
  const { state, macs, place, keeper, log } = runtime.deps;
  let digest: Buffer = Buffer.alloc(0);
  let seq = load.lastSeq;
  for (const { index: at, entry } of log.read(index as typeof log.first)) {
    if (at === index) digest = state.deps.sha256(entry);
    const header = entryHeaderIn(entry);
    if (header?.session === load.session && header.seq === seq + 1) seq++;
  }
  const header = { keyId: 0, session: load.session, seq: seq + 1 };
  const proposal = proposeChange({ kind: "skip", index, digest, reason }, stamp);
  const { cluster } = keeper.document;
  const { session } = load;
  const at = { cluster, group: place.group, session, seq: seq + 1 };
  const payload = payloadOf(proposal, at, state, macs);
  const entry = Buffer.alloc(entryHeaderBytes + payload.length);
  writeEntryHeader(entry, 0, header);
  payload.copy(entry, entryHeaderBytes);
  return new Promise((resolve, reject) => {
    log.append(entry, (error, where) => (error === null ? resolve(where) : reject(error)));
  });
}

/** False if half of the entry is in memory, or this start never got a session of its own. */
function canGoOn({ machine, deps }: Runtime): boolean {
  return !machine.torn && deps.session.session !== 0n && !deps.host.unsettled;
}

async function goOn({ group, proposer, deps, engine }: Runtime): Promise<void> {
  await proposer.drained();
  await group.resume(deps.log);
  proposer.restart();
  proposer.refuse(null);
  engine.progressed();
}
