/**
 * Commits the offsets of a group, one request at a time.
 *
 *     what the loop has finished --every interval, at the end--> commit --> committed
 *
 * Invariant: an offset is committed only when every record before it was finished, or when the
 * caller said so. A commit that overtakes another does not exist.
 */

import { clearInterval, setInterval } from "node:timers";
import { ErrorCodes } from "../format/errors.ts";
import type { AdminPort } from "./admin_port.ts";
import type { Cluster } from "./cluster.ts";
import { BrokerError, type SluiceError, toSluiceError } from "./errors.ts";
import { keyOf, type TopicPartition } from "./topic_partition.ts";

/** The offset of the next record to read. */
export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
  readonly leaderEpoch?: number | undefined;
  readonly metadata?: string | undefined;
}

export interface CommittedOffset extends PartitionOffset {
  readonly metadata: string;
  /** Milliseconds since 1970. */
  readonly commitTimestampMs: number;
}

const UNKNOWN = -1;
/** What one request may hold. */
const COMMITS_MAX = 1024;
const FETCHES_MAX = 16384;

/** The offsets that a group has committed: of these partitions, or all. */
export async function fetchOffsets(
  cluster: AdminPort,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<CommittedOffset[]> {
  const found: CommittedOffset[] = [];
  let at = 0;
  do {
    const some = partitions.slice(at, at + FETCHES_MAX);
    found.push(...await fetchSomeOffsets(cluster, group, some));
    at += FETCHES_MAX;
  } while (at < partitions.length);
  return found;
}

async function fetchSomeOffsets(
  cluster: AdminPort,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<CommittedOffset[]> {
  const wanted = partitions.map(({ topic, partition }) => ({ topic, partition }));
  const reply = await cluster.request("fetch_offsets", { group, partitions: wanted }, true);
  const found: CommittedOffset[] = [];
  for (const { error, topic, partition, offset, leaderEpoch, metadata, ...rest } of reply.offsets) {
    if (error !== ErrorCodes.none) throw new BrokerError(error, `${topic}/${partition}`);
    if (offset < 0) continue;
    const commitTimestampMs = rest.commitTimestamp;
    found.push({ topic, partition, offset, leaderEpoch, metadata, commitTimestampMs });
  }
  return found;
}

/** Settles when the offsets are durable. Throws BrokerError for the first that was refused. */
export async function commitOffsets(
  cluster: AdminPort,
  group: string,
  offsets: readonly PartitionOffset[],
): Promise<void> {
  for (let at = 0; at < offsets.length; at += COMMITS_MAX) {
    await commitSomeOffsets(cluster, group, offsets.slice(at, at + COMMITS_MAX));
  }
}

async function commitSomeOffsets(
  cluster: AdminPort,
  group: string,
  some: readonly PartitionOffset[],
): Promise<void> {
  const offsets = some.map(({ topic, partition, offset, leaderEpoch, metadata }) => {
    const epoch = leaderEpoch ?? UNKNOWN;
    return { topic, partition, offset, leaderEpoch: epoch, metadata: metadata ?? "" };
  });
  const request = { group, memberId: "", generation: UNKNOWN, offsets };
  await cluster.repeated(true, async () => {
    const { results } = await cluster.request("commit_offsets", request, false);
    results.forEach(({ error }, at) => {
      if (error === ErrorCodes.none) return;
      const where = some[at];
      throw new BrokerError(error, where === undefined ? "" : `${where.topic}/${where.partition}`);
    });
  });
}

export class Committer {
  readonly #cluster: Cluster;
  readonly #group: string;
  readonly #finished: () => PartitionOffset[];
  readonly #timer: ReturnType<typeof setInterval> | null;
  /** By partition, what the broker has. */
  readonly #committed: Map<string, number> = new Map();
  #last: Promise<void> = Promise.resolve();
  #isCommitting = false;

  /**
   * `finished` tells what may be committed; it is asked every `intervalMs` (null: never), and
   * `failed` hears of what cannot succeed later either.
   */
  constructor(
    cluster: Cluster,
    group: string,
    finished: () => PartitionOffset[],
    intervalMs: number | null,
    failed: (error: SluiceError) => void,
  ) {
    this.#cluster = cluster;
    this.#group = group;
    this.#finished = finished;
    this.#timer = intervalMs === null ? null : setInterval(() => {
      if (this.#isCommitting) return; // the next one has what this one has
      this.commit(this.#finished()).catch((error) => {
        const failure = toSluiceError(error);
        if (!failure.retriable) failed(failure);
      });
    }, intervalMs);
    this.#timer?.unref();
  }

  /** What the group has committed: where it is not -1 there is something to go on from. */
  async load(
    partitions: readonly TopicPartition[],
  ): Promise<Map<string, number>> {
    const offsets = await fetchOffsets(this.#cluster, this.#group, partitions);
    for (const { topic, partition, offset } of offsets) {
      this.#committed.set(keyOf(topic, partition), offset);
    }
    return this.#committed;
  }

  /** Commits what has changed, after the commits before. */
  commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const next = this.#last.then(() => this.#commit(offsets));
    this.#last = next.catch(() => {}); // told to who asked
    return next;
  }

  /** Ends the timer. What is finished now is committed when `commits`. */
  async close(commits: boolean): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    if (commits) await this.commit(this.#finished());
    else await this.#last;
  }

  async #commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const changed = offsets.filter(({ topic, partition, offset }) => {
      return this.#committed.get(keyOf(topic, partition)) !== offset;
    });
    this.#isCommitting = true;
    try {
      await commitOffsets(this.#cluster, this.#group, changed);
    } finally {
      this.#isCommitting = false;
    }
    for (const { topic, partition, offset } of changed) {
      this.#committed.set(keyOf(topic, partition), offset);
    }
  }
}
