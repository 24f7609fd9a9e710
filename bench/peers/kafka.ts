/**
 * Apache Kafka: one KRaft node by ../shared/peers/kafka, which formats its directory first; that is
 * not counted. Counted is the start as the script has it, and then the record, by two requests.
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "../../scripts/runtime.mjs";
import { batchOf } from "../../tests/support/batches.ts";
import { freePort, Line, type Peer } from "./peer.ts";

const SCRIPT = join(ROOT, "../shared/peers/kafka/kafka");
const PRODUCE = { key: 0, version: 7 } as const;
const METADATA = { key: 3, version: 4 } as const;
/** The topic is being made. */
const RETRIED: ReadonlySet<number> = new Set([3, 5, 6]);

const run = promisify(execFile);
let reason: string | null | undefined;

function missing(): string | null {
  if (!existsSync(SCRIPT)) return "there is no ../shared/peers/kafka beside the repository";
  if (spawnSync("java", ["-version"]).status !== 0) return "there is no Java";
  const installed = spawnSync(SCRIPT, ["install"], { encoding: "utf8" });
  if (installed.status === 0) return null;
  return `Kafka cannot be installed: ${(installed.stderr ?? "").trim().split("\n").at(-1)}`;
}

export const kafka: Peer = {
  name: "Kafka",
  durability: "fsync (log.flush.interval.messages=1)",
  command: "kafka start --dir DIR --port PORT --fsync",
  version: () => "4, by ../shared/peers/kafka",
  missing: () => (reason ??= missing()),
  start: async (directory) => {
    const port = await freePort(2);
    const dir = join(directory, "node");
    const { stdout } = await run(SCRIPT, ["start", "--dir", dir, "--port", `${port}`, "--fsync"]);
    const said = (name: string) => Number(new RegExp(`${name}=(\\d+)`).exec(stdout)?.[1]);
    return {
      pid: said("pid"),
      acknowledge: async () => {
        const beginMs = performance.now();
        const line = await Line.connect(port, () => false);
        await produce(line);
        line.close();
        return said("start_ms") + performance.now() - beginMs;
      },
      stop: async () => void await run(SCRIPT, ["stop", "--dir", dir, "--delete"]),
    };
  },
};

async function produce(line: Line): Promise<void> {
  for (;;) {
    // Asking for it makes the topic.
    await ask(line, METADATA, [...i32(1), ...string("orders"), 1]);
    const batch = oneRecord();
    const partition = [...i32(0), ...i32(batch.length), ...batch];
    const topics = [...i32(1), ...string("orders"), ...i32(1), ...partition];
    const answer = await ask(line, PRODUCE, [...i16(-1), ...i16(-1), ...i32(30_000), ...topics]);
    // correlation, topics, name, partitions, index, error
    const error = new DataView(answer.buffer).getInt16(4 + 4 + 8 + 4 + 4);
    if (error === 0) return;
    if (!RETRIED.has(error)) throw new Error(`Kafka answers with error ${error}`);
  }
}

function oneRecord(): Uint8Array {
  return batchOf([new TextEncoder().encode("hello")]);
}

async function ask(
  line: Line,
  api: { readonly key: number; readonly version: number },
  body: readonly number[],
): Promise<Uint8Array<ArrayBuffer>> {
  const header = [...i16(api.key), ...i16(api.version), ...i32(1), ...string("bench")];
  line.send(Uint8Array.from([...i32(header.length + body.length), ...header, ...body]));
  return await line.until(`of api ${api.key}`, (bytes) => {
    if (bytes.length < 4) return undefined;
    const size = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0);
    return bytes.length < 4 + size ? undefined : bytes.slice(4, 4 + size);
  });
}

function i16(value: number): number[] {
  return [(value >> 8) & 255, value & 255];
}

function i32(value: number): number[] {
  return [...i16(value >> 16), ...i16(value)];
}

function string(text: string): number[] {
  return [...i16(text.length), ...new TextEncoder().encode(text)];
}
