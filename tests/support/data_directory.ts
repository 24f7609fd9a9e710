/**
 * Data directories written by hand, byte by byte, for tests of the tools: Sluice's with a
 * catalogue or Kafka's without one, with all files of a partition. Damage is done by the tests.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Codec } from "../../src/codec/codec.ts";
import { compress } from "../../src/codec/compress.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { formatPartitionMetadata } from "../../src/format/checkpoint.ts";
import type { ConfigEntry } from "../../src/format/topic_config.ts";
import { emptyCatalogue, encodeCatalogue, type TopicEntry } from "../../src/log/catalogue.ts";
import { concat, encodeBatch, encodeRecord, stamped } from "./batches.ts";
import { temporaryDirectory } from "./temporary.ts";

export const TOPIC_ID = "5d56ff71-2b39-47a9-8d3f-4ef52ca23465";
export const FIRST_TIME = 1700000000000;

export interface PlannedBatch {
  count: number;
  codec?: Codec;
  epoch?: number;
  producerId?: number;
  /** Bytes of each value. */
  valueSize?: number;
}

export interface WrittenBatch {
  segment: number;
  position: number;
  size: number;
  baseOffset: number;
  lastOffset: number;
  maxTimestamp: number;
}

export class TestDirectory {
  readonly root: string = temporaryDirectory("data");
  readonly topics: TopicEntry[] = [];
  readonly batches: Map<string, WrittenBatch[]> = new Map();

  path(...names: readonly string[]): string {
    return join(this.root, ...names);
  }

  write(name: string, content: Uint8Array | string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(this.path(name)));
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  remove(name: string): void {
    rmSync(this.path(name));
  }

  /** Changes bytes in place. */
  change(name: string, change: (bytes: Uint8Array) => Uint8Array | void): void {
    const bytes = this.read(name);
    this.write(name, change(bytes) ?? bytes);
  }

  topic(
    name: string,
    partitions: number = 1,
    topicId: string = TOPIC_ID,
    config: readonly ConfigEntry[] = [],
  ): void {
    this.topics.push({ name, topicId, partitions, config, state: "ready" });
    for (let partition = 0; partition < partitions; partition += 1) {
      this.write(`${name}-${partition}/partition.metadata`, formatPartitionMetadata(topicId));
    }
  }

  catalogue(): void {
    const content = emptyCatalogue("a0b1c2d3-0000-4000-8000-000000000001");
    content.topics = [...this.topics];
    this.write("catalogue", encodeCatalogue(content));
  }

  cleanStop(): void {
    this.write(".kafka_cleanshutdown", '{"version":0,"brokerEpoch":0}');
  }

  /** `partition` is a directory such as orders-0. */
  checkpoint(file: string, lines: readonly string[]): void {
    this.write(file, ["0", String(lines.length), ...lines, ""].join("\n"));
  }

  /** Writes segments of these batches with their indexes; returns where the batches lie. */
  log(directory: string, segments: readonly (readonly PlannedBatch[])[]): WrittenBatch[] {
    const written: WrittenBatch[] = [];
    let offset = 0;
    for (const segment of segments) {
      const base = offset;
      const pieces: Uint8Array[] = [];
      let position = 0;
      for (const planned of segment) {
        const bytes = stamped(batchBytes(planned, offset), offset, planned.epoch ?? 0);
        const lastOffset = offset + planned.count - 1;
        written.push({
          segment: base,
          position,
          size: bytes.length,
          baseOffset: offset,
          lastOffset,
          maxTimestamp: FIRST_TIME + lastOffset,
        });
        pieces.push(bytes);
        position += bytes.length;
        offset += planned.count;
      }
      this.write(`${directory}/${named(base, ".log")}`, concat(pieces));
      this.#indexes(directory, base, written.filter((batch) => batch.segment === base));
    }
    this.batches.set(directory, written);
    return written;
  }

  /** An entry for every batch but the first of its segment. */
  #indexes(directory: string, base: number, batches: readonly WrittenBatch[]): void {
    const offsets = new DataView(new ArrayBuffer(8 * (batches.length - 1)));
    const times = new DataView(new ArrayBuffer(12 * (batches.length - 1)));
    batches.slice(1).forEach((batch, at) => {
      offsets.setInt32(at * 8, batch.lastOffset - base);
      offsets.setInt32(at * 8 + 4, batch.position);
      times.setBigInt64(at * 12, BigInt(batch.maxTimestamp));
      times.setInt32(at * 12 + 8, batch.lastOffset - base);
    });
    this.write(`${directory}/${named(base, ".index")}`, new Uint8Array(offsets.buffer));
    this.write(`${directory}/${named(base, ".timeindex")}`, new Uint8Array(times.buffer));
  }

  /** A producer snapshot with one entry, as Kafka has one per producer. */
  snapshot(directory: string, offset: number, lastOffset: number, producerId: number = 7): void {
    this.snapshotOf(directory, offset, [{ producerId, lastOffset, lastSequence: 0, count: 1 }]);
  }

  /** A producer snapshot with the last batch of each of these producers. */
  snapshotOf(directory: string, offset: number, producers: readonly LastBatch[]): void {
    const size = 10 + 46 * producers.length;
    const words = new Int32Array(Math.ceil(size / 4));
    const bytes = new Uint8Array(words.buffer, 0, size);
    const view = new DataView(words.buffer);
    view.setInt16(0, 1);
    view.setInt32(6, producers.length);
    producers.forEach(({ producerId, lastOffset, lastSequence, count }, index) => {
      const at = 10 + 46 * index;
      view.setBigInt64(at, BigInt(producerId));
      view.setInt32(at + 10, lastSequence);
      view.setBigInt64(at + 14, BigInt(lastOffset));
      view.setInt32(at + 22, count - 1);
      view.setBigInt64(at + 26, BigInt(FIRST_TIME));
      view.setBigInt64(at + 38, -1n);
    });
    view.setUint32(2, crc32c(bytes, words, 6, size - 6));
    this.write(`${directory}/${named(offset, ".snapshot")}`, bytes);
  }
}

export interface LastBatch {
  producerId: number;
  lastOffset: number;
  lastSequence: number;
  /** Records of it. */
  count: number;
}

export function named(offset: number, suffix: string): string {
  return String(offset).padStart(20, "0") + suffix;
}

/** Records with key kN and a value of letters, N being their offset, a millisecond apart. */
function batchBytes(planned: PlannedBatch, offset: number): Uint8Array {
  const { count, codec = Codec.none, producerId = -1, valueSize = 40 } = planned;
  const records = Array.from({ length: count }, (_, at) => {
    const text = `value ${offset + at} `.padEnd(valueSize, "a");
    return encodeRecord({
      key: new TextEncoder().encode(`k${offset + at}`),
      value: new TextEncoder().encode(text),
      timestampDelta: at,
      headers: at === 0 ? [{ key: "h", value: null }] : [],
    }, at);
  });
  return encodeBatch(compress(codec, Uint8Array.from(records.flat())), count, {
    attributes: codec,
    baseTimestamp: FIRST_TIME + offset,
    maxTimestamp: FIRST_TIME + offset + count - 1,
    producerId,
    producerEpoch: producerId < 0 ? -1 : 0,
    baseSequence: producerId < 0 ? -1 : offset,
  });
}
