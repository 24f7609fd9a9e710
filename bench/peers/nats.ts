/**
 * NATS: a message in a JetStream stream of file storage, and its acknowledgement. The server syncs
 * by itself every two minutes (sync_interval); 2.9 has no mode that syncs before it answers.
 */
import { type Peer, startProcess, versionSaid } from "./peer.ts";

const flags = (directory: string, port: string) => {
  return ["nats-server", "-a", "127.0.0.1", "-p", port, "-js", "-sd", directory];
};

function version(): string | null {
  return versionSaid("nats-server", /v(\d\S+)/);
}

function publish(subject: string, reply: string, payload: string): string {
  return `PUB ${subject} ${reply} ${payload.length}\r\n${payload}\r\n`;
}

export const nats: Peer = {
  name: "NATS",
  durability: "written, not synced (JetStream, file storage)",
  command: flags("DIR", "PORT").join(" "),
  version: () => version() ?? "",
  missing: () => version() === null ? "there is no nats-server (Debian: nats-server)" : null,
  start: (directory, port) => {
    return Promise.resolve(startProcess(flags(directory, String(port)), port, async (line) => {
      await line.matching("INFO", /^INFO .*\r\n/);
      line.send('CONNECT {"verbose":false}\r\nSUB made 1\r\nSUB stored 2\r\n');
      const stream = JSON.stringify({ name: "orders", subjects: ["orders"], storage: "file" });
      line.send(publish("$JS.API.STREAM.CREATE.orders", "made", stream));
      const [made] = await line.matching("stream", /MSG made 1 +\d+\r\n.*\r\n/);
      if (made.includes('"error"')) throw new Error(made);
      line.send(publish("orders", "stored", "hello"));
      await line.matching("acknowledgement", /MSG stored 2 +\d+\r\n\{.*"seq": ?1\b.*\}\r\n/);
    }));
  },
};
