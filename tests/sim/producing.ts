/** Producers at work: new batches, what was lost with a process, and what is sent twice. */
import { produce } from "../../src/broker/produce.ts";
import type { TopicPartition } from "../../src/broker/topics.ts";
import { ErrorCodes } from "../../src/format/errors.ts";
import { Acks } from "../../src/format/levels.ts";
import { canEncode, encodeAttempt } from "./attempt_bytes.ts";
import type { Life } from "./life.ts";
import { type Attempt, Client, type PartitionModel } from "./model.ts";
import { violated } from "./violation.ts";
import type { World } from "./world.ts";

/** What a client has in flight: as many as the broker remembers. */
const WAITING_MAX = 5;

export function produceSome(
  world: World,
  life: Life,
  partition: TopicPartition,
  known: PartitionModel,
): void {
  const client = pickClient(world, known);
  const acks = world.prng.chance(85) ? Acks.all : Acks.leader;
  for (let count = world.prng.between(1, 3); count > 0; count -= 1) {
    const attempt = nextOf(world, known, client);
    if (attempt === null || !life.hasRoomFor(attempt.bytes.length)) return;
    send(world, life, partition, known, attempt, acks);
  }
}

/** A batch again that the broker has, or that it was sent and has not answered. */
export function retrySome(
  world: World,
  life: Life,
  partition: TopicPartition,
  known: PartitionModel,
): void {
  const windows = [...known.producers.known.values()];
  if (windows.length === 0) return;
  const { attempt } = world.prng.pick(world.prng.pick(windows).window);
  if (!life.hasRoomFor(attempt.bytes.length)) return;
  send(world, life, partition, known, attempt, Acks.all);
}

function pickClient(world: World, known: PartitionModel): Client {
  const { plan, prng } = world;
  const at = prng.below(plan.producers);
  while (known.clients.length <= at) {
    const number = known.clients.length;
    const isIdempotent = number * 100 < plan.idempotent * plan.producers;
    known.clients.push(new Client(isIdempotent ? 100 + number : -1));
  }
  return known.clients[at]!;
}

/** What the client sends next; null when it has to wait for answers. */
function nextOf(world: World, known: PartitionModel, client: Client): Attempt | null {
  if (client.producerId < 0) return newAttempt(world, null, -1, -1, -1);
  if (client.lost > 0) {
    const attempt = client.waiting[client.waiting.length - client.lost]!;
    client.lost -= 1;
    return attempt;
  }
  if (client.waiting.length >= WAITING_MAX) return null;
  if (client.waiting.length === 0 && isForgotten(client, known)) client.beginAgain();
  const { producerId, epoch, sequence } = client;
  const attempt = newAttempt(world, client, producerId, epoch, sequence);
  client.sequence += attempt.records;
  client.waiting.push(attempt);
  return attempt;
}

/** The broker does not know what it told the client: a real one is refused, and begins again. */
function isForgotten({ producerId, epoch, sequence }: Client, known: PartitionModel): boolean {
  const next = { producerId, producerEpoch: epoch, sequence, records: 0 };
  return known.producers.expect(next) === "refused";
}

function newAttempt(
  world: World,
  client: Client | null,
  producerId: number,
  producerEpoch: number,
  sequence: number,
): Attempt {
  const { plan, prng, libc } = world;
  const size = prng.pick(plan.sizes);
  const wanted = prng.between(1, plan.recordsMax);
  const records = canEncode(size, wanted) ? wanted : 1;
  // A clock of its own: late, early, and now and then far in the future.
  const timestamp = libc.clock.wallMs + prng.pick([0, 0, 0, -3, 5, -2000, 100000000]);
  const attempt = world.model.attempts.length;
  const words = { attempt, size, records, timestamp, producerId, producerEpoch, sequence };
  const bytes = encodeAttempt(words);
  return world.model.add({
    bytes,
    records,
    timestamp,
    client,
    producerId,
    producerEpoch,
    sequence,
  });
}

function send(
  world: World,
  life: Life,
  partition: TopicPartition,
  known: PartitionModel,
  attempt: Attempt,
  acks: number,
): void {
  const { log } = partition;
  const expected = known.producers.expect(attempt);
  const at = life.receive(attempt.bytes);
  const number = world.sends.length;
  const before = log.stagedEnd;
  const words = { attempt, partition: known, acks, level: known.level, expected };
  world.sends.push({ ...words, entry: null });
  produce(life.broker, partition, life.arena, at, attempt.bytes.length, acks, 1, 1, number, 0);
  if (log.stagedEnd <= before) {
    known.rollBack(log.stagedEnd);
    world.note(`  batch ${attempt.number} to ${known.name}: not taken`);
    const { refusal } = log.store.disk;
    if (expected === "taken" && log.failure === ErrorCodes.none && refusal === ErrorCodes.none) {
      violated(
        "P",
        `${known.name}: batch ${attempt.number} follows its producer's last, and is refused`,
      );
    }
    return;
  }
  const base = log.stagedEnd - attempt.records;
  if (base !== before) violated("C3", `${known.name}: a batch got offset ${base}, not ${before}`);
  if (expected === "refused") {
    violated("P", `${known.name}: batch ${attempt.number} was taken out of its producer's order`);
  }
  if (typeof expected !== "string") {
    violated(
      "C5",
      `${known.name}: batch ${attempt.number} of offset ${expected.base} was taken again`,
    );
  }
  const entry = known.take(attempt, base, log.leaderEpoch, world.libc.clock.wallMs);
  world.sends[number] = { ...words, entry };
  world.note(
    `  batch ${attempt.number} (${attempt.bytes.length} bytes) to ${known.name} at ${base}`,
  );
  if (!known.claimPlace(entry)) {
    violated("E", `${known.name}: offset ${base} was given in epoch ${entry.epoch} before`);
  }
}
