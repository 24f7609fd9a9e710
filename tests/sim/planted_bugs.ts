/**
 * Bugs that the simulation must find, as textual changes of a copy of the sources: one each of the
 * mistakes that logs have been seen to make. Tests only; the product has no switch for them.
 */
export interface Edit {
  readonly file: string;
  /** Must be there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface PlantedBug {
  readonly name: string;
  readonly edits: readonly Edit[];
}

/** Where main writes down the settings of a topic. */
const SETTINGS_KEPT = "    return this.#replace({ ...entry, config });\n";

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "ack before sync",
    edits: [{
      file: "src/broker/produce.ts",
      find: "level, door);\n" +
        "    answer(broker, partition, partition.durableWaiters, log.durable.offset,",
      replace: "level, door);\n" +
        "    answer(broker, partition, partition.durableWaiters, log.written.offset,",
    }],
  },
  {
    name: "ack of a later group",
    edits: [{
      file: "src/log/partition.ts",
      find: "this.durable.copyFrom(this.#syncing);",
      replace: "this.durable.copyFrom(this.written);",
    }],
  },
  {
    name: "duplicate acknowledged before the original is durable",
    edits: [{
      file: "src/broker/produce.ts",
      find: "  const waiters = waitsForSync(partition, acks)\n",
      replace: "  const isNew = error !== ErrorCodes.none || base >= log.written.offset;\n" +
        "  const waiters = isNew && waitsForSync(partition, acks)\n",
    }],
  },
  {
    name: "tail published unsynced after a kill",
    edits: [
      {
        file: "src/log/recovery.ts",
        find: "    if (this.#isSettled(this.#last)) this.#syncs.size(this.#last, group);\n" +
          "    else this.#syncs.ahead(this.#last, group);\n",
        replace: "",
      },
      {
        file: "src/log/recovery_syncs.ts",
        find:
          "    must(this.#store.libc.fdatasync(fd), `sync ${segmentFile(segment.baseOffset)}`);\n",
        replace: "",
      },
    ],
  },
  {
    name: "a tail above the recovery point taken for settled",
    edits: [
      {
        file: "src/log/recovery.ts",
        find: "    return position === last.size && this.#scan.expected === safe;\n",
        replace: "    return this.#scan.expected >= safe;\n",
      },
      {
        file: "src/log/recovery.ts",
        find:
          "    if (this.#isSettled(this.#last)) this.#syncs.size(this.#last, group);\n    else ",
        replace: "    if (!this.#isSettled(this.#last)) ",
      },
    ],
  },
  {
    name: "recovery does not truncate",
    edits: [{
      file: "src/log/recovery_files.ts",
      find: "  must(store.libc.ftruncate(segment.file!.fd, end), `truncate ${name}`);\n",
      replace: "",
    }],
  },
  {
    name: "truncation not synced",
    edits: [{
      file: "src/log/recovery_syncs.ts",
      find: "    if (this.#cut === active) this.#add(active, group, () => {});\n",
      replace: "",
    }],
  },
  {
    name: "zeros taken for a batch",
    edits: [{
      file: "src/log/recovery_scan.ts",
      find: "    if (!isBatchSize(size, BATCH_SIZE_MAX_LIMIT)) return Stored.length;\n",
      replace: "    if (size === 12) return Stored.whole;\n" +
        "    if (!isBatchSize(size, BATCH_SIZE_MAX_LIMIT)) return Stored.length;\n",
    }],
  },
  {
    name: "stale batch of a lower epoch accepted",
    edits: [{
      file: "src/format/batch.ts",
      find: "  if (view.getInt32(at + BatchAt.leaderEpoch) < epochMin) return Stored.epoch;\n",
      replace: "",
    }],
  },
  {
    name: "epoch reused after a second crash",
    edits: [{
      file: "src/log/data_directory.ts",
      find: "if (found === null || !clean) saveCatalogue(",
      replace: "if (found === null) saveCatalogue(",
    }],
  },
  {
    name: "index trusted over the log",
    edits: [{
      file: "src/log/read.ts",
      find: "    if (!index.isFromFile || code === NOT_RESIDENT) return code;\n    const wanted",
      replace: "    if (code === 0) return code;\n    const wanted",
    }],
  },
  {
    name: "rename without directory sync",
    edits: [{
      file: "src/log/files.ts",
      find: "  must(libc.fsync(directory), `sync the directory of ${name}`);\n",
      replace: "",
    }],
  },
  {
    name: "producer snapshot ahead of the log",
    edits: [
      {
        file: "src/log/checkpoint.ts",
        find: "return this.isHeld && this.#heldOffset <= durable;",
        replace: "return this.isHeld && durable >= 0;",
      },
      {
        file: "src/log/checkpoint.ts",
        find: "    this.recoveryPoint = offset;\n",
        replace: "    this.recoveryPoint = Math.min(offset, partition.durable.offset);\n",
      },
      {
        file: "src/log/snapshot_files.ts",
        find: "    if (above.length === 0) return;\n",
        replace: "    if (above.length >= 0) return;\n",
      },
    ],
  },
  {
    name: "zeros written ahead stay behind the log",
    edits: [{
      file: "src/log/written_ahead.ts",
      find: "  const result = libc.ftruncate(segment.file!.fd, segment.size);\n",
      replace: "  const result = segment.size < 0 ? libc.ftruncate(segment.file!.fd, 0) : 0;\n",
    }],
  },
  {
    name: "zeros written ahead taken for damage",
    edits: [{
      file: "src/log/recovery.ts",
      find: "    if (this.#scan.expected !== next || ",
      replace: "    if (next > 0 || this.#scan.expected !== next || ",
    }],
  },
  {
    name: "the catalogue names partitions whose directories are not durable",
    edits: [{
      file: "src/log/topic_directories.ts",
      find: '    throw error;\n  }\n  must(libc.fsync(dataFd), "sync the data directory");\n',
      replace: "    throw error;\n  }\n",
    }],
  },
  {
    name: "partitions acknowledged before the catalogue has them",
    edits: [{
      file: "src/log/keeper.ts",
      find: "nodeEpoch, this.syncs, entry.partitions);\n    return this.#replace(grown);\n",
      replace: "nodeEpoch, this.syncs, entry.partitions);\n    return grown;\n",
    }],
  },
  {
    name: "settings acknowledged before the catalogue has them",
    edits: [{
      file: "src/log/keeper.ts",
      find: SETTINGS_KEPT,
      replace: "    return { ...entry, config };\n",
    }],
  },
  {
    name: "settings of one change become durable one after another",
    edits: [{
      file: "src/log/keeper.ts",
      find: SETTINGS_KEPT,
      replace: "    for (let end = 1; end < config.length; end += 1) {\n" +
        "      this.#replace({ ...entry, config: config.slice(0, end) });\n" +
        "    }\n" +
        SETTINGS_KEPT,
    }],
  },
  {
    name: "settings that were refused stay in force",
    edits: [{
      file: "src/log/data_directory.ts",
      find: "      Object.assign(this.catalogue, before);\n",
      replace:
        "      Object.assign(this.catalogue, { ...before, topics: this.catalogue.topics });\n",
    }],
  },
  {
    name: "who waits for a sync is answered by the write when the level falls",
    edits: [{
      file: "src/broker/alter_topic.ts",
      find: "  log.levelChanged();\n",
      replace: "  log.levelChanged();\n" +
        "  if (log.config.durability !== Level.fsync) log.durable.copyFrom(log.written);\n",
    }, {
      file: "src/broker/alter_topic.ts",
      find: "import type { ConfigEntry,",
      replace: 'import { Level } from "../format/levels.ts";\nimport type { ConfigEntry,',
    }],
  },
  {
    name: "a cold read that failed wakes nobody",
    edits: [{
      file: "src/broker/cold_reads.ts",
      find: "      if (position < stream.until) this.#finish(stream, result);\n",
      replace: "",
    }],
  },
  {
    name: "a file is let go while the worker is to read it",
    edits: [{
      file: "src/broker/cold_reads.ts",
      find: "    stream.hold();\n",
      replace: "",
    }],
  },
  {
    name: "a fetch that was answered is answered again when its bytes come",
    edits: [{
      file: "src/broker/broker.ts",
      find: "    this.coldReads?.forget(waiter);\n",
      replace: "",
    }],
  },
  {
    name: "where cachestat is refused nothing is ever taken for read",
    edits: [
      {
        file: "src/log/residency.ts",
        find: '      if (result !== -EINTR) this.#fallBack("probe", "cachestat", -result);\n',
        replace: "      return false;\n",
      },
      {
        file: "src/broker/read_slice.ts",
        find: "tries < COLD_TRIES_MAX ? broker.guarding",
        replace: "tries >= 0 * COLD_TRIES_MAX ? broker.guarding",
      },
    ],
  },
];

