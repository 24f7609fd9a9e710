/**
 * A disk whose syncs take long: strace keeps each of them in the kernel. Memory stays bounded,
 * whoever needs no sync goes on, acknowledgements come late and are right, and the loop sleeps.
 * How long anything takes is not looked at: the proofs are orders and counts.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startBroker } from "../support/broker.ts";
import { batchOfSize, sameBytes, stamped, walkBatches } from "../support/batches.ts";
import { figure } from "../support/figures.ts";
import { fetch, produce } from "../support/frames.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { countersOf } from "../support/producers.ts";
import { RawConnection, type Reply } from "../support/raw_connection.ts";
import { testOrSkip } from "../support/skip.ts";
import { straceMissing, Trace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { Level } from "../../src/format/levels.ts";
import { KiB, MiB } from "../../src/base/units.ts";

type Broker = Awaited<ReturnType<typeof startBroker>>;

/** The syncs are workers': what the kernel does by itself no strace can hold up. */
const SYNC = { method: "pool" } as const;

async function partition(broker: Broker, topic: string): Promise<[RawConnection, number]> {
  const connection = await RawConnection.open(broker.port);
  const { handle } = await connection.ask("open_partition", { topic, partition: 0 });
  return [connection, handle];
}

async function createTopics(
  broker: Broker,
  levels: Record<string, string>,
): Promise<RawConnection> {
  const admin = await RawConnection.open(broker.port);
  for (const [name, value] of Object.entries(levels)) {
    const config = [{ key: "durability", value }];
    await admin.ask("create_topic", { name, partitions: 1, config });
  }
  return admin;
}

/** Base offset of an append that reached the disk. */
function durableOffset(reply: Reply): number {
  assert.equal(reply.code, 0);
  const view = new DataView(reply.body.buffer, reply.body.byteOffset, reply.body.length);
  assert.equal(view.getUint8(8), Level.fsync, "the level that was reached");
  return Number(view.getBigUint64(0));
}

const SLOW_SYNC_US = 4_000_000;
const QUICK_APPENDS = 20;
/** A sweep a second, and what the clients ask for; a loop that spins takes that many in a ms. */
const TURNS_MAX = 2000;

testOrSkip(
  "one slow file: other partitions go on, and the loop sleeps",
  straceMissing(),
  async () => {
    const data = join(temporaryDirectory("slow"), "d");
    const trace = new Trace(["fdatasync"], [`fdatasync:delay_enter=${SLOW_SYNC_US}`]);
    const slowFile = join(data, "slow-0", "00000000000000000000.log");
    const broker = await startBroker({
      runtime: BROKER_RUNTIME,
      data,
      settings: { sync: SYNC },
      wrap: [...trace.wrap, "--trace-path", slowFile],
    });
    const admin = await createTopics(broker, { slow: "fsync", quick: "fsync" });
    const [slow, slowHandle] = await partition(broker, "slow");
    const [quick, quickHandle] = await partition(broker, "quick");
    const order: string[] = [];
    const before = await countersOf(admin);
    const correlations = [1, 2, 3];
    for (const correlation of correlations) {
      await slow.send(produce(slowHandle, batchOfSize(1000), correlation));
    }
    const answered = correlations.reduce(async (previous, correlation) => {
      await previous;
      const reply = await slow.reply();
      assert.deepEqual([reply.correlation, durableOffset(reply)], [correlation, correlation - 1]);
      order.push("slow");
    }, Promise.resolve());
    for (let i = 0; i < QUICK_APPENDS; i += 1) {
      await quick.send(produce(quickHandle, batchOfSize(1000), i));
      assert.equal(durableOffset(await quick.reply()), i);
      order.push("quick");
    }
    await answered;
    const after = await countersOf(admin);
    const turns = after.get("turns_total")! - before.get("turns_total")!;
    const own = order.indexOf("slow");
    figure(`a file whose sync takes ${SLOW_SYNC_US / 1e6} s: ${own} others first, ${turns} turns`);
    assert.equal(own, QUICK_APPENDS, "nobody waits for the slow file");
    assert.ok(turns < TURNS_MAX, `${turns} turns`);
    for (const connection of [admin, slow, quick]) connection.close();
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
    const syncs = await trace.calls(broker.pid);
    assert.ok(syncs.length > 0 && syncs.every(({ target }) => target === slowFile));
  },
);

