/** What each operation of a schedule does. Everything about it is drawn from its own seed. */
import { ErrorCodes } from "../../src/format/errors.ts";
import { deleteRecords, VISIBLE_END } from "../../src/broker/log_starts.ts";
import type { TopicPartition } from "../../src/broker/topics.ts";
import { checkLookups, checkRead } from "./checker.ts";
import { harmIndex } from "./disk_view.ts";
import { dropCaches, fetchSome } from "./fetching.ts";
import { type Life, orEnd } from "./life.ts";
import type { PartitionModel } from "./model.ts";
import type { OperationKind } from "./plan.ts";
import { produceSome, retrySome } from "./producing.ts";
import { checkEpochs, checkProducers, checkTime } from "./state_checker.ts";
import {
  addPartitions,
  alterTopic,
  checkInForce,
  createTopic,
  deleteTopic,
} from "./topic_actions.ts";
import { violated } from "./violation.ts";
import type { World } from "./world.ts";

const SETTLE_ROUNDS_MAX = 60;

type Action = (world: World, life: Life) => void;

const ACTIONS: Readonly<Record<Exclude<OperationKind, "crash">, Action>> = {
  produce: (world, life) => {
    const picked = pickPartition(world, life);
    if (picked !== null) produceSome(world, life, picked[0], picked[1]);
    if (world.prng.chance(world.plan.turns)) turn(world, life);
  },
  retry: (world, life) => {
    const picked = pickPartition(world, life);
    if (picked !== null) retrySome(world, life, picked[0], picked[1]);
    if (world.prng.chance(world.plan.turns)) turn(world, life);
  },
  turn,
  reap: (world, life) => {
    world.libc.completeAio(world.prng.between(1, 4));
    life.turn(true, false);
  },
  settle,
  fetch: (world, life) => {
    const picked = pickPartition(world, life);
    if (picked !== null) fetchSome(world, life, picked[0], picked[1]);
  },
  lookup: lookUp,
  verify: (world, life) => {
    for (const partition of life.partitions) verify(world, partition);
    checkInForce(world, life);
  },
  checkpoint: (world, life) => {
    const picked = pickPartition(world, life);
    if (picked === null || isIdle(world)) return;
    const [{ log }] = picked;
    if (!log.hasStaged && !log.checkpoint.isHeld) log.beginCheckpoint();
    else if (log.checkpointReady) log.finishCheckpoint();
    if (log.needsSync) life.broker.queueUnsynced(picked[0], 0);
    world.note(`checkpoint of ${picked[1].name}: recovery point ${log.recoveryPoint}`);
  },
  care: (world, life) => {
    if (!isIdle(world)) life.turn(true, true);
    goOnDeleting(world, life);
    orEnd(() => life.deliver());
  },
  deleteRecords: (world, life) => {
    if (!isIdle(world)) deleteSome(world, life);
  },
  clock: (world) => world.libc.clock.advance(world.prng.pick([10, 300, 1200, 5000])),
  jump: (world) => {
    const ms = world.prng.pick([-5000, -100, 700, 90000, 90000]);
    world.libc.clock.jumpWall(ms);
    if (ms < 0) world.hasJumpedBack = true;
    if (ms === 90000) world.jumpedMs = world.libc.clock.monotonicMs;
  },
  background: (world) => world.libc.disk.background(world.prng.pick([10, 30, 70, 100])),
  pressMemory: (world) => {
    // A page whose writeback failed is then read as it was before: no broker could know.
    if (!world.isTroubled) world.libc.disk.pressMemory(world.prng.between(1, 12));
  },
  dropCaches,
  harmIndexes: (world) => world.note(`harm: ${harmIndex(world.libc.disk, world.prng)}`),
  failSync: (world) => {
    if (world.plan.lies > 0 || Object.keys(world.plan.diskFaults).length === 0) return;
    world.isTroubled = true;
    world.libc.disk.failNextSyncs(1);
  },
  fillDisk: (world) => {
    const { disk } = world.libc;
    if (world.plan.capacity !== Infinity) {
      disk.capacity = disk.usedBytes + world.prng.below(4) * 512;
    }
  },
  freeDisk: (world) => void (world.libc.disk.capacity = Infinity),
  createTopic,
  alterTopic,
  addPartitions,
  deleteTopic,
  cleanStop,
};

export function act(world: World, kind: Exclude<OperationKind, "crash">): void {
  if (world.tell !== null) world.note(kind);
  ACTIONS[kind](world, world.life!);
}

/** On a device that lies nobody does housekeeping: what it promises would be found broken. */
function isIdle(world: World): boolean {
  return world.plan.lies > 0;
}

function pickPartition(world: World, life: Life): [TopicPartition, PartitionModel] | null {
  const { partitions } = life;
  if (partitions.length === 0) return null;
  const picked = world.prng.pick(partitions);
  return [picked, world.model.partition(picked.topic.name, picked.index)!];
}

