/** Blocks of producer ids: what the catalogue on disk says when a shard hears of one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EIO } from "../../../ffi/constants.ts";
import { ProducerIds } from "../../../src/broker/producer_ids.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { loadCatalogue } from "../../../src/log/catalogue.ts";
import { DataDirectory } from "../../../src/log/data_directory.ts";
import { Keeper } from "../../../src/log/keeper.ts";
import { Control, type ProducerIdBlock, type ShardLink } from "../../../src/server/control.ts";
import { FaultyLibc } from "../../sim/faulty_libc.ts";
import { SimLibc } from "../../sim/sim_libc.ts";

interface Heard extends ProducerIdBlock {
  /** Of the catalogue on disk at that moment. */
  readonly nextProducerId: number;
}

function start(disk: SimLibc) {
  const libc = new FaultyLibc(disk);
  const directory = DataDirectory.open(libc, "/data", true);
  const keeper = new Keeper(directory, libc);
  keeper.reconcile();
  const heard: Heard[] = [];
  const unused = () => Promise.reject(new Error("not asked for here"));
  const shard: ShardLink = {
    addTopic: unused,
    removeTopic: unused,
    changeTopic: unused,
    applyConfig: unused,
    logStart: unused,
    answer: unused,
    producerIds: (block) => {
      const { nextProducerId } = loadCatalogue(libc, directory.fd)!;
      heard.push({ ...block, nextProducerId });
      return Promise.resolve();
    },
  };
  const pause = () => Promise.resolve();
  const fail = (error: Error) => assert.fail(error);
  const control = new Control({ keeper, shard, settings: () => [], partitionsMax: 8, pause, fail });
  return { libc, heard, directory, control };
}

async function settled(): Promise<void> {
  for (let i = 0; i < 100; i += 1) await Promise.resolve();
}

test("a block is taken on disk before the shard has it, also after a power cut", async () => {
  const disk = new SimLibc({ seed: 1 });
  const first = start(disk);
  first.control.giveProducerIds();
  first.control.giveProducerIds();
  await settled();
  const block = { error: ErrorCodes.none, message: "", first: 0, count: 1000 };
  assert.deepEqual(first.heard, [
    { ...block, nextProducerId: 1000 },
    { ...block, first: 1000, nextProducerId: 2000 },
  ]);
  disk.crash("power");
  const next = start(disk);
  next.control.giveProducerIds();
  await settled();
  assert.deepEqual(next.heard, [{ ...block, first: 2000, nextProducerId: 3000 }]);
});

test("without the disk, or when it stops, the broker gives none", async () => {
  const { libc, heard, control } = start(new SimLibc({ seed: 1 }));
  libc.plan = (name) => name === "renameat" ? { kind: "error", errno: EIO } : null;
  control.giveProducerIds();
  await settled();
  assert.equal(heard[0]!.error, ErrorCodes.storage_failed);
  assert.notEqual(heard[0]!.message, "");
  assert.equal(heard[0]!.count, 0);
  assert.equal(heard[0]!.nextProducerId, 0);
  libc.plan = () => null;
  control.giveProducerIds();
  await settled();
  assert.deepEqual([heard[1]!.first, heard[1]!.count], [0, 1000]);
  await control.finish();
  control.giveProducerIds();
  await settled();
  assert.equal(heard[2]!.error, ErrorCodes.shutting_down);
});

test("behind the last id there is none", async () => {
  const { heard, control, directory } = start(new SimLibc({ seed: 1 }));
  directory.change({ nextProducerId: Number.MAX_SAFE_INTEGER - 1000 });
  control.giveProducerIds();
  control.giveProducerIds();
  await settled();
  assert.deepEqual(heard.map(({ error, count }) => [error, count]), [
    [ErrorCodes.none, 1000],
    [ErrorCodes.producer_ids_exhausted, 0],
  ]);
});

test("ids of a block are given once each, then another block is needed", () => {
  const ids = new ProducerIds();
  assert.equal(ids.take(), -1);
  ids.add(1000, 2);
  assert.deepEqual([ids.take(), ids.take(), ids.take()], [1000, 1001, -1]);
  assert.throws(() => ids.add(1001, 2), /blocks only rise/);
  ids.add(5000, 1);
  assert.throws(() => ids.add(6000, 1), /used up/);
  assert.equal(ids.take(), 5000);
});
