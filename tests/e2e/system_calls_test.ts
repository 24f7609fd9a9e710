/**
 * What the broker asks of the kernel, counted by strace: payload leaves by `sendfile` alone, log
 * files are hardly read, appends of a turn are one `pwritev` per partition, and an acknowledgement
 * at level fsync is sent after the sync that covers it. SLUICE_STRACE_MIB sets the size of the
 * fetch (default 32; the proof of a release takes 1024).
 */
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { spawnSync } from "node:child_process";
import { type Broker, runSluice, startBroker } from "../support/broker.ts";
import { figure } from "../support/figures.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME } from "../support/pair.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { Connection, Producer } from "../../src/client/mod.ts";

const MIB = 1048576;
const FETCH_MIB = Number(process.env["SLUICE_STRACE_MIB"] ?? "32");
const CALLS = "sendto,sendmsg,write,sendfile,pread64,preadv2,read,pwritev,pwrite64,io_submit," +
  "io_getevents,fdatasync,epoll_wait,recvfrom";
const directory = temporaryDirectory("strace");
const reason = spawnSync("strace", ["-V"]).status === 0
  ? null
  : "strace is not installed (Debian: apt-get install strace)";

interface Call {
  readonly name: string;
  /** The descriptor with what it is, as strace -y names it. */
  readonly target: string;
  readonly line: string;
  readonly result: number;
}

testOrSkip("a fetch leaves by sendfile, and the log is hardly read", reason, async () => {
  const data = join(directory, "fetch");
  const filled = await startBroker({ runtime: BROKER_RUNTIME, data });
  const at = { SLUICE_BROKER: `127.0.0.1:${filled.port}` };
  await sluice(["topic", "create", "t", "--config", "durability=os"], at);
  await sluice(["produce", "t", writeLines("lines", FETCH_MIB)], at);
  await filled.stop();
  const calls = await traced("fetch", data, async (broker) => {
    const output = openSync(join(directory, "output"), "w");
    const env = { SLUICE_BROKER: `127.0.0.1:${broker.port}` };
    const result = await runSluice({
      runtime: CLIENT_RUNTIME,
      args: ["consume", "t"],
      env,
      stdoutFd: output,
    });
    closeSync(output);
    assert.equal(result.code, 0, result.stderr);
  });
  const sent = sum(calls, (call) => call.name === "sendfile");
  const memory = sum(calls, (call) => /^send(to|msg)$/.test(call.name));
  const reads = calls.filter((call) => call.name.startsWith("pread") && /\.log>/.test(call.target));
  const sends = calls.filter((call) => call.name === "sendfile").length;
  const read = sum(reads, () => true);
  figure(`fetch: ${sent} bytes by sendfile in ${sends} calls, ${memory} by send, ${read} read`);
  assert.ok(sent >= FETCH_MIB * MIB, `${sent} bytes by sendfile`);
  assert.ok(memory < sent / 100, `${memory} bytes by send`);
  assert.ok(read <= sent / 100, `${read} bytes of log files read`);
});

testOrSkip("a turn's appends are one pwritev, and acks follow the sync", reason, async () => {
  for (const producers of [1, 16, 256]) {
    const rounds = Math.max(4, 128 / producers);
    const calls = await traced(
      `produce-${producers}`,
      join(directory, `p${producers}`),
      (broker) => {
        return produceTogether(broker, producers, rounds);
      },
    );
    expectOneWritePerTurn(calls);
    if (producers === 1) expectAcksAfterSyncs(calls);
    const syncs = calls.filter((call) => call.name === "io_submit").length;
    const records = (producers * rounds / syncs).toFixed(1);
    figure(`${producers} producers: ${records} records per sync`);
  }
});

/** The calls of the broker while `work` ran. */
async function traced(
  name: string,
  data: string,
  work: (broker: Broker) => Promise<void>,
): Promise<Call[]> {
  const record = join(directory, `${name}.strace`);
  const wrap = ["strace", "-D", "-f", "-y", "-s", "0", "-o", record, "-e", `trace=${CALLS}`];
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, wrap });
  await work(broker);
  const ended = await broker.stop();
  assert.deepEqual(ended, { code: 0, signal: null }, broker.stderr());
  return parse(readFileSync(record, "utf8"));
}

