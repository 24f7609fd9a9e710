/**
 * Records as programs see them: what a producer takes, what it answers, what a consumer gives.
 */

import type { LevelName } from "../format/levels.ts";

/** Text is taken as UTF-8. */
export type Bytes = Uint8Array | string;

/** What a producer sends. */
export interface ProducerRecord {
  readonly topic: string;
  /** Records of one key go to one partition, in their order. */
  readonly key?: Bytes | null | undefined;
  /** Null: a tombstone, which deletes its key where a topic is compacted. */
  readonly value?: Bytes | null | undefined;
  /** Names and values; a name may come more than once in the list. */
  readonly headers?: Headers | undefined;
  /** Milliseconds since 1970. Default: now. */
  readonly timestampMs?: number | undefined;
  /** Default: what the partitioner says. */
  readonly partition?: number | undefined;
}

export type Headers =
  | Readonly<Record<string, Bytes | null>>
  | readonly (readonly [name: string, value: Bytes | null])[];

/** Where a record is, and how safe. */
export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  /** -1 when the broker knows that it has the record, and no longer where. */
  readonly offset: number;
  /** What was reached before the broker answered: `fsync`, `interval` or `os`. */
  readonly level: LevelName;
}

/** A header of a consumed record. */
export interface Header {
  readonly name: string;
  readonly value: Uint8Array | null;
}

const decoder = new TextDecoder();

/** What a consumer gives. Its bytes are its own: keep them as long as you like. */
export class ConsumerRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970: when it was made, or appended, as the topic says. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];

  constructor(
    topic: string,
    partition: number,
    offset: number,
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly Header[],
  ) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.timestampMs = timestampMs;
    this.key = key;
    this.value = value;
    this.headers = headers;
  }

  /** The value as text; "" for null. */
  text(): string {
    return this.value === null ? "" : decoder.decode(this.value);
  }

  /** The key as text; "" for null. */
  keyText(): string {
    return this.key === null ? "" : decoder.decode(this.key);
  }

  /** The value as JSON. Throws SyntaxError. */
  json(): unknown {
    return JSON.parse(this.text());
  }

  /** The last header of this name as text, or null. */
  header(name: string): string | null {
    const value = this.headers.findLast((header) => header.name === name)?.value ?? null;
    return value === null ? null : decoder.decode(value);
  }
}
