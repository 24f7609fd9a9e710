/**
 * Every limit of the broker, in one place, with the relations between them asserted as this file
 * loads. Above a limit the shard stops reading or answers with a typed error; it never drops what
 * it took.
 */

import { assert } from "./base/assert.ts";
import { GiB, KiB, MiB } from "./base/units.ts";

/** Frame before `hello`: room for a token and a client name, no more for a stranger. */
export const FRAME_SIZE_MAX_BEFORE_HELLO: number = 8 * KiB;
/** Characters of a client's name: kept as long as the connection, and listed with all others. */
export const CLIENT_NAME_LENGTH_MAX = 255;
/** Frame after `hello`, all bytes counted. */
export const FRAME_SIZE_MAX: number = 100 * MiB;

/** Kafka's default for `max.message.bytes`: 1 MiB and the 12 bytes before the counted part. */
export const BATCH_SIZE_MAX_DEFAULT = 1048588;
/** Lower bound of the setting: a batch header. */
export const BATCH_SIZE_MIN = 61;
/** Upper bound of the setting: a frame holds the batch and its request header. */
export const BATCH_SIZE_MAX_LIMIT: number = 64 * MiB;

/** A position in an index entry is an int32. */
export const SEGMENT_SIZE_MAX = 2147483647;
export const SEGMENT_SIZE_DEFAULT: number = 1 * GiB;
export const SEGMENT_SIZE_MIN: number = 1 * KiB;
/** Bytes of log for which the offset index holds one entry. */
export const INDEX_INTERVAL_BYTES: number = 4 * KiB;

/** Zeros behind the log of an active segment, in steps of this size; none before it has so much. */
export const WRITTEN_AHEAD_BYTES: number = 128 * KiB;
/** Syncs of more bytes do without: a step costs the sync that covers it. */
export const WRITTEN_AHEAD_GROUP_MAX: number = 32 * KiB;

/** Kafka's defaults: a week. */
export const SEGMENT_MS_DEFAULT = 604800000;
export const RETENTION_MS_DEFAULT = 604800000;
/** Upper bound of ages and sizes in topic settings: 15 digits, exact in a number. */
export const RETENTION_SETTING_MAX = 999999999999999;

/** A partition's recovery point moves after so many bytes or milliseconds. */
export const CHECKPOINT_BYTES: number = 48 * MiB;
export const CHECKPOINT_MS = 60000;
/** How often a long start says how far it is. */
export const RECOVERY_TELL_MS = 500;
/** Every partition is looked at so often for rolls, retention and checkpoints. */
export const SWEEP_MS = 1000;
export const SWEEP_PARTITIONS_MAX = 64;
/** Segments whose timestamps are looked at in a turn. */
export const TIMESTAMP_LOOKS_MAX = 4;
/**
 * Where timestamps fall for so long, entries of a time index stand so far apart that one walk over
 * the whole segment is the better use of the time: what it finds needs no second look.
 */
export const TIME_CONFIRM_SIZE_MAX: number = 1 * MiB;
/** Partitions of a new topic that a turn opens. */
export const OPENS_PER_TURN = 8;
/** An idempotent producer that wrote nothing for so long is forgotten: Kafka's default. */
export const PRODUCER_EXPIRATION_MS = 86400000;
/** For so long the clocks run in step before age deletes anything, and what a jump is. */
export const CLOCK_CONFIRM_MS = 600000;
export const CLOCK_JUMP_MS = 60000;

export const FLUSH_MS_DEFAULT = 100;
export const FLUSH_MS_MAX = 3600000;

/** Bytes that one fetch may ask for; a single larger batch is sent all the same. */
export const FETCH_SIZE_MAX: number = 64 * MiB;
export const FETCH_WAIT_MS_MAX = 600000;

/** Bytes of one push; a single larger batch is sent all the same. */
export const PUSH_SIZE_MAX: number = 1 * MiB;
/** Bytes that a subscription may have in advance. */
export const CREDIT_MAX: number = 1 * GiB;
/** How long a paced subscription rests at the most. */
export const PUSH_INTERVAL_MS_MAX = 1000;
/** Unsent bytes of a connection, files counted, from which on nothing is pushed to it. */
export const PUSH_UNSENT_MAX: number = 256 * KiB;
/** Pushes to one connection in a turn: small ones must not keep the others waiting. */
export const PUSHES_PER_TURN = 64;
export const SUBSCRIPTIONS_PER_CONNECTION_MAX = 16384;