/** In what main keeps about topics; keeper_crash.ts has to find them, in these words. */
export const KEEPER_BUGS: readonly (PlantedBug & { readonly words: RegExp })[] = [
  {
    name: "partitions in the catalogue before their directories are made",
    words: /b-\d of topic b is missing/,
    edits: [
      {
        file: "src/log/keeper.ts",
        find: "nodeEpoch, this.syncs, entry.partitions);\n    return this.#replace(grown);\n",
        replace: "nodeEpoch, this.syncs, entry.partitions);\n    return grown;\n",
      },
      {
        file: "src/log/keeper.ts",
        find: "    const grown = { ...entry, partitions: growingTo };\n",
        replace: "    const grown = this.#replace({ ...entry, partitions: growingTo });\n",
      },
    ],
  },
  {
    name: "a growth forgotten before its directories are gone",
    words: /directories of no topic/,
    edits: [{
      file: "src/log/keeper.ts",
      find: "    const topic = entry as TopicEntry;\n",
      replace: "    const topic = this.#replace(entry as TopicEntry);\n",
    }],
  },
  {
    name: "a growth that no start undoes",
    words: /b is growing/,
    edits: [{
      file: "src/log/keeper.ts",
      find: "      attempt(() => this.abandonGrow(topic.name));\n",
      replace: "",
    }],
  },
  {
    name: "settings in force that are not durable",
    words: /b keeps {2}of 7/,
    edits: [{
      file: "src/log/keeper.ts",
      find: SETTINGS_KEPT,
      replace: "    return Object.assign(entry, { config });\n",
    }],
  },
];
