/** The proofs about system calls, for the short test and for the gate with its larger file. */
import assert from "node:assert/strict";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Broker, startBroker } from "./broker.ts";
import { commands } from "./commands.ts";
import { figure } from "./figures.ts";
import { BROKER_RUNTIME } from "./pair.ts";
import { type ProducersShape, produceTogether } from "./producers.ts";
import { WRITTEN_AHEAD_BYTES } from "../../src/limits.ts";
import { bytesOf, type Call, named, onLog, shardCalls, Trace } from "./strace.ts";
import { temporaryDirectory } from "./temporary.ts";

const MIB = 1048576;
const SENDS = ["sendto", "sendmsg", "write", "writev"];
const READS = ["read", "readv", "pread64", "preadv", "preadv2", "mmap"];
const SYNCS = ["io_submit", "io_getevents", "fdatasync", "fsync"];
const WRITES = ["pwritev", "pwritev2"];
const OTHERS = ["pwrite64", "sendfile", "accept4"];
const WAITS = ["epoll_wait", "epoll_pwait", "epoll_pwait2"];
const ALL = [...SENDS, ...READS, ...SYNCS, ...WRITES, ...WAITS, ...OTHERS];
/** A frame's header and the fixed body of a produce reply. */
const PRODUCE_REPLY_SIZE = 28;

/** Payload leaves by sendfile alone, and the log is hardly read. */
export async function proveFetch(mebibytes: number): Promise<void> {
  const directory = temporaryDirectory("fetch");
  const data = join(directory, "d");
  const filled = await startBroker({ runtime: BROKER_RUNTIME, data });
  await commands(filled)(["topic", "create", "t", "--config", "durability=os"]);
  await commands(filled)(["produce", "t", writeLines(join(directory, "lines"), mebibytes)]);
  await filled.stop();
  const { calls } = await traced(data, async (broker) => {
    const stdoutFd = openSync("/dev/null", "w");
    await commands(broker)(["consume", "t"], { stdoutFd, withinMs: 600_000 });
    closeSync(stdoutFd);
  });
  const shard = shardCalls(calls);
  const files = named(shard, "sendfile");
  const memory = named(shard, ...SENDS).filter(({ target }) => target.startsWith("socket"));
  const reads = named(calls, ...READS).filter(onLog);
  const payload = bytesOf(files);
  figure(
    `fetch of ${mebibytes} MiB: sendfile ${payload} bytes in ${files.length} calls, ` +
      `send ${bytesOf(memory)} bytes in ${memory.length} calls, ` +
      `${bytesOf(reads)} bytes of log files read in ${reads.length} calls`,
  );
  assert.ok(payload > mebibytes * MIB, `${payload} bytes by sendfile`);
  assert.ok(bytesOf(memory) < 64 * memory.length, "a reply has few bytes besides its payload");
  assert.ok(bytesOf(memory) < payload / 1000, `${bytesOf(memory)} bytes by send`);
  assert.ok(bytesOf(reads) <= payload / 100, `${bytesOf(reads)} bytes of log files read`);
}

/** One pwritev per partition and turn, one io_submit per turn, and no answer before its sync. */
export async function proveProduce(shape: Omit<ProducersShape, "topic">): Promise<void> {
  const data = join(temporaryDirectory("produce"), "d");
  let counters = new Map<string, number>();
  const { calls } = await traced(data, async (broker) => {
    counters = await produceTogether(broker.port, { ...shape, topic: "t" });
  });
  const shard = shardCalls(calls);
  const batches = shape.producers * shape.rounds;
  const turns = expectOneWritePerTurn(shard);
  const writes = named(shard, ...WRITES).filter(onLog);
  expectAcksAfterSyncs(shard, bytesOf(writes) / batches);
  const groups = counters.get("sync_groups_total") ?? 0;
  figure(
    `${shape.producers} producers on ${shape.partitions ?? 1} partitions: ${batches} records, ` +
      `${writes.length} pwritev in ${turns} turns, ${groups} syncs of a partition, ` +
      `${(batches / groups).toFixed(1)} records per sync`,
  );
  assert.equal(counters.get("appended_records_total"), batches);
  assert.equal(counters.get("write_calls_total"), writes.length, "stats count the writes");
  for (const call of named(shard, "pwrite64").filter(onLog)) expectZerosAhead(call);
}

/** The calls of the broker while `work` ran. */
async function traced(
  data: string,
  work: (broker: Broker) => Promise<void>,
): Promise<{ calls: Call[] }> {
  const trace = new Trace(ALL);
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, wrap: trace.wrap });
  await work(broker);
  const ended = await broker.stop();
  assert.deepEqual(ended, { code: 0, signal: null }, broker.stderr());
  return { calls: await trace.calls(broker.pid) };
}

/** The only other write to a log: zeros behind it, up to the end of their step. */
function expectZerosAhead({ line }: Call): void {
  const [, size, position] = /, (\d+), (\d+)\) += \d+$/.exec(line) ?? [];
  assert.equal((Number(size) + Number(position)) % WRITTEN_AHEAD_BYTES, 0, line);
}

/** Between two waits no log file is written twice. Gives back the turns that wrote. */
function expectOneWritePerTurn(shard: readonly Call[]): number {
  const written = new Set<string>();
  let submits = 0;
  let turns = 0;
  for (const call of shard) {
    if (WAITS.includes(call.name)) {
      if (written.size > 0) turns += 1;
      written.clear();
      submits = 0;
    }
    if (call.name === "io_submit") submits += 1;
    assert.ok(submits <= 1, `submitted twice in a turn: ${call.line}`);
    if (!WRITES.includes(call.name) || !onLog(call)) continue;
    assert.ok(!written.has(call.target), `written twice in a turn: ${call.line}`);
    written.add(call.target);
  }
  assert.ok(turns > 0, "something was written");
  return turns;
}

/**
 * At no time were more batches acknowledged than a sync covers that began after their write and has
 * ended. All batches have one size and all replies of produce another.
 */
function expectAcksAfterSyncs(shard: readonly Call[], batchSize: number): void {
  const written = new Map<string, number>();
  let submitted = 0;
  let durable = 0;
  let acknowledged = 0;
  const total = () => [...written.values()].reduce((sum, bytes) => sum + bytes, 0);
  for (const call of shard) {
    if (WRITES.includes(call.name) && onLog(call)) {
      written.set(call.target, (written.get(call.target) ?? 0) + call.result);
    } else if (call.name === "io_submit") {
      submitted = total();
    } else if (call.name === "io_getevents" && call.result > 0) {
      durable = submitted;
    } else if (call.name === "fdatasync" && onLog(call)) {
      durable = total();
    } else if (call.name === "sendto" && written.size > 0) {
      if (call.result === PRODUCE_REPLY_SIZE) acknowledged += 1;
      assert.ok(acknowledged * batchSize <= durable, `answered before its sync: ${call.line}`);
    }
  }
  assert.ok(acknowledged > 0, "replies were seen");
  assert.equal(acknowledged * batchSize, total(), "every reply was seen");
}

function writeLines(path: string, mebibytes: number): string {
  const fd = openSync(path, "w");
  const lines = new TextEncoder().encode(("y".repeat(1023) + "\n").repeat(1024));
  for (let i = 0; i < mebibytes; i += 1) writeSync(fd, lines);
  closeSync(fd);
  return path;
}