function turn(world: World, life: Life): void {
  life.worker.work(world.prng.pick([0, 1, 4, Infinity]));
  life.turn(world.prng.chance(60), !isIdle(world) && world.prng.chance(30));
}

/** Turns until producers are answered, and nothing is left to read. */
function settle(world: World, life: Life): void {
  for (let round = 0; round < SETTLE_ROUNDS_MAX; round += 1) {
    world.libc.completeAio(4);
    life.worker.work(Infinity);
    life.turn(true, false);
    const isDone = life.partitions.every(({ writtenWaiters, durableWaiters }) => {
      return writtenWaiters.count + durableWaiters.count === 0;
    });
    if (isDone && life.worker.isIdle) return checkCold(life);
    world.libc.clock.advance(20);
  }
  violated("L1", `producers or fetches wait after ${SETTLE_ROUNDS_MAX} turns`);
}

/** The worker has nothing left to do: nobody waits for it. */
function checkCold(life: Life): void {
  for (const { firstWaiter, topic, index } of life.partitions) {
    for (let waiter = firstWaiter; waiter !== null; waiter = waiter.next) {
      if (waiter.tries === 0) continue;
      violated("L1", `${topic.name}-${index}: a fetch waits for bytes that nobody reads`);
    }
  }
}

/** Offsets and times, in a log that is being written. */
function lookUp(world: World, life: Life): void {
  const picked = pickPartition(world, life);
  if (picked === null) return;
  const [{ log }, known] = picked;
  checkLookups(known, log, world.view!, world.prng.pick([1, 3]));
  for (let i = 0; i < 2 && known.entries.length > 0; i += 1) {
    const { attempt } = world.prng.pick(known.entries);
    checkTime(known, log, attempt.timestamp + world.prng.between(-1, 2));
  }
}

/** All that consumers can see, and all that the partition knows. */
function verify(world: World, partition: TopicPartition): void {
  const { log } = partition;
  const known = world.model.partition(partition.topic.name, partition.index)!;
  const view = world.view!;
  let offset = log.logStart;
  while (offset < log.visible.offset) {
    const error = view.read(log, offset, 4000);
    if (error !== 0 || view.size === 0) {
      violated("C1", `${known.name}: reading at ${offset} gave error ${error}, ${view.size} bytes`);
    }
    checkRead(known, log, view, offset);
    let size = 0;
    while (size < view.size) {
      const entry = known.find(offset)!;
      size += entry.attempt.bytes.length;
      offset = entry.end;
    }
  }
  checkLookups(known, log, view, 1);
  checkProducers(known, log);
  checkEpochs(known, log);
}

function deleteSome(world: World, life: Life): void {
  const picked = pickPartition(world, life);
  if (picked === null) return;
  const [partition, known] = picked;
  const { log } = partition;
  const { prng } = world;
  const offset = prng.chance(20)
    ? VISIBLE_END
    : log.logStart + prng.below(log.visible.offset - log.logStart + 2);
  const wanted = offset === VISIBLE_END ? log.visible.offset : offset;
  const waiter = { slot: 1, generation: 1, correlation: 0, handle: 0, offset };
  const error = deleteRecords(life.broker, partition, waiter, world);
  world.note(`delete records of ${known.name} below ${wanted}: error ${error}`);
  if (error === ErrorCodes.none) {
    known.logStartWanted = Math.max(known.logStartWanted, wanted);
    if (log.needsSync) life.broker.queueUnsynced(partition, 0);
  } else if (wanted <= log.visible.offset && !log.broken) {
    violated("X", `${known.name}: deleting below ${wanted} gave error ${error}`);
  }
}

function goOnDeleting(world: World, life: Life): void {
  const [deletion] = life.deletions;
  if (deletion === undefined) return;
  for (let steps = world.prng.between(1, 6); steps > 0; steps -= 1) {
    if (orEnd(() => deletion.next()).done !== true) continue;
    life.deletions.shift();
    return;
  }
}

function cleanStop(world: World, life: Life): void {
  if (isIdle(world)) return;
  world.ending.clean = "maybe";
  const isClean = orEnd(() => life.stop());
  world.observe();
  if (world.fetches.size > 0) violated("L1", `${world.fetches.size} fetches are left by a stop`);
  if (isClean) {
    world.stats.cleanStops += 1;
    world.ending.clean = "yes";
    for (const partition of life.partitions) {
      const known = world.model.partition(partition.topic.name, partition.index)!;
      known.promise(known.end);
    }
    const open = world.libc.descriptors.openCount;
    if (open > 0) violated("R1", `${open} descriptors are open after a clean stop`);
  } else {
    world.ending.clean = "no";
  }
  world.note(isClean ? "stopped cleanly" : "stopped, not cleanly");
  world.crash(world.prng.chance(60) ? "power" : "kill", []);
}
