/**
 * The sections of INFO with the fields that clients, dashboards and exporters read. A field whose
 * subject does not exist here (fork, AOF rewrite) has the value that means "nothing".
 * @module
 */
import type { ServerContext, TableEntry } from "../../context.ts";
import { redisVersion } from "../../version.ts";
import { clientBytes } from "./memory.ts";

export type Field = readonly [name: string, value: string | number];
export type Section = (server: ServerContext) => Field[];

function human(bytes: number): string {
  const units = ["B", "K", "M", "G", "T"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < 4; unit++) value /= 1024;
  return unit === 0 ? `${bytes}B` : `${value.toFixed(2)}${units[unit]}`;
}

function serverSection({ host, runId, startMs, settings, nowMs, engine }: ServerContext): Field[] {
  const process = host.figures();
  const uptime = Math.floor((nowMs - startMs) / 1000);
  return [
    ["redis_version", redisVersion],
    ["redis_git_sha1", "00000000"],
    ["redis_git_dirty", 0],
    ["redis_build_id", "strongroom"],
    ["redis_mode", "standalone"],
    ["os", process.system],
    ["arch_bits", 64],
    ["monotonic_clock", "POSIX clock_gettime"],
    ["multiplexing_api", "epoll"],
    ["process_id", process.pid],
    ["process_supervised", "no"],
    ["run_id", runId],
    ["tcp_port", settings.get("port") ?? 0],
    ["server_time_usec", nowMs * 1000],
    ["uptime_in_seconds", uptime],
    ["uptime_in_days", Math.floor(uptime / 86_400)],
    ["hz", 10],
    ["configured_hz", 10],
    ["lru_clock", Math.floor(nowMs / 1000) & 0xffffff],
    ["executable", process.executable],
    ["config_file", ""],
    ["io_threads_active", 0],
    ["strongroom_node_id", engine.status().nodeId],
    ["strongroom_state", engine.status().state],
    ["strongroom_encryption", engine.status().encryption ? 1 : 0],
    ["strongroom_primitives", engine.status().primitives],
  ];
}

function clientsSection(server: ServerContext): Field[] {
  return [
    ["connected_clients", server.peers.size],
    ["cluster_connections", 0],
    ["maxclients", server.settings.get("maxclients") ?? 0],
    ["client_recent_max_input_buffer", 0],
    ["client_recent_max_output_buffer", 0],
    ["blocked_clients", 0],
    ["tracking_clients", 0],
    ["clients_in_timeout_table", 0],
  ];
}

function memorySection(server: ServerContext): Field[] {
  const process = server.host.figures();
  const { resident } = server.engine.status();
  const used = process.heapBytes + resident.bytes;
  const maxMemory = Number(server.settings.get("maxmemory") ?? 0);
  return [
    ["used_memory", used],
    ["used_memory_human", human(used)],
    ["used_memory_rss", process.rssBytes],
    ["used_memory_rss_human", human(process.rssBytes)],
    ["used_memory_peak", process.rssBytes],
    ["used_memory_peak_human", human(process.rssBytes)],
    ["used_memory_peak_perc", `${((100 * used) / Math.max(process.rssBytes, 1)).toFixed(2)}%`],
    ["used_memory_overhead", process.heapBytes],
    ["used_memory_startup", 0],
    ["used_memory_dataset", resident.bytes],
    ["total_system_memory", process.totalMemoryBytes],
    ["total_system_memory_human", human(process.totalMemoryBytes)],
    ["used_memory_lua", 0],
    ["used_memory_scripts", 0],
    ["maxmemory", maxMemory],
    ["maxmemory_human", human(maxMemory)],
    ["maxmemory_policy", server.settings.get("maxmemory-policy") ?? "noeviction"],
    ["mem_fragmentation_ratio", (process.rssBytes / Math.max(used, 1)).toFixed(2)],
    ["mem_clients_slaves", 0],
    ["mem_clients_normal", clientBytes(server)],
    ["mem_aof_buffer", 0],
    ["mem_allocator", "libc"],
    ["active_defrag_running", 0],
    ["lazyfree_pending_objects", 0],
    ["resident_bytes", resident.bytes],
    ["resident_bytes_max", resident.limit],
    ["resident_dirty_bytes", resident.dirtyBytes],
  ];
}

function persistenceSection({ engine }: ServerContext): Field[] {
  const { log, store, appliedIndex, durableIndex } = engine.status();
  return [
    ["loading", 0],
    ["async_loading", 0],
    ["rdb_changes_since_last_save", Math.max(appliedIndex - durableIndex, 0)],
    ["rdb_bgsave_in_progress", engine.checkpointing ? 1 : 0],
    ["rdb_last_save_time", Math.floor(engine.lastCheckpointMs / 1000)],
    ["rdb_last_bgsave_status", "ok"],
    ["rdb_last_bgsave_time_sec", -1],
    ["rdb_current_bgsave_time_sec", -1],
    ["aof_enabled", 1],
    ["aof_rewrite_in_progress", 0],
    ["aof_rewrite_scheduled", 0],
    ["aof_last_rewrite_time_sec", -1],
    ["aof_current_rewrite_time_sec", -1],
    ["aof_last_bgrewrite_status", "ok"],
    ["aof_last_write_status", "ok"],
    ["aof_current_size", log.bytes],
    ["aof_base_size", 0],
    ["applied_index", appliedIndex],
    ["durable_index", durableIndex],
    ["log_first_index", log.first],
    ["log_last_index", log.last],
    ["store_bytes", store.bytes],
    ["store_dead_bytes", store.deadBytes],
    ["store_segments", store.segments],
  ];
}

