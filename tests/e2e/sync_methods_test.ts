/**
 * The ways to sync other than AIO, on the real program: workers, and one syncfs instead of many
 * syncs. Each of them alone does the work; what it acknowledged survives power cuts, and when it
 * fails that is final. And where the kernel refuses AIO the broker finds its way by itself.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { batchOf } from "../support/batches.ts";
import { figure } from "../support/figures.ts";
import { produce } from "../support/frames.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { produceTogether } from "../support/producers.ts";
import { diskMissing } from "../support/proof/loop_disk.ts";
import { cutPowerOften } from "../support/proof/power_cuts.ts";
import { failSyncs } from "../support/proof/sync_failures.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { testOrSkip } from "../support/skip.ts";
import { straceMissing, Trace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const METHODS = {
  pool: { method: "pool" },
  filesystem: { method: "filesystem", fileSystemFilesMin: 1 },
} as const;
const COUNTERS = {
  pool: "syncs_pool_total",
  filesystem: "syncs_file_system_total",
  aio: "syncs_aio_total",
  loop: "syncs_in_loop_total",
} as const;
const SHAPE = { topic: "t", producers: 16, rounds: 16, partitions: 4 };
const RECORDS = SHAPE.producers * SHAPE.rounds;
const IN_FLIGHT = 5;
const CUTS = 3;
const SEED = 4600;

type Options = Partial<Parameters<typeof startBroker>[0]>;

/** What the counters grew by while 16 clients produced; the broker has stopped cleanly. */
async function produced(options: Options): Promise<{ grown: Map<string, number>; said: string }> {
  const data = join(temporaryDirectory("method"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, ...options });
  const grown = await produceTogether(broker.port, SHAPE);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  return { grown, said: broker.stderr() };
}

/** All of it was synced in this way, and none in another. */
function expectOnly(grown: ReadonlyMap<string, number>, way: keyof typeof COUNTERS): void {
  assert.equal(grown.get("sync_records_total"), RECORDS);
  for (const [name, counter] of Object.entries(COUNTERS)) {
    const syncs = grown.get(counter)!;
    if (name === way) assert.ok(syncs > 0, `${counter} is ${syncs}`);
    else assert.equal(syncs, 0, counter);
  }
  figure(`${way}: ${RECORDS} records of 4 partitions by ${grown.get(COUNTERS[way])} syncs`);
}

for (const way of ["pool", "filesystem"] as const) {
  const settings = { sync: METHODS[way] };

  test(`${way}: it does the work, alone`, async () => {
    const { grown } = await produced({ settings });
    expectOnly(grown, way);
  });

  testOrSkip(`${way}: ${CUTS} power cuts on ext4`, diskMissing("ext4"), async () => {
    const { ackedRecords, lost } = await cutPowerOften("ext4", CUTS, SEED, settings);
    assert.ok(ackedRecords > 0);
    assert.equal(lost, 0);
  });

  testOrSkip(`${way}: a sync that really fails`, diskMissing("ext4"), async () => {
    await failSyncs(1, SEED + 50, settings);
  });
}

test("one connection with five requests in flight has more than one record per sync", async () => {
  const data = join(temporaryDirectory("five"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  const connection = await RawConnection.open(broker.port);
  await connection.ask("create_topic", { name: "t", partitions: 1, config: [] });
  const { handle } = await connection.ask("open_partition", { topic: "t", partition: 0 });
  const batch = batchOf([new Uint8Array(100).fill(120)]);
  for (let sent = 0; sent < IN_FLIGHT; sent += 1) await connection.send(produce(handle, batch));
  for (let received = 1; received <= RECORDS; received += 1) {
    assert.equal((await connection.reply()).code, 0);
    if (received <= RECORDS - IN_FLIGHT) await connection.send(produce(handle, batch));
  }
  const { counters } = await connection.ask("stats", {});
  connection.close();
  const grown = new Map(counters.map(({ name, value }) => [name, value]));
  const [records, groups] = ["sync_records_total", "sync_groups_total"].map((name) =>
    grown.get(name)!
  );
  figure(`one connection, ${IN_FLIGHT} in flight: ${records} records by ${groups} syncs`);
  assert.equal(records, RECORDS);
  assert.ok(groups! < records!, `${groups} syncs of ${records} records`);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

for (
  const [call, errno] of [["io_setup", "ENOSYS"], ["io_setup", "EPERM"], ["io_submit", "EINVAL"]]
) {
  testOrSkip(`${call} says ${errno}: workers, and it is said`, straceMissing(), async () => {
    const trace = new Trace([call!], [`${call}:error=${errno}`]);
    const { grown, said } = await produced({ wrap: trace.wrap });
    expectOnly(grown, "pool");
    assert.match(said, new RegExp(`4 workers, because AIO is refused \\(${errno}\\)`));
  });
}
