/**
 * The real Apache Kafka, where this machine has it: `../shared/peers/kafka/kafka` starts a node and
 * Kafka's own tools. Where it is not there, or Java is not, `kafkaMissing` says so.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { ROOT } from "./runtimes.ts";
import { temporaryDirectory } from "./temporary.ts";

const SCRIPT = join(ROOT, "../shared/peers/kafka/kafka");
const JAVA_MIN = 17;

/** Why Kafka cannot be used here, or null. Installs its jars where they are missing. */
export function kafkaMissing(): string | null {
  if (!existsSync(SCRIPT)) return "there is no ../shared/peers/kafka beside the repository";
  const java = spawnSync("java", ["-version"], { encoding: "utf8" });
  const version = /version "(\d+)/.exec(java.stderr ?? "")?.[1];
  if (java.status !== 0 || Number(version) < JAVA_MIN) return `there is no Java ${JAVA_MIN}`;
  const installed = spawnSync(SCRIPT, ["install"], { encoding: "utf8" });
  if (installed.status === 0) return null;
  return `Kafka cannot be installed: ${(installed.stderr ?? "").trim().split("\n").at(-1)}`;
}

/** One node with a directory of its own. */
export class KafkaNode {
  readonly directory: string = temporaryDirectory("kafka");
  readonly #port: number;

  private constructor(port: number) {
    this.#port = port;
  }

  /** With more settings of the broker, as KEY=VALUE. */
  static async start(settings: readonly string[] = []): Promise<KafkaNode> {
    const node = new KafkaNode(await freePortPair());
    const sets = settings.flatMap((setting) => ["--set", setting]);
    kafka(["start", "--dir", node.directory, "--port", String(node.#port), ...sets]);
    return node;
  }

  /** What `log.dirs` names. */
  get data(): string {
    return join(this.directory, "data");
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  tool(name: string, args: readonly string[], input = ""): string {
    return kafka(["tool", name, "--bootstrap-server", this.address, ...args], input);
  }

  /** Clean, so that nothing is to be recovered. */
  stop(): void {
    kafka(["stop", "--dir", this.directory]);
  }
}

/** Kafka's own reader of log files: what it reads, and behind that what it complains of. */
export function dumpLog(files: readonly string[], flags: readonly string[] = []): string {
  const { stdout, stderr } = run(["tool", "dump-log", ...flags, "--files", files.join(",")], "");
  return stdout + stderr;
}

/** Runs the script to its end; what it printed. Throws with that when it fails. */
export function kafka(args: readonly string[], input: string = ""): string {
  return run(args, input).stdout;
}

function run(args: readonly string[], input: string): { stdout: string; stderr: string } {
  const options = { encoding: "utf8", input, maxBuffer: 2 ** 28, env: process.env } as const;
  const { status, stdout, stderr } = spawnSync(SCRIPT, args, options);
  if (status === 0) return { stdout, stderr };
  throw new Error(`kafka ${args.join(" ")}: exit ${status}\n${stdout}${stderr}`);
}

/** A port of which the next one is free too: Kafka takes both. */
async function freePortPair(): Promise<number> {
  for (;;) {
    const port = await freePort(0);
    if (port < 65535 && await freePort(port + 1) === port + 1) return port;
  }
}

/** The port that was free, or 0. */
function freePort(port: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(0));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      const found = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(found));
    });
  });
}
