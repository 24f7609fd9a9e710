/**
 * A partition whose log holds whatever bytes: opened as after a kill or after a clean stop, with a
 * recovery point or without one. What is served is whole batches with dense offsets, and a second
 * recovery finds the same.
 *
 *     input   u8 how it was stopped | bytes of the log
 */
import { rmSync } from "node:fs";
import { BATCH_HEADER_SIZE } from "../../../src/format/batch.ts";
import { StorageError } from "../../../src/log/files.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { concat, walkBatches } from "../../support/batches.ts";
import { LogWorld, type OpenHow } from "../../support/log_world.ts";
import { type Decoder, Digest, must, REJECTED } from "../decoder.ts";
import { drawBatch, sealAll } from "./batch_samples.ts";

const LOG = "00000000000000000000.log";
const MiB = 1048576;

const worlds: (LogWorld | null)[] = [null, null];

const recovered: Decoder = {
  name: "recovery-log",
  family: "files",
  weight: 0.25,
  sample(prng) {
    let baseOffset = 0;
    const batches = Array.from({ length: prng.between(1, 4) }, () => {
      const batch = drawBatch(prng, { baseOffset });
      baseOffset += new DataView(batch.buffer).getInt32(57);
      return batch;
    });
    return concat([new Uint8Array([prng.next() & 255]), ...batches]);
  },
  repair: (input, size) => sealAll(input, 1, size),
  allocationMax: (size) => MiB + 8 * size,
  decode(block, at, size, arena) {
    if (size < 1) return REJECTED;
    const how = howOf(block.bytes[at]!);
    const world = worlds[arena] ??= prepared();
    for (const name of world.names()) rmSync(world.path(name));
    world.write(LOG, block.bytes.slice(at + 1, at + size));
    const first = openAndRead(world, how);
    if (first === null) return REJECTED;
    // After a clean stop the files are believed; what is degraded waits for `repair`.
    if (how.clean === false && !first.isDegraded) {
      const second = openAndRead(world, how);
      must(second?.digest === first.digest, "a second recovery finds something else");
    }
    return first.batches === 0 ? REJECTED : first.digest;
  },
  reset() {
    this.end!();
  },
  end() {
    for (const arena of [0, 1]) {
      worlds[arena]?.end();
      worlds[arena] = null;
    }
  },
};

export const RECOVERY_DECODERS: readonly Decoder[] = [recovered];

/** A directory with an empty partition. */
function prepared(): LogWorld {
  const world = new LogWorld({ scanBlockSize: 16384 });
  world.open().partition.close();
  return world;
}

function howOf(choice: number): OpenHow {
  if (choice < 96) return { clean: false };
  if (choice < 160) return { clean: false, recoveryPoint: choice % 7 };
  return { clean: true, recoveryPoint: choice % 7 };
}

interface Opened {
  readonly isDegraded: boolean;
  readonly batches: number;
  readonly digest: number;
}

/** Null where the log is refused by the typed error. */
function openAndRead(world: LogWorld, how: OpenHow): Opened | null {
  let partition: Partition;
  try {
    partition = world.open({}, how).partition;
  } catch (error) {
    if (error instanceof StorageError) return null;
    throw error;
  }
  const isDegraded = partition.degraded !== "";
  const digest = new Digest().number(partition.logStart).number(partition.visible.offset);
  const pieces = isDegraded || how.clean === true ? [] : world.readAll(partition);
  let batches = 0;
  let next = partition.logStart;
  for (const batch of pieces.flatMap((piece) => walkBatches(piece))) {
    must(batch.size >= BATCH_HEADER_SIZE, "a batch without a header is served");
    must(batch.baseOffset === next, "offsets are not dense");
    next = batch.lastOffset + 1;
    batches += 1;
    digest.bytes(batch.bytes);
  }
  partition.close();
  return { isDegraded, batches, digest: digest.result };
}