/** Cold reads: how far ahead of one reader the worker reads, and in what pieces. */
export const COLD_WINDOW_MIN: number = 1 * MiB;
export const COLD_WINDOW_MAX: number = 4 * MiB;
export const COLD_PIECE: number = 1 * MiB;
/** How far beyond what the worker reads the kernel may read ahead. */
export const COLD_KERNEL_AHEAD_MAX: number = 16 * MiB;
/** Pieces while there are syncs: one is on the disk before the next sync waits long. */
export const COLD_PIECE_SYNCING: number = 256 * KiB;
/** For so long after a sync the next one is expected. */
export const COLD_SYNCING_MS = 50;
/** Bytes that the worker of a shard has been asked for and has not reported. */
export const COLD_IN_FLIGHT_DEFAULT: number = 4 * MiB;
/** A fetch of cold bytes waits no longer than this, or than it asked for, if that is more. */
export const COLD_WAIT_MS = 10000;
/** Then the answer may wait for the disk after all: something evicts faster than we read. */
export const COLD_TRIES_MAX = 4;
/** Headers on the disk are read with so much of what follows, and with more the further it goes. */
export const COLD_HEADERS_MIN: number = 16 * KiB;
/** A walk over headers reads no more often in one step. */
export const COLD_READS_MAX = 4096;
/** Readers of a partition that are remembered. */
export const COLD_READERS_MAX = 8;
/** A reader that asked for nothing for so long holds back no page from leaving the cache. */
export const COLD_READER_IDLE_MS = 30000;
/** What was written within some of these is in the page cache without asking. */
export const COLD_FRESH_MS = 1000;
/** What was found in the page cache is not looked at again for so long, in chunks of this size. */
export const COLD_SEEN_MS = 1000;
export const COLD_SEEN_CHUNK: number = 256 * KiB;
export const COLD_SEEN_CHUNKS_MAX = 8192;
/** Ranges leave the cache in multiples of this: a folio, which may be so large, goes as a whole. */
export const COLD_DROP_STEP: number = 2 * MiB;

/** Requests of one connection that are executed and not yet answered. */
export const REPLY_SLOTS = 64;
/** Unsent bytes of replies above which a connection's frames are left unread. */
export const REPLY_BYTES_PAUSE: number = 1 * MiB;
/** Elements of one list in a body: an element of two bytes becomes an object of many. */
export const LIST_ELEMENTS_MAX = 65536;
/** Topics that one metadata request may name: each is looked up, sorted and described. */
export const METADATA_TOPICS_MAX = 1024;
/** Topics that a reply lists where all are asked for, some at a time; about a millisecond. */
export const TOPICS_LISTED_MAX = 256;
/** Topics and partitions that a client of ours has described at a time: no turn is long by that. */
export const DESCRIBED_AT_ONCE = 32;
/** Places of one offset_times request; also those that are read in the background. */
export const OFFSET_TIMES_MAX = 256;
/** Groups of one group_lags request, and its partitions whose lag is told in time. */
export const GROUP_LAGS_MAX = 128;
/** Offsets of groups that a client of ours asks about at a time: no turn is long by that. */
export const GROUP_LAGS_AT_ONCE = 12;
export const HANDLES_PER_CONNECTION_MAX = 65536;
/** Queued file slices of one connection above which its frames are left unread. */
export const SLICES_PAUSE: number = REPLY_SLOTS;
/** Frames of one connection that a turn executes, and about what it sends there. */
export const FRAMES_PER_TURN = 256;
export const SEND_TURN_BYTES: number = 1 * MiB;

export const CONNECTIONS_MAX = 16384;
/** With room for fewer connections than this a shard does not start. */
export const CONNECTIONS_MIN = 16;
/** Descriptors beside connections, active segments and open sealed ones. */
export const DESCRIPTORS_SPARE = 64;
/** Sealed segments that stay open to be read. */
export const OPEN_SEALED_MAX = 256;

