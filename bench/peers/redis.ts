/** Redis: a stream entry in a file that is synced before the answer. */
import { type Peer, startProcess, versionSaid } from "./peer.ts";

const flags = (directory: string, port: string) => [
  "redis-server",
  ...["--bind", "127.0.0.1", "--port", port, "--dir", directory],
  ...["--appendonly", "yes", "--appendfsync", "always", "--save", ""],
];

function version(): string | null {
  return versionSaid("redis-server", /v=(\S+)/);
}

export const redis: Peer = {
  name: "Redis",
  durability: "fsync (appendfsync always)",
  command: flags("DIR", "PORT").map((word) => word === "" ? '""' : word).join(" "),
  version: () => version() ?? "",
  missing: () => version() === null ? "there is no redis-server (Debian: redis-server)" : null,
  start: (directory, port) => {
    return Promise.resolve(startProcess(flags(directory, String(port)), port, async (line) => {
      const words = ["XADD", "orders", "*", "value", "hello"];
      const request = words.map((word) => `$${word.length}\r\n${word}\r\n`).join("");
      for (;;) {
        line.send(`*${words.length}\r\n${request}`);
        const [answer] = await line.matching("XADD", /^(\$\d+\r\n\d+-\d+|-[^\r]+)\r\n/);
        if (answer.startsWith("$")) return;
        if (!answer.startsWith("-LOADING")) throw new Error(answer);
      }
    }));
  },
};
