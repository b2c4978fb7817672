/**
 * Metrics of encryption: what is sealed and opened, what failed, what lies under which key, how far
 * a rewrite is, and whether the KEKs answer. Labels are ids of keys and KEKs, states and codes.
 * @module
 */
import type { KekInfo, KeyInfo, RewriteInfo } from "../../node/operations.ts";
import {
  counter,
  countsBy,
  type Family,
  gauge,
  type Sample,
  type Snapshot,
  sample,
} from "./family.ts";

const keyed = (read: (key: KeyInfo) => number) => (snapshot: Snapshot) =>
  snapshot.keyring.keys.map((key) => {
    const { id, purpose, state } = key;
    return sample({ key_id: String(id), purpose, state }, read(key));
  });

/** Two KEKs that could not be opened may have one name: the worse one is told. */
const kekked = (read: (kek: KekInfo) => number) => (snapshot: Snapshot) => {
  const worst = new Map<string, KekInfo>();
  for (const kek of snapshot.keyring.keks)
    if (worst.get(kek.id)?.healthy !== false) worst.set(kek.id, kek);
  return [...worst.values()].map((kek): Sample => {
    return sample({ kek: kek.id, provider: kek.provider }, read(kek));
  });
};

const rewritten = (read: (rewrite: RewriteInfo) => number) => (snapshot: Snapshot) =>
  snapshot.keyring.rewrites.map((rewrite) =>
    sample({ key_id: String(rewrite.keyId) }, read(rewrite)),
  );

const yes = (is: boolean): number => (is ? 1 : 0);

const envelopes: readonly Family[] = [
  gauge("strongroom_encryption_enabled", "1 if there are keys to seal with", ({ keyring }) =>
    yes(keyring.bootstrapped),
  ),
  gauge("strongroom_encryption_envelope_enabled", "1 if a surface is sealed", ({ keyring }) => [
    sample({ surface: "store" }, yes(keyring.storageCutover > 0)),
    sample({ surface: "log" }, yes(keyring.logCutover > 0)),
  ]),
  counter(
    "strongroom_encryption_seals_total",
    "Envelopes sealed: entries of the log, records of flushes",
    ({ node: { envelopes: of } }) => [
      sample({ surface: "log" }, of.log.seals),
      sample({ surface: "store" }, of.store.seals),
    ],
  ),
  counter(
    "strongroom_encryption_opens_total",
    "Envelopes opened: entries replayed, records read",
    ({ node: { envelopes: of } }) => [
      sample({ surface: "log" }, of.log.opens),
      sample({ surface: "store" }, of.store.opens),
    ],
  ),
  counter("strongroom_encryption_failures_total", "Records that did not open, by code", (all) =>
    countsBy("code", all.node.failures),
  ),
  counter(
    "strongroom_encryption_halts_total",
    "Times that the node halted on what it could not believe",
    ({ node }) => node.alarms.get("halted") ?? 0,
  ),
];

const keys: readonly Family[] = [
  gauge("strongroom_encryption_active_key", "Id of the key that is written under", (all) =>
    Object.entries(all.keyring.active).map(([purpose, id]) => sample({ purpose }, id)),
  ),
  gauge("strongroom_encryption_keys", "Keys by purpose and state", ({ keyring }) => {
    const counts = new Map<string, Sample>();
    for (const { purpose, state } of keyring.keys) {
      const before = counts.get(`${purpose} ${state}`)?.value ?? 0;
      counts.set(`${purpose} ${state}`, sample({ purpose, state }, before + 1));
    }
    return [...counts.values()];
  }),
  gauge(
    "strongroom_encryption_key_bytes",
    "Bytes on disk under a key; key 0: in clear",
    keyed(({ bytes }) => bytes),
  ),
  gauge(
    "strongroom_encryption_key_records",
    "Records or entries on disk under a key",
    keyed(({ records }) => records),
  ),
  gauge(
    "strongroom_encryption_key_writes_left",
    "Envelopes until a rotation is forced",
    keyed(({ writesLeft }) => writesLeft),
  ),
  gauge(
    "strongroom_encryption_key_created_timestamp_seconds",
    "When the key was made, by its proposer's clock; 0 if unknown",
    keyed(({ createdMs }) => createdMs / 1000),
  ),
  gauge(
    "strongroom_encryption_key_keks",
    "KEKs that wrap a key",
    keyed(({ kekIds }) => kekIds.length),
  ),
  gauge(
    "strongroom_encryption_registry_rows",
    "Rows of the writer registry",
    ({ keyring }) => keyring.writers.length,
  ),
  gauge(
    "strongroom_encryption_open_sessions",
    "Sessions that may write",
    ({ keyring }) => keyring.writers.filter(({ open }) => open).length,
  ),
  gauge(
    "strongroom_encryption_sidecar_usable",
    "1 if the sidecar says what the log says",
    ({ capability }) => yes(capability.sidecarPresent && capability.sidecarUsable),
  ),
];

const rewrites: readonly Family[] = [
  gauge(
    "strongroom_encryption_rewrite_running",
    "1 while a rewrite runs",
    rewritten(({ state }) => yes(state === "running")),
  ),
  gauge(
    "strongroom_encryption_rewrite_total_bytes",
    "Bytes that were under the key at the start",
    rewritten(({ bytesTotal }) => bytesTotal),
  ),
  gauge(
    "strongroom_encryption_rewrite_done_bytes",
    "Of them what is done",
    rewritten(({ bytesDone }) => bytesDone),
  ),
  gauge(
    "strongroom_encryption_rewrite_bytes_per_second",
    "Speed over the last seconds",
    rewritten(({ currentBytesPerSecond }) => currentBytesPerSecond),
  ),
  gauge(
    "strongroom_encryption_rewrite_eta_seconds",
    "Time that is left, -1 if it cannot be told",
    rewritten(({ etaMs }) => (etaMs < 0 ? -1 : etaMs / 1000)),
  ),
];

const keks: readonly Family[] = [
  gauge(
    "strongroom_encryption_kek_healthy",
    "1 if a KEK answered when it was asked last",
    kekked(({ healthy }) => yes(healthy)),
  ),
  gauge(
    "strongroom_encryption_kek_latency_seconds",
    "How long that took",
    kekked(({ latencyMs }) => latencyMs / 1000),
  ),
  gauge(
    "strongroom_encryption_kek_checked_timestamp_seconds",
    "When that was; 0: never",
    kekked(({ checkedMs }) => checkedMs / 1000),
  ),
  counter("strongroom_encryption_kek_failures_total", "Probes of a KEK that failed", (all) =>
    countsBy("kek", all.kekFailures),
  ),
];

export const encryptionFamilies: readonly Family[] = [...envelopes, ...keys, ...rewrites, ...keks];