/** Nothing asked for and nothing owed for so long: Kafka's default. */
export const IDLE_MS_DEFAULT = 600000;
/** From a frame's first byte to its last. */
export const REQUEST_MS_DEFAULT = 30000;
/** So much longer for each MiB of it that has come: a large batch on a slow link is no attack. */
export const REQUEST_MS_PER_MIB = 1000;
/** From the connection to the end of `hello`. */
export const HELLO_MS_DEFAULT = 10000;
/** Replies wait and the client takes none of them. A consumer may think before it reads on. */
export const WRITE_MS_DEFAULT = 60000;
export const CONNECTION_MS_MAX = 86400000;
/** Blocks lent to partial frames; above it large frames take turns. */
export const RECEIVE_BUDGET_DEFAULT: number = 128 * MiB;
/** Blocks lent to unsent replies; above it a connection that has some is not read. */
export const SEND_BUDGET_DEFAULT: number = 64 * MiB;
export const BUDGET_MIN: number = 1 * MiB;
/** A partial frame that stays so long moves into a block of its size. */
export const SETTLE_MS = 1000;
/** The loop's clock leaps over what a turn takes above this: a stopped process, a slow disk. */
export const STALL_MS = 100;

/** What one `recv` takes at the most, and the block it goes to. */
export const RECEIVE_SIZE: number = 128 * KiB;
/** The smallest block of the pools: what a partial frame holds that does not go on. */
export const BLOCK_SIZE_MIN: number = 1 * KiB;
/** A block of a large frame holds at most so many times what has arrived of it. */
export const BLOCK_GROWTH = 16;
/** The largest block of the pool: a frame, and the power of two above it. */
export const BLOCK_SIZE_MAX: number = 128 * MiB;
/** Receive buffers whose batches are checksummed by vectors, in all and each; others by tables. */
export const FAST_MEMORY_SIZE: number = 64 * MiB;
export const FAST_BLOCK_SIZE_MAX: number = 2 * MiB;
/** A partial frame above this size is received alone, so that nothing behind it needs moving. */
export const LARGE_FRAME_SIZE: number = 64 * KiB;
/** First block of a reply; it grows for large answers such as metadata. */
export const REPLY_BLOCK_SIZE: number = 16 * KiB;

/** IOV_MAX of Linux. */
export const VECTOR_ENTRIES_MAX = 1024;
export const READY_EVENTS_MAX = 512;
export const SYNCS_IN_FLIGHT_MAX = 256;
/** Partitions that a start opens beside each other; each has one descriptor more meanwhile. */
export const OPENED_AT_ONCE = 1024;
/** Partitions whose directories are made beside each other; each has two descriptors meanwhile. */
export const DIRECTORIES_MADE_AT_ONCE = 128;
/** A start that takes longer says how far it is. */
export const START_PROGRESS_MS = 3000;
/** From so many unclean stops in a row on a start waits, twice as long each time. */
export const RESTART_WAIT_FROM = 5;
export const RESTART_WAIT_MS_DEFAULT = 10000;
export const RESTART_WAIT_MS_MAX_DEFAULT = 300000;
/** Who has served for so long has started well. */
export const RESTART_SHORT_MS_DEFAULT = 30000;
export const RESTART_MS_MAX = 3600000;
/** Workers that sync where AIO is refused. */
export const SYNC_WORKERS = 4;
/** From so many dirty partitions on one `syncfs` is cheaper; see bench/sync_fan_in.ts. */
export const SYNCFS_FILES_MIN = 256;
/** A group waits for the clients just acknowledged: this share of the average sync, at most so. */
export const WAIT_SHARE_DEFAULT = 0.5;
export const GROUP_WAIT_MS_MAX = 1;
/** Written and not synced, in a shard: above it producers are not read. */
export const UNSYNCED_BYTES_MAX: number = 64 * MiB;
/** Indexes and snapshots of one sync. */
export const LOOSE_PER_SYNC_MAX = 30;
/** Sealed segments of one sync; with those, directory and active segment half of the above. */
export const SEALED_PER_SYNC_MAX: number = SYNCS_IN_FLIGHT_MAX / 2 - LOOSE_PER_SYNC_MAX - 2;

