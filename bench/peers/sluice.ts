/** Sluice under one runtime, as `serve` starts it: the HTTP door too, the default durability. */
import { join } from "node:path";
import { Client } from "../../src/client/client.ts";
import { ROOT, type RuntimeName } from "../../scripts/runtime.mjs";
import { versionOf } from "../build.ts";
import { runtimeCommand } from "../servers.ts";
import { freePort, type Peer, startProcess } from "./peer.ts";

export function sluice(runtime: RuntimeName): Peer {
  return {
    name: `Sluice on ${runtime}`,
    durability: "fsync (default)",
    command: `sluice serve --data DIR --native 127.0.0.1:PORT --http 127.0.0.1:PORT2`,
    version: () => versionOf(runtime),
    missing: () => null,
    start: async (directory, port) => {
      const http = `127.0.0.1:${await freePort()}`;
      const native = `127.0.0.1:${port}`;
      const main = join(ROOT, "src", "main.ts");
      const args = ["serve", "--data", join(directory, "d"), "--native", native, "--http", http];
      return startProcess([...runtimeCommand(runtime), main, ...args], port, async () => {
        await using client = await Client.connect({ brokers: [native] });
        await client.admin.createTopic("orders");
        const producer = await client.producer();
        const { level } = await producer.send({ topic: "orders", value: "hello" });
        if (level !== "fsync") throw new Error(`acknowledged at level ${level}`);
      });
    },
  };
}