function statsSection({ figures, engine, pubsub, commandsPerSecond }: ServerContext): Field[] {
  const counters = engine.counters();
  return [
    ["total_connections_received", figures.connections],
    ["total_commands_processed", figures.commands],
    ["instantaneous_ops_per_sec", commandsPerSecond],
    ["total_net_input_bytes", figures.inputBytes],
    ["total_net_output_bytes", figures.outputBytes],
    ["instantaneous_input_kbps", "0.00"],
    ["instantaneous_output_kbps", "0.00"],
    ["rejected_connections", figures.rejected],
    ["sync_full", 0],
    ["sync_partial_ok", 0],
    ["sync_partial_err", 0],
    ["expired_keys", counters.expiredKeys],
    ["evicted_keys", counters.evictedKeys],
    ["evicted_clients", 0],
    ["keyspace_hits", counters.keyspaceHits],
    ["keyspace_misses", counters.keyspaceMisses],
    ["pubsub_channels", pubsub.names("channels").length],
    ["pubsub_patterns", pubsub.patternCount],
    ["pubsubshard_channels", pubsub.names("shardChannels").length],
    ["latest_fork_usec", 0],
    ["total_forks", 0],
    ["migrate_cached_sockets", 0],
    ["tracking_total_keys", 0],
    ["unexpected_error_replies", 0],
    ["total_error_replies", figures.errors],
    ["total_reads_processed", figures.reads],
    ["total_writes_processed", figures.writes],
    ["strongroom_damaged_records", counters.damagedRecords],
  ];
}

function replicationSection({ runId, engine }: ServerContext): Field[] {
  return [
    ["role", "master"],
    ["connected_slaves", 0],
    ["master_failover_state", "no-failover"],
    ["master_replid", runId],
    ["master_replid2", "0".repeat(40)],
    ["master_repl_offset", engine.status().appliedIndex],
    ["second_repl_offset", -1],
    ["repl_backlog_active", 0],
    ["repl_backlog_size", 0],
    ["repl_backlog_first_byte_offset", 0],
    ["repl_backlog_histlen", 0],
  ];
}

function cpuSection({ host }: ServerContext): Field[] {
  const { cpuSystem, cpuUser } = host.figures();
  return [
    ["used_cpu_sys", cpuSystem.toFixed(6)],
    ["used_cpu_user", cpuUser.toFixed(6)],
    ["used_cpu_sys_children", "0.000000"],
    ["used_cpu_user_children", "0.000000"],
  ];
}

function commandStats({ name, figures }: TableEntry): Field[] {
  const { calls, usec, rejected, failed } = figures;
  if (calls + rejected === 0) return [];
  const each = calls === 0 ? "0.00" : (usec / calls).toFixed(2);
  const rest = `rejected_calls=${rejected},failed_calls=${failed}`;
  return [[`cmdstat_${name}`, `calls=${calls},usec=${usec},usec_per_call=${each},${rest}`]];
}

function commandStatsSection({ table }: ServerContext): Field[] {
  const all = table.entries.flatMap((e) => [e, ...(e.subcommands?.values() ?? [])]);
  return all.flatMap(commandStats);
}

function errorStatsSection({ errorCounts }: ServerContext): Field[] {
  return [...errorCounts].map(([code, count]) => [`errorstat_${code}`, `count=${count}`]);
}

function keyspaceSection({ engine }: ServerContext): Field[] {
  return engine
    .databases()
    .filter(({ keys }) => keys > 0)
    .map(({ db, keys, expires }) => [`db${db}`, `keys=${keys},expires=${expires},avg_ttl=0`]);
}

/** In Redis's order. `extra` sections are shown only when asked for by name, ALL or EVERYTHING. */
export const sections: readonly { name: string; extra?: true; fields: Section }[] = [
  { name: "Server", fields: serverSection },
  { name: "Clients", fields: clientsSection },
  { name: "Memory", fields: memorySection },
  { name: "Persistence", fields: persistenceSection },
  { name: "Stats", fields: statsSection },
  { name: "Replication", fields: replicationSection },
  { name: "CPU", fields: cpuSection },
  { name: "Modules", fields: () => [] },
  { name: "Commandstats", extra: true, fields: commandStatsSection },
  { name: "Errorstats", fields: errorStatsSection },
  { name: "Latencystats", extra: true, fields: () => [] },
  { name: "Cluster", fields: () => [["cluster_enabled", 0]] },
  { name: "Keyspace", fields: keyspaceSection },
];