/** The steps of one turn in so many are timed, and what is counted as a slow turn. */
export const LOOP_MARK_EVERY = 8;
export const LOOP_SLOW_MS = 10;
/** Blocks of a removed file are freed in slices of this size. */
export const CUT_BYTES: number = 16 * MiB;
/** Below so much free, at most the 20th part of the disk, nothing is appended. */
export const DISK_LOW_BYTES_MAX: number = 64 * MiB;
export const DISK_LOW_DIVISOR = 20;
/** Room kept in a file for what makes room, at most the 64th part of the disk. */
export const RESERVE_BYTES_MAX: number = 8 * MiB;
export const RESERVE_DIVISOR = 64;
/** The bound of all logs together: less would be no room for a broker's own files. */
export const TOTAL_RETENTION_MIN: number = 32 * MiB;
/** Under a bound no segment is larger than this part of it, so that what goes goes in pieces. */
export const BOUND_SEGMENTS = 16;
/** Producers wait at so much below the bound, and what is oldest leaves from three times that. */
export const BOUND_STEP_DIVISOR = 32;
export const BOUND_STEP_MIN: number = 2 * MiB;
export const BOUND_STEP_MAX: number = 256 * MiB;
/** Files of a segment, and of a partition beside its segments, in blocks of a disk. */
export const SEGMENT_FILES_BYTES: number = 12 * KiB;
export const PARTITION_FILES_BYTES: number = 20 * KiB;
/** Producer snapshots that a partition may have at one time. */
export const SNAPSHOTS_MAX = 3;
/** The small files of main, beside the reserve. */
export const MAIN_FILES_BYTES: number = 1 * MiB;

/** Bytes of UTF-8. */
export const GROUP_ID_SIZE_MAX = 255;
/** Bytes that a group may say beside an offset: Kafka's default of offset.metadata.max.bytes. */
export const OFFSET_METADATA_SIZE_MAX = 4096;
/** Offsets of one commit, and records of one batch in `__consumer_offsets`. */
export const OFFSETS_PER_COMMIT_MAX = 1024;
/** A group's offsets are one reply. */
export const OFFSETS_PER_GROUP_MAX = 20000;
/** About what the committed offsets of all groups may take in the memory of a shard. */
export const OFFSETS_BYTES_MAX: number = 256 * MiB;
/** Kafka's record, key and value, beside group, topic and metadata; and what a reply adds. */
const OFFSET_RECORD_OVERHEAD = 96;
/** `__consumer_offsets` as it is made: partitions, and settings of Kafka's names. */
export const OFFSETS_PARTITIONS = 8;
export const OFFSETS_BATCH_SIZE_MAX: number = 8 * MiB;
export const OFFSETS_SEGMENT_BYTES: number = 100 * MiB;
/** Bytes of it that are loaded in a turn, and before clients are let in. */
export const OFFSETS_LOAD_BYTES: number = 128 * KiB;
export const OFFSETS_LOAD_FIRST_BYTES: number = 4 * MiB;
/** Commits that wait for the topic to be made. */
export const OFFSETS_WAITING_MAX = 1024;
/** Where the batches of a turn are encoded. */
export const OFFSETS_ARENA_BYTES: number = 256 * KiB;
/** Kafka's: so many producer ids are taken from the catalogue at one time. */
export const PRODUCER_ID_BLOCK = 1000;

