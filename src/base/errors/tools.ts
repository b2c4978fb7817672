/**
 * Error codes of configuration and command line.
 * @module
 */
import type { ErrorRow } from "./row.ts";

export const toolErrors = {
  CONFIG_INVALID: {
    retryable: false,
    what: "a setting is wrong",
    kept: "nothing was opened or written",
    todo: "correct it; `strongroom serve --help` lists the settings",
  },
  CONFIG_UNREADABLE: {
    retryable: false,
    what: "a file named in the settings cannot be read",
    kept: "nothing was opened or written",
    todo: "correct the path or its permissions",
  },
  KEYGEN_FAILED: {
    retryable: false,
    what: "the key file was not made",
    kept: "a file that was there already was not touched",
    todo:
      "name a path where no file is yet, in a directory that you may write to; for `npm start` " +
      "that is ~/.strongroom, unless --kek names another key",
  },
  KEK_COPY_MISSING: {
    retryable: false,
    what: "the data directory holds data and its default key file is missing",
    kept: "no new key was made and the data was not touched",
    todo: "put the key file back from your copy, or name the right one with --kek",
  },
  CONFIRMATION_MISSING: {
    retryable: false,
    what: "what was asked for cannot be undone and was not confirmed",
    kept: "nothing was changed",
    todo: "repeat the command with --yes if you mean it",
  },
  VERIFY_RUNNING: {
    retryable: true,
    what: "another process holds the data directory, so its files change while they are read",
    kept: "nothing was changed",
    todo: "ask again once the node serves, or verify a copy; --scan alone works at any time",
  },
  VERIFY_DAMAGED: {
    retryable: false,
    what: "stored data is damaged, or a part of it is gone or of another moment",
    kept: "every file was left as it is",
    todo: "keep the directory, restore a backup elsewhere and compare",
  },
  VERIFY_PLAINTEXT: {
    retryable: false,
    what: "a text was found in the files of the data directory",
    kept: "every file was left as it is",
    todo: "find out when it was written: with encryption off, or by another program",
  },
} as const satisfies Record<string, ErrorRow>;
