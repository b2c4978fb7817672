/**
 * moto as a process: AWS KMS by somebody else's hands. scripts/moto.sh installs it.
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { Process, pause, root } from "./server.ts";

const readyMsMax = 30_000;

export interface Moto {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** Makes a key. @returns its ARN. */
  createKey(): Promise<string>;
  /** Ends it: its keys are gone for good. */
  close(): Promise<void>;
}

/** @returns null where it is not installed. */
export async function startMoto(): Promise<Moto | null> {
  const python = join(root, ".moto/bin/python");
  if (!existsSync(python)) return null;
  const moto = new Process([python, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
  const deadline = Date.now() + readyMsMax;
  let endpoint: string | undefined;
  while (endpoint === undefined) {
    if (!moto.alive || Date.now() > deadline) throw new Error(`no moto: ${moto.output}`);
    await pause(50);
    endpoint = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(moto.output)?.[1];
  }
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new KMSClient({ region: "eu-central-1", endpoint, credentials });
  return {
    endpoint,
    createKey: async () => {
      // Said although it is the default: moto tells the usage of a key only then.
      const made = await client.send(new CreateKeyCommand({ KeyUsage: "ENCRYPT_DECRYPT" }));
      return made.KeyMetadata?.Arn as string;
    },
    close: async () => {
      client.destroy();
      moto.signal("SIGKILL");
      await moto.ended;
    },
  };
}
