/**
 * Which queue a record goes to: the partitions of every topic that a producer has met.
 *
 *     topic -> Route { partitions, a queue for each that got a record,
 *                      where records without a key go }
 *
 * Invariant: a partition has one queue for the life of the producer, whatever becomes of its
 * topic: the queue counts the numbers that the broker has seen.
 */

import { ErrorCodes } from "../format/errors.ts";
import {
  BrokerError,
  InvalidOptionError,
  isStaleHandle,
  type SluiceError,
  toSluiceError,
} from "./errors.ts";
import type { Cluster, TopicInfo } from "./cluster.ts";
import { nextSticky, partitionOfKey } from "./partitioner.ts";
import { PartitionQueue } from "./partition_queue.ts";
import type { ProducerShared } from "./producer_shared.ts";
import type { ProducerRecord } from "./record.ts";
import type { RecordEncoder } from "./record_encoder.ts";

export interface Route {
  info: TopicInfo;
  /** By partition. */
  readonly queues: PartitionQueue[];
  /** Where records without a key go now; -1 before the first. */
  sticky: number;
}

export class Router {
  /** All that there are. */
  readonly queues: PartitionQueue[] = [];
  readonly #cluster: Cluster;
  readonly #shared: ProducerShared;
  readonly #routes: Map<string, Route> = new Map();
  readonly #learning: Set<string> = new Set();

  constructor(cluster: Cluster, shared: ProducerShared) {
    this.#cluster = cluster;
    this.#shared = shared;
  }

  route(topic: string): Route | null {
    return this.#routes.get(topic) ?? null;
  }

  /** Asks about a topic that is not known, once; tells when it is, or why it will not be. */
  learn(topic: string, learned: (failure: SluiceError | null) => void): void {
    if (this.#routes.has(topic) || this.#learning.has(topic)) return;
    this.#learning.add(topic);
    this.#cluster.repeated(true, () => this.#cluster.topic(topic)).then(
      (info) => {
        this.#learning.delete(topic);
        this.#update(info);
        learned(null);
      },
      (error) => {
        this.#learning.delete(topic);
        learned(toSluiceError(error));
      },
    );
  }

  /** Asks again about topics whose metadata is old: partitions may have been added. */
  refresh(nowMs: number): void {
    const { metadataMaxAgeMs } = this.#cluster.options;
    for (const [topic, { info }] of this.#routes) {
      if (nowMs - info.askedMs > metadataMaxAgeMs) this.#learnAgain(topic);
    }
  }

  /** A batch failed: perhaps the topic is not what it was. */
  failed(topic: string, error: SluiceError): void {
    if (isStaleHandle(error)) this.#learnAgain(topic);
  }

  /** The queue of a record, whose parts the encoder has. Throws where it cannot have one. */
  queueOf(route: Route, record: ProducerRecord, encoder: RecordEncoder): PartitionQueue {
    const partitions = route.info.leaders.length;
    const partition = record.partition ?? this.#choose(route, record.topic, encoder, partitions);
    if (Number.isInteger(partition) && partition >= 0 && partition < partitions) {
      return this.#queue(route, partition);
    }
    const detail = `${record.topic} has ${partitions} partitions, from 0 on; not ${partition}`;
    throw new BrokerError(ErrorCodes.partition_not_found, detail);
  }

  #choose(route: Route, topic: string, encoder: RecordEncoder, partitions: number): number {
    const { key, keyStart, keyEnd } = encoder;
    const { partitioner } = this.#shared.settings;
    if (partitioner !== null) {
      const bytes = key === null ? null : key.subarray(keyStart, keyEnd);
      const chosen = partitioner({ topic, key: bytes, partitions });
      if (Number.isInteger(chosen) && chosen >= 0 && chosen < partitions) return chosen;
      throw new InvalidOptionError("partitioner", chosen, `0 to ${partitions - 1} for ${topic}`);
    }
    if (key !== null) return partitionOfKey(key, keyStart, keyEnd, partitions);
    const current = route.queues[route.sticky];
    if (current === undefined || !current.hasRoomFor(encoder)) {
      route.sticky = nextSticky(route.sticky, partitions);
    }
    return route.sticky;
  }

  #queue(route: Route, partition: number): PartitionQueue {
    let queue = route.queues[partition];
    if (queue === undefined) {
      const { name, maxMessageBytes } = route.info;
      queue = new PartitionQueue(this.#shared, name, partition, maxMessageBytes);
      route.queues[partition] = queue;
      this.queues.push(queue);
    }
    return queue;
  }

  #learnAgain(topic: string): void {
    if (this.#learning.has(topic)) return;
    this.#learning.add(topic);
    this.#cluster.learn(topic).then((info) => this.#update(info), () => {}) // as it was, then
      .finally(() => this.#learning.delete(topic));
  }

  #update(info: TopicInfo): void {
    const route = this.#routes.get(info.name);
    if (route === undefined) {
      this.#routes.set(info.name, { info, queues: [], sticky: -1 });
      return;
    }
    route.info = info;
    for (const queue of route.queues) {
      if (queue !== undefined) queue.maxMessageBytes = info.maxMessageBytes;
    }
  }
}
