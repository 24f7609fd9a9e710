/**
 * The committed offsets of all groups of a shard, in memory: what a fetch of offsets answers from.
 *
 *     group -> topic -> partition -> { durable, staged }
 *     stage    written to the log, or about to be; nobody is shown it
 *     settle   durable: it is what the group has committed; or refused: it never was
 *
 * Invariant: records of a key are settled in the order in which they were staged, so `durable` is
 * the newest one on disk; and `bytes` is about what all of it takes.
 */

import { OFFSETS_BYTES_MAX, OFFSETS_PER_GROUP_MAX } from "../limits.ts";
import type { CommittedOffset, OffsetRecord } from "../format/offset_records.ts";

/** About what an entry and a group take beside their strings. */
const ENTRY_BYTES = 240;
const GROUP_BYTES = 400;

export interface OffsetEntry {
  /** What the group has committed; null: nothing yet, or not any more. */
  durable: CommittedOffset | null;
  /** The newest record that is not settled. */
  staged: OffsetRecord | null;
}

export class Group {
  readonly name: string;
  /** By topic and partition; none of the maps is empty. */
  readonly topics: Map<string, Map<number, OffsetEntry>> = new Map();
  count = 0;

  constructor(name: string) {
    this.name = name;
  }

  get(topic: string, partition: number): OffsetEntry | undefined {
    return this.topics.get(topic)?.get(partition);
  }

  /** How many offsets are committed. */
  get committed(): number {
    let count = 0;
    for (const entries of this.topics.values()) {
      for (const { durable } of entries.values()) if (durable !== null) count += 1;
    }
    return count;
  }
}

export class OffsetStore {
  readonly groups: Map<string, Group> = new Map();
  bytes = 0;

  /** Whether the group may get the records. What it has already may always change. */
  hasRoom(name: string, records: readonly OffsetRecord[]): boolean {
    const group = this.groups.get(name);
    const added = records.filter(({ topic, partition }) => {
      return group?.get(topic, partition) === undefined;
    });
    if (added.length === 0) return true;
    if ((group?.count ?? 0) + added.length > OFFSETS_PER_GROUP_MAX) return false;
    const bytes = added.reduce((sum, record) => sum + commitBytes(record.commit), 0);
    return this.bytes + bytes + added.length * ENTRY_BYTES <= OFFSETS_BYTES_MAX;
  }

  stage(record: OffsetRecord): void {
    const entry = this.#make(record);
    entry.staged = record;
    this.bytes += commitBytes(record.commit);
  }

  /** The record is durable, or it was refused. */
  settle(record: OffsetRecord, isDurable: boolean): void {
    const group = this.groups.get(record.group);
    const entry = group?.get(record.topic, record.partition);
    if (group === undefined || entry === undefined) return;
    if (entry.staged === record) entry.staged = null;
    if (isDurable) {
      this.bytes -= commitBytes(entry.durable);
      entry.durable = record.commit;
    } else {
      this.bytes -= commitBytes(record.commit);
    }
    if (entry.durable === null && entry.staged === null) this.#drop(group, record);
  }

  /** A record as it lies in the log, in the order of the log. */
  load(record: OffsetRecord): void {
    this.stage(record);
    this.settle(record, true);
  }

  /** A tombstone for every key of which anything is known or on its way. */
  *tombstones(group: Group, wanted: string | null = null): Generator<OffsetRecord> {
    for (const [topic, entries] of group.topics) {
      if (wanted !== null && topic !== wanted) continue;
      for (const partition of entries.keys()) {
        yield { group: group.name, topic, partition, commit: null };
      }
    }
  }

  #make({ group: name, topic, partition }: OffsetRecord): OffsetEntry {
    let group = this.groups.get(name);
    if (group === undefined) {
      group = new Group(name);
      this.groups.set(name, group);
      this.bytes += GROUP_BYTES + name.length;
    }
    let entries = group.topics.get(topic);
    if (entries === undefined) {
      entries = new Map();
      group.topics.set(topic, entries);
    }
    let entry = entries.get(partition);
    if (entry === undefined) {
      entry = { durable: null, staged: null };
      entries.set(partition, entry);
      group.count += 1;
      this.bytes += ENTRY_BYTES;
    }
    return entry;
  }

  #drop(group: Group, { topic, partition }: OffsetRecord): void {
    const entries = group.topics.get(topic)!;
    entries.delete(partition);
    if (entries.size === 0) group.topics.delete(topic);
    group.count -= 1;
    this.bytes -= ENTRY_BYTES;
    if (group.count > 0) return;
    this.groups.delete(group.name);
    this.bytes -= GROUP_BYTES + group.name.length;
  }
}

function commitBytes(commit: CommittedOffset | null): number {
  return commit === null ? 0 : 2 * commit.metadata.length;
}
