/**
 * The broker as the client sees it: the addresses it was given, the nodes it learned of, who leads
 * which partition, and the handles that were opened.
 *
 *     brokers given --hello--> node 0 is here --metadata--> orders/0 is led by node 0
 *                                          \--metadata--> node 1 is at 10.0.0.2:7400
 *
 * A node that was met at an address is asked there, whatever the metadata says of it: the client
 * may stand behind a proxy or a forwarded port.
 *
 * Invariant: a handle is used on the connection that opened it and no other.
 */

import { operation, type ReplyOf, type RequestOf } from "../native/operations.ts";
import type { OperationName, OperationOf } from "../native/operations.ts";
import { ErrorCodes } from "../format/errors.ts";
import { Backoff, sleep } from "./backoff.ts";
import { type BrokerAddress, parseBrokerAddress } from "./broker_address.ts";
import type { Connection } from "./connection.ts";
import { Endpoint, type EndpointOptions } from "./endpoint.ts";
import {
  BrokerError,
  ClosedError,
  InvalidOptionError,
  isRetriable,
  isStaleHandle,
  isUnsent,
} from "./errors.ts";
import { keyOf } from "./topic_partition.ts";

/** What the client keeps of a topic. */
export interface TopicInfo {
  readonly name: string;
  readonly topicId: string;
  /** The node that leads partition 0, 1, 2 … */
  readonly leaders: readonly number[];
  readonly maxMessageBytes: number;
  /** When the broker was asked for it, by `performance.now()`: it is no older than that. */
  readonly askedMs: number;
}

type Opened = ReplyOf<"open_partition">;

/** A partition on a connection. */
export interface OpenedPartition extends Opened {
  readonly connection: Connection;
  /** When it was answered, by `performance.now()`. */
  readonly openedMs: number;
}

export interface ClusterOptions extends EndpointOptions {
  readonly brokers: readonly (string | BrokerAddress)[];
  readonly requestTimeoutMs: number;
  readonly metadataMaxAgeMs: number;
}

const MAX_MESSAGE_BYTES = "max.message.bytes";
const RETRY_MS = 20;
const RETRY_MAX_MS = 1000;

export class Cluster {
  readonly options: ClusterOptions;
  readonly #given: readonly Endpoint[];
  readonly #nodes: Map<number, Endpoint> = new Map();
  readonly #topics: Map<string, TopicInfo> = new Map();
  readonly #learning: Map<string, Promise<TopicInfo>> = new Map();
  readonly #handles: WeakMap<Connection, Map<string, Promise<OpenedPartition>>> = new WeakMap();
  readonly #closing: AbortController = new AbortController();
  #next = 0;