/** The HTTP door: clients at the same time. */
export const HTTP_CONNECTIONS_DEFAULT = 64;
export const HTTP_CONNECTIONS_MAX = 4096;
/** Request line and headers of one request: how large, and how long they may take. */
export const HTTP_HEAD_SIZE_MAX: number = 16 * KiB;
export const HTTP_HEADERS_MAX = 256;
export const HTTP_HEAD_MS = 10000;
/** A JSON request from its first byte to its last. */
export const HTTP_REQUEST_MS = 15000;
export const HTTP_BODY_SIZE_MAX: number = 64 * KiB;
/** A client that asks for nothing more is let go. */
export const HTTP_KEEP_ALIVE_MS = 5000;
/** What is being answered at a stop has so long. */
export const HTTP_DRAIN_MS = 5000;
/** Entries of one page of a list. */
export const HTTP_PAGE_DEFAULT = 100;
export const HTTP_PAGE_MAX = 1000;
/** Records over HTTP: a body of one value or one list, and one line of a stream. */
export const HTTP_RECORDS_SIZE_MAX: number = 4 * MiB;
/** Records of one list, and of one answer. */
export const HTTP_RECORDS_MAX = 10000;
export const HTTP_RECORDS_DEFAULT = 100;
/** Bytes of one answer; a single larger record, or batch, is sent all the same. */
export const HTTP_READ_SIZE_DEFAULT: number = 1 * MiB;
export const HTTP_READ_SIZE_MAX: number = 4 * MiB;
/** Records of one compressed batch, decompressed: they are read on the main thread. */
export const HTTP_DECOMPRESSED_SIZE_MAX: number = 32 * MiB;
/** How long a reader may wait for a record. */
export const HTTP_WAIT_MS_MAX = 30000;
/** A body that comes as a stream may pause so long, and who does not read its answer. */
export const HTTP_STREAM_IDLE_MS = 30000;
/** Records of one stream that were taken and are not acknowledged, and of all of them. */
export const HTTP_UNACKNOWLEDGED_MAX = 1024;
export const HTTP_UNACKNOWLEDGED_BYTES: number = 1 * MiB;
export const HTTP_PRODUCER_BYTES: number = 16 * MiB;
/** A record that is not acknowledged for so long fails. */
export const HTTP_DELIVERY_MS = 30000;
/** Partitions of all event streams together: each may hold its credit and one batch. */
export const HTTP_STREAM_PARTITIONS_MAX = 256;
/** Of one event stream: unread bytes of batches, and text that is made at once. */
export const HTTP_STREAM_CREDIT: number = 1 * MiB;
export const HTTP_STREAM_PIECE: number = 64 * KiB;
/** So far apart its records come in groups where there are many: the data path feels it less. */
export const HTTP_STREAM_PUSH_MS = 25;
/** An event stream that has nothing to say says so; who lost it comes back after so long. */
export const HTTP_HEARTBEAT_MS = 15000;
export const HTTP_RECONNECT_MS = 1000;
/** `partition:offset,` at its longest. */
export const HTTP_POSITION_SIZE_MAX = 22;
/** A ticket for a stream: from its issue to the first use, and from an end to the next use. */
export const HTTP_TICKET_MS = 30000;
export const HTTP_TICKETS_MAX = 1024;
/** What metrics name one by one: topics, groups, and topics of groups. Others stand together. */
export const METRICS_TOPICS_MAX = 200;
export const METRICS_GROUPS_MAX = 100;
export const METRICS_GROUP_TOPICS_MAX = 500;

export const TOPIC_NAME_SIZE_MAX = 249;
export const PARTITIONS_PER_TOPIC_MAX = 1024;
export const PARTITIONS_PER_SHARD_MAX = 65536;

/** Room for a path in sockaddr_un, without the final zero. */
export const UNIX_PATH_SIZE_MAX = 107;

