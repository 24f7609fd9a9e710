/**
 * How the admin reaches a broker: through a client, which connects again and repeats what may be
 * repeated, or on one connection and no other.
 */

import {
  operation,
  type OperationName,
  type ReplyOf,
  type RequestOf,
} from "../native/operations.ts";
import type { Connection } from "./connection.ts";
import { isStaleHandle } from "./errors.ts";
import { keyOf } from "./topic_partition.ts";

export interface AdminPort {
  /** To any node. `repeatable`: may be sent again when nobody knows whether it was executed. */
  request<N extends OperationName>(
    name: N,
    values: RequestOf<N>,
    repeatable: boolean,
  ): Promise<ReplyOf<N>>;
  /** To the node that leads the partition, whose handle is filled in. */
  requestOf<N extends OperationName>(
    name: N,
    topic: string,
    partition: number,
    values: Omit<RequestOf<N>, "handle">,
    repeatable: boolean,
  ): Promise<ReplyOf<N>>;
  /** Calls `attempt` again where it failed for now and may be repeated. */
  repeated<T>(repeatable: boolean, attempt: () => Promise<T>): Promise<T>;
  /** The topic is gone, or not what it was: what is known of it is of no use. */
  forget(topic: string): void;
}

/** One connection, nothing repeated; keeps the handles of partitions that were asked about. */
export class ConnectionPort implements AdminPort {
  readonly #connection: Connection;
  readonly #handles: Map<string, number> = new Map();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async request<N extends OperationName>(name: N, values: RequestOf<N>): Promise<ReplyOf<N>> {
    const row = operation(name);
    return await this.#connection.request(row, values as never) as ReplyOf<N>;
  }

  repeated<T>(_repeatable: boolean, attempt: () => Promise<T>): Promise<T> {
    return attempt();
  }

  async requestOf<N extends OperationName>(
    name: N,
    topic: string,
    partition: number,
    values: Omit<RequestOf<N>, "handle">,
  ): Promise<ReplyOf<N>> {
    const ask = async (): Promise<ReplyOf<N>> => {
      const handle = await this.#handle(topic, partition);
      return await this.request(name, { ...values, handle } as unknown as RequestOf<N>);
    };
    const isKnown = this.#handles.has(keyOf(topic, partition));
    try {
      return await ask();
    } catch (error) {
      if (!isKnown || !isStaleHandle(error)) throw error;
      this.forget(topic); // somebody deleted it; perhaps it was made anew
      return await ask();
    }
  }

  forget(topic: string): void {
    for (const key of this.#handles.keys()) {
      if (key.slice(0, key.lastIndexOf("/")) === topic) this.#handles.delete(key);
    }
  }

  async #handle(topic: string, partition: number): Promise<number> {
    const key = keyOf(topic, partition);
    const known = this.#handles.get(key);
    if (known !== undefined) return known;
    const row = operation("open_partition");
    const { handle } = await this.#connection.request(row, { topic, partition });
    this.#handles.set(key, handle);
    return handle;
  }
}
