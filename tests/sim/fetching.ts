/** Consumers at work: fetches of what is in the page cache, and of what is not. */
import { fetch } from "../../src/broker/fetch.ts";
import type { TopicPartition } from "../../src/broker/topics.ts";
import type { Life } from "./life.ts";
import type { PartitionModel } from "./model.ts";
import type { World } from "./world.ts";

/** One fetch, from somewhere; perhaps one that has to wait. */
export function fetchSome(
  world: World,
  life: Life,
  partition: TopicPartition,
  known: PartitionModel,
): void {
  const { prng } = world;
  const { log } = partition;
  const from = Math.max(0, log.logStart - 2);
  const offset = prng.chance(30)
    ? prng.pick([log.logStart, log.visible.offset, log.written.offset])
    : from + prng.below(log.written.offset - from + 2);
  const request = {
    slot: 1,
    generation: 1,
    correlation: world.fetchCount,
    handle: 0,
    offset,
    countFrom: offset,
    minBytes: prng.pick([0, 1, 2000]),
    maxBytes: prng.pick([0, 500, 4000, 60000]),
    maxWaitMs: prng.pick([0, 0, 5, 1000]),
  };
  const { maxWaitMs } = request;
  const askedMs = world.libc.clock.monotonicMs;
  const pending = { partition: known, offset, askedMs, maxWaitMs, overMs: -1 };
  world.fetches.set(world.fetchCount, pending);
  world.fetchCount += 1;
  fetch(life.broker, partition, request, world.libc.clock.monotonicMs, world);
}

/** Memory is wanted for something else. What a failed writeback left there nobody can know. */
export function dropCaches(world: World): void {
  if (!world.isTroubled) world.libc.disk.dropCaches();
}

/** Several consumers of one topic that wait for the disk, unless the page cache is relied on. */
export function fetchCold(world: World, life: Life, topic: string): void {
  dropCaches(world);
  for (const known of world.model.topics.get(topic)!.partitions) {
    const partition = life.partition(topic, known.index);
    for (let i = 0; i < 2 && partition !== null; i += 1) fetchSome(world, life, partition, known);
  }
}