  constructor(options: ClusterOptions) {
    this.options = options;
    if (options.brokers.length === 0) {
      throw new InvalidOptionError("brokers", "empty", "a list of one HOST:PORT at least");
    }
    this.#given = options.brokers.map((broker) => {
      return new Endpoint(
        typeof broker === "string" ? parseBrokerAddress(broker) : broker,
        options,
      );
    });
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** A connection to any node. Tries every address once; throws why the last one failed. */
  async any(): Promise<Connection> {
    for (const endpoint of this.#given) {
      if (endpoint.connection !== null) return endpoint.connection;
    }
    let failure: unknown = new ClosedError("client");
    for (let tried = 0; tried < this.#given.length && !this.#isClosed; tried += 1) {
      const endpoint = this.#given[(this.#next + tried) % this.#given.length]!;
      try {
        const connection = await this.#meet(endpoint);
        this.#next = (this.#next + tried) % this.#given.length;
        return connection;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** What was learned of a topic, however old; null when nothing was. */
  known(topic: string): TopicInfo | null {
    return this.#topics.get(topic) ?? null;
  }

  /** A topic, from memory while that is young enough. Throws BrokerError when there is none. */
  async topic(name: string): Promise<TopicInfo> {
    const known = this.#topics.get(name);
    const isYoung = known !== undefined &&
      performance.now() - known.askedMs < this.options.metadataMaxAgeMs;
    return isYoung ? known : await this.learn(name);
  }

  /** Asks the broker about a topic; all who ask at the same time share the answer. */
  learn(name: string): Promise<TopicInfo> {
    let asked = this.#learning.get(name);
    if (asked === undefined) {
      asked = this.#ask(name).finally(() => this.#learning.delete(name));
      this.#learning.set(name, asked);
    }
    return asked;
  }

  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /** A handle of a partition on a connection to the node that leads it. */
  async open(topic: string, partition: number): Promise<OpenedPartition> {
    const { leaders } = await this.topic(topic);
    const leader = leaders[partition];
    if (leader === undefined) {
      this.forget(topic);
      const count = `${topic} has ${leaders.length} partitions, from 0 on`;
      throw new BrokerError(ErrorCodes.partition_not_found, count);
    }
    const connection = await this.#connectionOf(leader, topic);
    let handles = this.#handles.get(connection);
    if (handles === undefined) this.#handles.set(connection, handles = new Map());
    const key = keyOf(topic, partition);
    let opened = handles.get(key);
    if (opened === undefined) {
      opened = connection.request(operation("open_partition"), { topic, partition })
        .then((reply) => ({ ...reply, connection, openedMs: performance.now() }));
      handles.set(key, opened);
      opened.catch(() => this.forgetHandle(connection, topic, partition));
    }
    return await opened;
  }

  /** The handle is not good any more: the topic was deleted, perhaps made anew. */
  forgetHandle(connection: Connection, topic: string, partition: number): void {
    this.#handles.get(connection)?.delete(keyOf(topic, partition));
    this.forget(topic);
  }

  /**
   * One request to any node. `repeatable` ones are sent again after a lost connection and after
   * errors that may pass, until `requestTimeoutMs` are over.
   */
  request<N extends OperationName>(
    name: N,
    values: RequestOf<N>,
    repeatable: boolean,
  ): Promise<ReplyOf<N>> {
    return this.repeated(repeatable, async () => {
      const connection = await this.any();
      return await send(connection, name, values);
    });
  }

  /** The same for a request about a partition, to the node that leads it. */
  requestOf<N extends OperationName>(
    name: N,
    topic: string,
    partition: number,
    values: Omit<RequestOf<N>, "handle">,
    repeatable: boolean,
  ): Promise<ReplyOf<N>> {
    const ask = ({ connection, handle }: OpenedPartition): Promise<ReplyOf<N>> =>
      send(connection, name, { ...values, handle } as unknown as RequestOf<N>);
    return this.repeated(repeatable, async () => {
      const opened = await this.open(topic, partition);
      try {
        return await ask(opened);
      } catch (error) {
        if (!isStaleHandle(error)) throw error;
        // It was refused for what the handle was: where there is another, it is asked for that.
        this.forgetHandle(opened.connection, topic, partition);
        return await ask(await this.open(topic, partition));
      }
    });
  }

  /** Calls `attempt` until it succeeds, fails for good, or the time (of a request) is over. */
  async repeated<T>(
    repeatable: boolean,
    attempt: () => Promise<T>,
    withinMs: number = this.options.requestTimeoutMs,
  ): Promise<T> {
    const endMs = performance.now() + withinMs;
    const backoff = new Backoff(RETRY_MS, RETRY_MAX_MS);
    for (;;) {
      if (this.#isClosed) throw new ClosedError("client");
      try {
        return await attempt();
      } catch (error) {
        if (this.#isClosed) throw new ClosedError("client");
        // Nothing was sent where no connection came about: that may always be tried again.
        const mayRepeat = repeatable || isUnsent(error);
        const waitMs = backoff.nextMs();
        const isOver = performance.now() + waitMs > endMs;
        if (!mayRepeat || !isRetriable(error) || isOver) throw error;
        await sleep(waitMs, this.#closing.signal);
      }
    }
  }

  close(): void {
    this.#closing.abort();
    for (const endpoint of [...this.#given, ...this.#nodes.values()]) endpoint.close();
  }

  /** Connects and notes which node is there. */
  async #meet(endpoint: Endpoint): Promise<Connection> {
    const connection = await endpoint.get();
    this.#nodes.set(connection.broker.nodeId, endpoint);
    return connection;
  }

  async #connectionOf(node: number, topic: string): Promise<Connection> {
    const endpoint = this.#nodes.get(node);
    if (endpoint === undefined) {
      this.forget(topic);
      return await this.any(); // the metadata names no such node: any knows better
    }
    try {
      const connection = await this.#meet(endpoint);
      if (connection.broker.nodeId !== node) this.forget(topic);
      return connection;
    } catch (error) {
      this.forget(topic); // it may have another leader by now
      throw error;
    }
  }

  async #ask(name: string): Promise<TopicInfo> {
    const connection = await this.any();
    const askedMs = performance.now();
    const reply = await connection.request(operation("metadata"), { topics: [{ name }] });
    for (const { nodeId, host, port } of reply.nodes) {
      if (!this.#nodes.has(nodeId)) {
        this.#nodes.set(nodeId, new Endpoint({ host, port }, this.options));
      }
    }
    const topic = reply.topics.find((candidate) => candidate.name === name);
    const error = topic === undefined ? ErrorCodes.topic_not_found : topic.error;
    if (topic === undefined || error !== ErrorCodes.none) {
      this.forget(name);
      throw new BrokerError(error, name);
    }
    const limit = topic.config.find(({ key }) => key === MAX_MESSAGE_BYTES)?.value;
    const info: TopicInfo = {
      name,
      topicId: topic.topicId,
      leaders: topic.partitions.map(({ leader }) => leader),
      maxMessageBytes: Number(limit),
      askedMs,
    };
    this.#topics.set(name, info);
    return info;
  }
}

async function send<N extends OperationName>(
  connection: Connection,
  name: N,
  values: RequestOf<N>,
): Promise<ReplyOf<N>> {
  const row = operation(name) as OperationOf<N>;
  return await connection.request(row, values as never) as ReplyOf<N>;
}