const DISK_SYNC_US = 1_000_000;
const BUDGET: number = 1 * MiB;
const PRODUCERS = 8;
/** Together many times the budget. */
const BATCHES = 12;
const BATCH_SIZE = 60_000;
/** What a turn may take beyond the budget: one `recv` of each connection, and what began before. */
const TURN_BYTES: number = PRODUCERS * (128 * KiB + BATCH_SIZE);

testOrSkip(
  "a slow disk: bounded memory, late answers, and all of it is there",
  straceMissing(),
  async () => {
    const data = join(temporaryDirectory("slow"), "d");
    const trace = new Trace(["fdatasync"], [`fdatasync:delay_enter=${DISK_SYNC_US}`]);
    const broker = await startBroker({
      runtime: BROKER_RUNTIME,
      data,
      settings: { sync: { ...SYNC, unsyncedBytesMax: BUDGET } },
      wrap: trace.wrap,
    });
    const admin = await createTopics(broker, { t: "fsync", o: "os" });
    const [other, otherHandle] = await partition(broker, "o");
    const acked = new Map<number, Uint8Array>();
    const producing = Array.from({ length: PRODUCERS }, async (_, producer) => {
      const [connection, handle] = await partition(broker, "t");
      for (let i = 0; i < BATCHES; i += 1) {
        void connection.send(produce(handle, batchOfSize(BATCH_SIZE, producer), i));
      }
      let last = -1;
      for (let i = 0; i < BATCHES; i += 1) {
        const reply = await connection.reply();
        assert.equal(reply.correlation, i, "answers keep the order of the requests");
        const offset = durableOffset(reply);
        assert.ok(offset > last && !acked.has(offset), `offset ${offset} once, behind ${last}`);
        acked.set(offset, batchOfSize(BATCH_SIZE, producer));
        last = offset;
      }
      connection.close();
    });
    let isOver = false;
    const produced = Promise.all(producing).then(() => isOver = true);
    const seen = { unsynced: 0, lent: 0, goneOn: 0 };
    while (!isOver) {
      const before = await countersOf(admin);
      await other.send(produce(otherHandle, batchOfSize(1000)));
      assert.equal((await other.reply()).code, 0);
      await other.send(fetch(otherHandle, 0, { maxBytes: 1000 }));
      assert.equal((await other.reply()).code, 0);
      const after = await countersOf(admin);
      const held = before.get("unsynced_bytes")!;
      seen.unsynced = Math.max(seen.unsynced, held);
      seen.lent = Math.max(seen.lent, after.get("pool_lent_bytes")!);
      const isSame = before.get("sync_groups_total") === after.get("sync_groups_total");
      if (held > BUDGET && isSame) seen.goneOn += 1;
    }
    await produced;
    const total = PRODUCERS * BATCHES * BATCH_SIZE;
    figure(
      `${total} bytes, budget ${BUDGET}: at most ${seen.unsynced} unsynced, ${seen.lent} lent`,
    );
    assert.ok(seen.unsynced > BUDGET, "the disk was slower than the producers");
    assert.ok(seen.unsynced < BUDGET + TURN_BYTES, `${seen.unsynced} bytes unsynced`);
    assert.ok(seen.lent < 2 * TURN_BYTES, `${seen.lent} bytes lent`);
    assert.ok(seen.goneOn > 0, "level os and fetches go on while a sync is waited for");
    await expectStored(broker, acked);
    for (const connection of [admin, other]) connection.close();
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  },
);

/** Every offset holds what was acknowledged there, and there is nothing else. */
async function expectStored(broker: Broker, acked: ReadonlyMap<number, Uint8Array>): Promise<void> {
  const [connection, handle] = await partition(broker, "t");
  for (let offset = 0; offset < acked.size;) {
    await connection.send(fetch(handle, offset));
    const { code, body } = await connection.reply();
    assert.equal(code, 0);
    for (const { baseOffset, lastOffset, bytes } of walkBatches(body.subarray(16))) {
      assert.equal(baseOffset, offset);
      sameBytes(bytes, stamped(acked.get(offset)!, offset, 0), `offset ${offset}`);
      offset = lastOffset + 1;
    }
  }
  await connection.send(fetch(handle, acked.size));
  assert.equal((await connection.reply()).body.length, 16, "the end of the log");
  connection.close();
}
