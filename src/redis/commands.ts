/**
 * All commands of connections and of the server.
 * @module
 */
import { acl } from "./commands/acl.ts";
import { auth } from "./commands/auth.ts";
import { bgrewriteaof } from "./commands/bgrewriteaof.ts";
import { bgsave } from "./commands/bgsave.ts";
import { client } from "./commands/client.ts";
import { asking, cluster } from "./commands/cluster.ts";
import { command } from "./commands/command.ts";
import { config } from "./commands/config.ts";
import { debug } from "./commands/debug.ts";
import { discard } from "./commands/discard.ts";
import { echo } from "./commands/echo.ts";
import { exec } from "./commands/exec.ts";
import { hello } from "./commands/hello.ts";
import { info } from "./commands/info.ts";
import { lastsave } from "./commands/lastsave.ts";
import { latency } from "./commands/latency.ts";
import { lolwut } from "./commands/lolwut.ts";
import { memory } from "./commands/memory.ts";
import { monitor } from "./commands/monitor.ts";
import { multi } from "./commands/multi.ts";
import { ping } from "./commands/ping.ts";
import { publish, spublish } from "./commands/publish.ts";
import { pubsub } from "./commands/pubsub.ts";
import { quit } from "./commands/quit.ts";
import { readonly } from "./commands/readonly.ts";
import { readwrite } from "./commands/readwrite.ts";
import { reset } from "./commands/reset.ts";
import { role } from "./commands/role.ts";
import { save } from "./commands/save.ts";
import { select } from "./commands/select.ts";
import { shutdown } from "./commands/shutdown.ts";
import { slowlog } from "./commands/slowlog.ts";
import { subscribing } from "./commands/subscribe.ts";
import { time } from "./commands/time.ts";
import { unwatch } from "./commands/unwatch.ts";
import { wait } from "./commands/wait.ts";
import { watch } from "./commands/watch.ts";
import type { ServerCommand } from "./context.ts";

export const serverCommands: readonly ServerCommand[] = [
  acl,
  asking,
  auth,
  bgrewriteaof,
  bgsave,
  client,
  cluster,
  command,
  config,
  debug,
  discard,
  echo,
  exec,
  hello,
  info,
  lastsave,
  latency,
  lolwut,
  memory,
  monitor,
  multi,
  ping,
  publish,
  pubsub,
  quit,
  readonly,
  readwrite,
  reset,
  role,
  save,
  select,
  shutdown,
  slowlog,
  ...subscribing,
  spublish,
  time,
  unwatch,
  wait,
  watch,
];