/** `PID name(fd<what>, …) = result`; calls that another thread's line cut are put together. */
function parse(text: string): Call[] {
  const open = new Map<string, string>();
  const calls: Call[] = [];
  for (const line of text.split("\n")) {
    const pid = line.split(" ", 1)[0] ?? "";
    let whole = line;
    if (line.endsWith("<unfinished ...>")) {
      open.set(pid, line.slice(0, -"<unfinished ...>".length));
      continue;
    }
    const resumed = /<\.\.\. \w+ resumed>(.*)$/.exec(line);
    if (resumed !== null) whole = (open.get(pid) ?? "") + resumed[1];
    const found = /^\d+\s+(\w+)\((\d+<[^>]*>)?.*= (-?\d+)/.exec(whole);
    if (found === null) continue;
    const [, name = "", target = "", result = "0"] = found;
    calls.push({ name, target, line: whole, result: Number(result) });
  }
  return calls;
}

/** Between two waits of the shard no log file is written twice. */
function expectOneWritePerTurn(calls: readonly Call[]): void {
  const written = new Set<string>();
  let writes = 0;
  for (const call of calls) {
    if (call.name === "epoll_wait") written.clear();
    if (call.name !== "pwritev" || !/\.log>/.test(call.target)) continue;
    assert.ok(!written.has(call.target), `written twice in a turn: ${call.line}`);
    written.add(call.target);
    writes += 1;
  }
  assert.ok(writes > 0, "something was written");
}

/**
 * Of a lone producer: between the write of a batch and its answer a sync was submitted after the
 * write, and has ended.
 */
function expectAcksAfterSyncs(calls: readonly Call[]): void {
  let isUnsynced = false;
  let isSubmitted = false;
  let syncs = 0;
  for (const { name, target, result, line } of calls) {
    if (name === "pwritev" && /\.log>/.test(target)) isUnsynced = true;
    if (name === "io_submit") isSubmitted = isUnsynced;
    if (name === "io_getevents" && result > 0 && isSubmitted) {
      syncs += 1;
      isSubmitted = false;
      isUnsynced = false;
    }
    if (name === "sendto" && /TCP/.test(target)) {
      assert.ok(!isUnsynced, `answered before its sync: ${line}`);
    }
  }
  assert.ok(syncs > 0, "something was synced");
}

async function produceTogether(broker: Broker, producers: number, rounds: number): Promise<void> {
  const address = { host: "127.0.0.1", port: broker.port };
  await sluice(["topic", "create", "t"], { SLUICE_BROKER: `127.0.0.1:${broker.port}` });
  const all = await Promise.all(
    Array.from({ length: producers }, async () => {
      const connection = await Connection.connect(address);
      return { connection, producer: await Producer.open(connection, "t", 0) };
    }),
  );
  const record = new TextEncoder().encode("x".repeat(100));
  await Promise.all(all.map(async ({ producer }) => {
    for (let round = 0; round < rounds; round += 1) {
      await producer.append(record);
      await producer.flush();
    }
  }));
  for (const { connection } of all) connection.close();
}

async function sluice(args: readonly string[], env: Record<string, string>): Promise<void> {
  const result = await runSluice({ runtime: CLIENT_RUNTIME, args, env });
  assert.equal(result.code, 0, `sluice ${args.join(" ")}: ${result.stderr}`);
}

function writeLines(name: string, mib: number): string {
  const path = join(directory, name);
  const fd = openSync(path, "w");
  const lines = new TextEncoder().encode(("y".repeat(1023) + "\n").repeat(1024));
  for (let i = 0; i < mib; i += 1) writeSync(fd, lines);
  closeSync(fd);
  return path;
}

function sum(calls: readonly Call[], counts: (call: Call) => boolean): number {
  return calls.reduce((total, call) => total + (counts(call) ? Math.max(0, call.result) : 0), 0);
}
