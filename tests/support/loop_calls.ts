/**
 * The proof that a shard's loop makes no call that waits for a disk: a broker under strace while
 * segments roll, retention and deletion remove small and large ones, and topics of many partitions
 * come and go. Syncs are submitted; names are removed by the background worker and main.
 *
 * What the loop may do is said here as well: it makes and trims the files of a roll (ADR 14).
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { batchOf } from "./batches.ts";
import { startBroker } from "./broker.ts";
import { figure } from "./figures.ts";
import { BROKER_RUNTIME } from "./pair.ts";
import { countersOf } from "./producers.ts";
import { RawConnection } from "./raw_connection.ts";
import { type Call, named, shardCalls, Trace } from "./strace.ts";
import { temporaryDirectory } from "./temporary.ts";
import { until } from "./until.ts";

/** Each may wait for a commit of the file system's journal, or for blocks to be freed. */
const SYNCS = ["fsync", "fdatasync", "syncfs", "sync_file_range"];
const REMOVALS = ["unlink", "unlinkat", "rename", "renameat", "renameat2"];
const OTHERS = ["mkdirat", "fallocate", "ftruncate", "openat", "accept4", "io_submit"];
/** What a roll and a checkpoint make. */
const MADE = /^\d{20}\.(log|index|timeindex|snapshot)$/;
const FILES_PER_ROLL = 4;

export interface LoadShape {
  /** Batches to every partition of the topic that rolls. */
  readonly rounds: number;
  /** Topics that are made and deleted meanwhile, and the partitions of each. */
  readonly topics: number;
  readonly partitions: number;
  /** Bytes of a segment that is freed in slices: two of them are deleted. */
  readonly largeBytes: number;
}

const ROLLING = {
  topic: "rolls",
  partitions: 4,
  config: [
    { key: "segment.bytes", value: "65536" },
    { key: "retention.bytes", value: "262144" },
  ],
};
const BATCH = batchOf([new Uint8Array(16384)]);
const LARGE_BATCH = batchOf([new Uint8Array(900000)]);

export async function proveLoop(shape: LoadShape): Promise<void> {
  const trace = new Trace([...SYNCS, ...REMOVALS, ...OTHERS]);
  const data = join(temporaryDirectory("loop"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, wrap: trace.wrap });
  const counters = await load(broker.port, shape);
  const last = await RawConnection.open(broker.port); // its accept4 ends what is looked at
  last.close();
  const ended = await broker.stop();
  assert.deepEqual(ended, { code: 0, signal: null }, broker.stderr());
  const calls = await trace.calls(broker.pid);
  judge(calls, counters);
}

/** Everything at the same time, until retention has had its turn. Gives back the counters. */
async function load(port: number, shape: LoadShape): Promise<ReadonlyMap<string, number>> {
  const admin = await RawConnection.open(port);
  const { topic, partitions, config } = ROLLING;
  await admin.ask("create_topic", { name: topic, partitions, config });
  const rolling = Array.from({ length: partitions }, (_, partition) => {
    return produce(port, topic, partition, BATCH, shape.rounds);
  });
  // Where a topic of many partitions fills the worker's ring, main frees large files as wholes.
  const topics = deleteLarge(port, shape).then(() => comeAndGo(port, shape));
  await Promise.all([...rolling, topics]);
  const counters = await until("retention removes segments", async () => {
    const now = await countersOf(admin);
    return (now.get("segments_deleted_total") ?? 0) > partitions ? now : null;
  });
  admin.close();
  return counters;
}

async function comeAndGo(port: number, { topics, partitions }: LoadShape): Promise<void> {
  const admin = await RawConnection.open(port);
  for (let i = 0; i < topics; i += 1) {
    const name = `many-${i}`;
    await admin.ask("create_topic", { name, partitions, config: [] });
    for (let at = 0; at < partitions; at += 8) await produce(port, name, at, BATCH, 1);
    await admin.ask("delete_topic", { name });
  }
  admin.close();
}

async function deleteLarge(port: number, { largeBytes }: LoadShape): Promise<void> {
  const admin = await RawConnection.open(port);
  const config = [
    { key: "durability", value: "os" },
    { key: "segment.bytes", value: `${largeBytes}` },
  ];
  await admin.ask("create_topic", { name: "large", partitions: 1, config });
  const rounds = Math.ceil((1.9 * largeBytes) / LARGE_BATCH.length);
  await produce(port, "large", 0, LARGE_BATCH, rounds);
  await admin.ask("delete_topic", { name: "large" });
  admin.close();
}

async function produce(
  port: number,
  topic: string,
  partition: number,
  batch: Uint8Array,
  rounds: number,
): Promise<void> {
  const connection = await RawConnection.open(port);
  const { handle } = await connection.ask("open_partition", { topic, partition });
  const sent = { handle, acks: 255, reserved: 0, reserved2: 0, batch };
  for (let round = 0; round < rounds; round += 1) await connection.ask("produce", sent);
  connection.close();
}

function judge(calls: readonly Call[], counters: ReadonlyMap<string, number>): void {
  const of = (name: string) => counters.get(name) ?? 0;
  const shard = whileServing(shardCalls(calls));
  const thread = shard[0]!.thread;
  const waiting = named(shard, ...SYNCS, ...REMOVALS, "mkdirat", "fallocate");
  assert.deepEqual(waiting.map(({ line }) => line), [], "the loop waits for no disk");
  const made = named(shard, "openat").filter(({ line }) => line.includes("O_CREAT"));
  const others = made.filter((call) => !MADE.test(fileOf(call)));
  assert.deepEqual(others.map(({ line }) => line), [], "the loop makes the files of rolls alone");
  const rolls = of("segment_rolls_total");
  const filesMax = FILES_PER_ROLL * (rolls + of("checkpoints_total"));
  assert.ok(made.length <= filesMax, `${made.length} files made, ${filesMax} at the most`);
  const trims = named(shard, "ftruncate").length;
  assert.ok(trims <= rolls, `${trims} files trimmed in ${rolls} rolls`);
  // And all of it happened, before strace's eyes.
  const elsewhere = calls.filter((call) => call.thread !== thread);
  const synced = named(elsewhere, ...SYNCS).length;
  const removed = named(elsewhere, ...REMOVALS).length;
  const cuts = named(elsewhere, "ftruncate").length;
  assert.ok(rolls > 0 && made.length > 0, `${rolls} rolls, ${made.length} files`);
  assert.ok(synced > 0 && removed > 0, `${synced} syncs and ${removed} removals elsewhere`);
  assert.ok(cuts > 2, `${cuts} slices of large files`);
  figure(
    `${rolls} rolls, ${of("segments_deleted_total")} segments removed, ` +
      `${of("checkpoints_total")} checkpoints: in the loop ${waiting.length} calls that wait for ` +
      `the disk, ${made.length} files made, ${trims} trimmed, ` +
      `${named(shard, "io_submit").length} io_submit; elsewhere ${synced} syncs, ` +
      `${removed} names removed or changed, ${cuts} slices freed`,
  );
}

/** Between the first connection and the last: a start and a stop may wait. */
function whileServing(shard: readonly Call[]): readonly Call[] {
  const accepted = shard.filter(({ name, result }) => name === "accept4" && result >= 0);
  return shard.slice(shard.indexOf(accepted[0]!), shard.indexOf(accepted.at(-1)!) + 1);
}

/** The name of the file that an openat gave. */
function fileOf({ line }: Call): string {
  return /= \d+<(?:[^>]*\/)?([^/>]*)>/.exec(line)?.[1] ?? "";
}