assert(
  SEALED_PER_SYNC_MAX > 0 &&
    SEALED_PER_SYNC_MAX + LOOSE_PER_SYNC_MAX + 2 <= SYNCS_IN_FLIGHT_MAX / 2,
  "the tables hold a sync beside what is in flight",
);
assert(
  RESERVE_BYTES_MAX <= DISK_LOW_BYTES_MAX / 2 && RESERVE_DIVISOR > 2 * DISK_LOW_DIVISOR,
  "the reserve fits twice into what producers leave free",
);
assert(
  RESERVE_BYTES_MAX + MAIN_FILES_BYTES + 4 * BOUND_STEP_MIN < TOTAL_RETENTION_MIN,
  "the smallest bound has room for records",
);
assert(BOUND_STEP_MIN > BATCH_SIZE_MAX_DEFAULT, "the last batch before the wait has its room");
assert(WRITTEN_AHEAD_GROUP_MAX <= WRITTEN_AHEAD_BYTES, "a step has room for a group");
assert(
  OFFSETS_PER_COMMIT_MAX *
      (GROUP_ID_SIZE_MAX + TOPIC_NAME_SIZE_MAX + OFFSET_METADATA_SIZE_MAX +
        OFFSET_RECORD_OVERHEAD) < OFFSETS_BATCH_SIZE_MAX,
  "the largest commit is one batch",
);
assert(
  OFFSETS_PER_GROUP_MAX *
      (TOPIC_NAME_SIZE_MAX + OFFSET_METADATA_SIZE_MAX + OFFSET_RECORD_OVERHEAD) < FRAME_SIZE_MAX,
  "the offsets of a group are one reply",
);
assert(OFFSETS_PER_GROUP_MAX <= LIST_ELEMENTS_MAX, "and one list");
assert(OFFSETS_BATCH_SIZE_MAX <= BATCH_SIZE_MAX_LIMIT, "the setting is in its range");
assert(CHECKPOINT_BYTES + BATCH_SIZE_MAX_DEFAULT <= 64 * MiB, "recovery scans no more");
assert(COLD_PIECE_SYNCING <= COLD_PIECE, "slower while syncs are pending");
assert(COLD_PIECE <= COLD_IN_FLIGHT_DEFAULT, "one piece fits the budget");
assert(2 * TIME_CONFIRM_SIZE_MAX <= COLD_READS_MAX * KiB / 2, "an entry is confirmed in one step");
assert(COLD_SEEN_MS <= COLD_FRESH_MS, "what was seen is believed no longer than what was written");
assert(COLD_HEADERS_MIN <= COLD_PIECE, "what follows a header is one piece at the most");
assert(COLD_WINDOW_MAX <= COLD_IN_FLIGHT_DEFAULT, "one reader alone can be served at full speed");
assert(HTTP_HEAD_MS < HTTP_REQUEST_MS, "a head is part of a request");
assert(HTTP_RECORDS_SIZE_MAX <= BATCH_SIZE_MAX_LIMIT, "a value may be a record of some topic");
assert(HTTP_WAIT_MS_MAX <= FETCH_WAIT_MS_MAX, "the shard waits as long");
assert(
  HTTP_STREAM_PARTITIONS_MAX * HTTP_POSITION_SIZE_MAX < HTTP_HEAD_SIZE_MAX / 2,
  "Last-Event-ID fits a head",
);
assert(METRICS_TOPICS_MAX <= TOPICS_LISTED_MAX, "one request tells all of them");
assert(METRICS_GROUPS_MAX <= METRICS_GROUP_TOPICS_MAX, "each group has a topic");
assert(GROUP_LAGS_AT_ONCE <= GROUP_LAGS_MAX, "of all of them the time is told");
assert(HTTP_PAGE_MAX <= METADATA_TOPICS_MAX, "one request describes the topics of a page");
assert(FRAME_SIZE_MAX_BEFORE_HELLO < FRAME_SIZE_MAX, "a stranger gets less");
assert(PARTITIONS_PER_SHARD_MAX <= LIST_ELEMENTS_MAX, "metadata can list every topic");
assert(BATCH_SIZE_MAX_LIMIT + 4 * KiB <= FRAME_SIZE_MAX, "a frame holds the largest batch");
assert(FETCH_SIZE_MAX + BATCH_SIZE_MAX_DEFAULT < FRAME_SIZE_MAX, "a fetch reply is a frame");
assert(PUSH_SIZE_MAX <= FETCH_SIZE_MAX, "a push is a frame as a fetch reply is");
assert(FRAME_SIZE_MAX <= BLOCK_SIZE_MAX, "a block holds the largest frame");
assert(
  FRAME_SIZE_MAX + 2 * REPLY_BYTES_PAUSE <= BLOCK_SIZE_MAX,
  "a block holds the largest reply behind those that may wait",
);
assert(BATCH_SIZE_MAX_LIMIT <= SEGMENT_SIZE_MAX, "a segment holds the largest batch");
assert(BATCH_SIZE_MAX_DEFAULT < FAST_BLOCK_SIZE_MAX, "usual batches are checksummed fast");
assert(RECEIVE_SIZE < FAST_BLOCK_SIZE_MAX, "what one recv takes is checksummed fast");
assert(FAST_BLOCK_SIZE_MAX <= FAST_MEMORY_SIZE, "there is room for a block");
assert(LARGE_FRAME_SIZE <= RECEIVE_SIZE, "small frames share a block");
assert(BLOCK_GROWTH * RECEIVE_SIZE > BATCH_SIZE_MAX_DEFAULT + 4 * KiB, "a usual batch grows once");
assert(SETTLE_MS < REQUEST_MS_DEFAULT, "a partial frame settles before it is given up");
assert(HELLO_MS_DEFAULT < IDLE_MS_DEFAULT, "a stranger gets less time");
assert(FRAME_SIZE_MAX_BEFORE_HELLO <= REPLY_BLOCK_SIZE, "an error reply fits a fresh block");
