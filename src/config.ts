/**
 * Configuration of a broker: what may be set, the defaults, and one check for all ways in
 * (command line, environment, embedded).
 */

import { z } from "zod";
import { type Address, ConfigError, isLoopback } from "./address.ts";
import { DISK_SHARE_FORMS, isDiskShare } from "./base/disk_share.ts";
import { GiB } from "./base/units.ts";
import { DEFAULTS } from "./config_defaults.ts";
import { settingText } from "./config_texts.ts";
import {
  BATCH_SIZE_MAX_LIMIT,
  BATCH_SIZE_MIN,
  BUDGET_MIN,
  COLD_PIECE,
  CONNECTION_MS_MAX,
  CONNECTIONS_MAX,
  FLUSH_MS_MAX,
  HTTP_CONNECTIONS_MAX,
  PARTITIONS_PER_TOPIC_MAX,
  RESTART_MS_MAX,
  RETENTION_SETTING_MAX,
  SEGMENT_SIZE_MAX,
  SEGMENT_SIZE_MIN,
  UNSYNCED_BYTES_MAX,
} from "./limits.ts";

/** What connections may take. Milliseconds and bytes. */
export interface ConnectionsConfig {
  /** Clients in all; fewer where the limit of open files leaves no room. */
  max: number;
  /** Clients from one address; 0: any number. */
  perAddressMax: number;
  /** Nothing asked for, nothing owed for so long: closed. */
  idleMs: number;
  /** From a frame's first byte to its last, and a second more for each MiB that has come of it. */
  requestMs: number;
  /** From the connection to the end of `hello`. */
  helloMs: number;
  /** Replies wait, and the client takes none of them. */
  writeMs: number;
  /** Memory of frames on their way in: above it large frames take turns. */
  receiveBudgetBytes: number;
  /** Memory of replies that wait: above it a connection that has some is not read. */
  sendBudgetBytes: number;
}

export interface BrokerConfig {
  /** Data directory; created when it is absent or empty. */
  dataDirectory: string;
  /** Listener of the native protocol. */
  native: Address;
  /** Where clients reach it, behind a port mapping; undefined: where it listens. */
  nativeAdvertised?: Address | undefined;
  /** Other machines may reach the listeners, although nothing is encrypted or authenticated. */
  insecure: boolean;
  /** Where the shard's Unix socket lies; default: `run` in the data directory. */
  runDirectory?: string | undefined;
  /** Create an absent or empty data directory. Off where an empty one is a disk not mounted. */
  initialise: boolean;
  /** What `serve` says goes to standard output, in this form; undefined: messages to stderr. */
  logFormat?: "text" | "json" | undefined;
  http: HttpConfig;
  connections: ConnectionsConfig;
  sync: SyncConfig;
  coldReads: ColdReadsConfig;
  retention: RetentionConfig;
  restarts: RestartsConfig;
  /** From here on Kafka's names. A topic that is opened and is not there is created. */
  "auto.create.topics.enable": boolean;
  /** Partitions of a topic that is created so. */
  "num.partitions": number;
  /** What topics have that do not say: their durability, flush.ms, segment.bytes, … */
  "log.durability": "fsync" | "interval" | "os";
  "log.flush.interval.ms": number;
  "log.segment.bytes": number;
  "log.roll.ms": number;
  "log.roll.jitter.ms": number;
  /** -1: without end, both. */
  "log.retention.ms": number;
  "log.retention.bytes": number;
  "log.cleanup.policy": "delete" | "compact" | "compact,delete" | "delete,compact";
  "message.max.bytes": number;
}

/** The HTTP door; see src/admin/serve.ts. */
export interface HttpConfig {
  /** Off: `serve` opens no HTTP door, neither on TCP nor on its Unix socket. */
  enabled: boolean;
  listen: Address;
  /** Where clients reach it, behind a port mapping: one more that the header Host may say. */
  advertised?: Address | undefined;
  /**
   * Names besides its address under which it is asked (the header Host), with commas between:
   * `broker.example,10.0.0.5:80`. Without a port it is that of the listener.
   */
  hosts: string;
  /** Clients at the same time. */
  connectionsMax: number;
}

/** Reads of what is not in the page cache; see src/broker/cold_reads.ts. */
export interface ColdReadsConfig {
  /** Off: `sendfile` waits for the disk and holds up every client. For comparison only. */
  guard: boolean;
  /** How it is found out what is in the page cache; it falls back by itself where it must. */
  method: "cachestat" | "probe";
  /** Bytes that a shard reads from the disk at one time, for all its readers. */
  inFlightBytes: number;
}

/** What is kept of all topics together; see src/log/bound.ts. */
export interface RetentionConfig {
  /** `none`, a percentage of the disk (`80%`) or a size (`4GiB`). */
  total: string;
}

/** What a start does after many unclean stops; see src/server/unclean_stops.ts. */
export interface RestartsConfig {
  /** The first wait; 0: a start never waits. */
  waitMs: number;
  /** The longest one. */
  waitMsMax: number;
  /** A run that served for longer does not count. */
  shortMs: number;
}

/** How written bytes get to disk. */
export interface SyncConfig {
  /**
   * auto: Linux AIO, or workers where it is refused; for very many files at once `syncfs`, where
   * the data directory is a file system of its own. aio, pool: this and nothing else. filesystem:
   * as auto, and `syncfs` also where it writes out files of others.
   */
  method: "auto" | "aio" | "pool" | "filesystem";
  /** From so many dirty partitions on it is `syncfs`, where that may be used. */
  fileSystemFilesMin: number;
  /**
   * The share of the average sync that a group waits for the clients just acknowledged, 0 to 1; 0:
   * it never waits.
   */
  waitShare: number;
  /** Zeros are written behind the log before small syncs, on ext4 and XFS; see ADR 5. */
  writeAhead: boolean;
  /** Written and not synced, in bytes: above it producers are not read. */
  unsyncedBytesMax: number;
}

/** What a caller gives; the rest follows the defaults. */
export type BrokerOptions =
  & { [K in keyof Omit<BrokerConfig, Areas>]?: BrokerConfig[K] | undefined }
  & {
    [K in Areas]?: { [S in keyof BrokerConfig[K]]?: BrokerConfig[K][S] | undefined } | undefined;
  };

/** Settings that are objects: each of their values may be left out too. */
type Areas = "http" | "connections" | "sync" | "coldReads" | "retention" | "restarts";

/** A setting that is written as HOST:PORT wherever it is text. */
const address = z.object({
  host: z.string().min(1),
  port: z.number().int().min(0).max(65535),
}).meta({ text: "address" });

/** Of a listener as its clients see it: there is no free port to take. */
const advertised = z.object({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65535),
}).meta({ text: "address" });

const milliseconds = z.number().int().min(1).max(CONNECTION_MS_MAX);
const budget = z.number().int().min(BUDGET_MIN);
const clients = z.number().int().max(CONNECTIONS_MAX);
const bytes = z.number().int();
const amount = z.number().int().max(RETENTION_SETTING_MAX);

const HOST_NAMES = /^$|^[\w.-]+(:\d{1,5})?(,[\w.-]+(:\d{1,5})?)*$/;

const http = z.object({
  enabled: z.boolean().default(DEFAULTS.http.enabled).describe(settingText("http.enabled")),
  listen: address.default(DEFAULTS.http.listen).describe(settingText("http.listen")),
  advertised: advertised.optional().describe(settingText("http.advertised")),
  hosts: z.string().regex(HOST_NAMES, "names with commas between, each with or without a port")
    .default(DEFAULTS.http.hosts).describe(settingText("http.hosts")),
  connectionsMax: z.number().int().min(1).max(HTTP_CONNECTIONS_MAX).default(
    DEFAULTS.http.connectionsMax,
  ).describe(settingText("http.connectionsMax")),
});

const connections = z.object({
  max: clients.min(1).default(DEFAULTS.connections.max).describe(settingText("connections.max")),
  perAddressMax: clients.min(0).default(DEFAULTS.connections.perAddressMax).describe(
    settingText("connections.perAddressMax"),
  ),
  idleMs: milliseconds.default(DEFAULTS.connections.idleMs).describe(
    settingText("connections.idleMs"),
  ),
  requestMs: milliseconds.default(DEFAULTS.connections.requestMs).describe(
    settingText("connections.requestMs"),
  ),
  helloMs: milliseconds.default(DEFAULTS.connections.helloMs).describe(
    settingText("connections.helloMs"),
  ),
  writeMs: milliseconds.default(DEFAULTS.connections.writeMs).describe(
    settingText("connections.writeMs"),
  ),
  receiveBudgetBytes: budget.default(DEFAULTS.connections.receiveBudgetBytes).describe(
    settingText("connections.receiveBudgetBytes"),
  ),
  sendBudgetBytes: budget.default(DEFAULTS.connections.sendBudgetBytes).describe(
    settingText("connections.sendBudgetBytes"),
  ),
});

const sync = z.object({
  method: z.enum(["auto", "aio", "pool", "filesystem"]).default(DEFAULTS.sync.method).describe(
    settingText("sync.method"),
  ),
  fileSystemFilesMin: z.number().int().min(1).default(DEFAULTS.sync.fileSystemFilesMin).describe(
    settingText("sync.fileSystemFilesMin"),
  ),
  waitShare: z.number().min(0).max(1).default(DEFAULTS.sync.waitShare).describe(
    settingText("sync.waitShare"),
  ),
  writeAhead: z.boolean().default(DEFAULTS.sync.writeAhead).describe(
    settingText("sync.writeAhead"),
  ),
  unsyncedBytesMax: bytes.min(1).max(UNSYNCED_BYTES_MAX).default(DEFAULTS.sync.unsyncedBytesMax)
    .describe(
      settingText("sync.unsyncedBytesMax"),
    ),
});

const coldReads = z.object({
  guard: z.boolean().default(DEFAULTS.coldReads.guard).describe(settingText("coldReads.guard")),
  method: z.enum(["cachestat", "probe"]).default(DEFAULTS.coldReads.method).describe(
    settingText("coldReads.method"),
  ),
  inFlightBytes: bytes.min(COLD_PIECE).max(GiB).default(DEFAULTS.coldReads.inFlightBytes).describe(
    settingText("coldReads.inFlightBytes"),
  ),
});

const retention = z.object({
  total: z.string().refine(isDiskShare, DISK_SHARE_FORMS).meta({ text: "share" })
    .default(DEFAULTS.retention.total).describe(settingText("retention.total")),
});

const restartMs = z.number().int().min(0).max(RESTART_MS_MAX);
const restarts = z.object({
  waitMs: restartMs.default(DEFAULTS.restarts.waitMs).describe(settingText("restarts.waitMs")),
  waitMsMax: restartMs.default(DEFAULTS.restarts.waitMsMax).describe(
    settingText("restarts.waitMsMax"),
  ),
  shortMs: restartMs.default(DEFAULTS.restarts.shortMs).describe(settingText("restarts.shortMs")),
});

const broker = z.object({
  dataDirectory: z.string().min(1).default(DEFAULTS.dataDirectory).describe(
    settingText("dataDirectory"),
  ),
  native: address.default(DEFAULTS.native).describe(settingText("native")),
  nativeAdvertised: advertised.optional().describe(settingText("nativeAdvertised")),
  insecure: z.boolean().default(DEFAULTS.insecure).describe(settingText("insecure")),
  runDirectory: z.string().min(1).optional().describe(settingText("runDirectory")),
  initialise: z.boolean().default(DEFAULTS.initialise).describe(settingText("initialise")),
  logFormat: z.enum(["text", "json"]).optional().describe(settingText("logFormat")),
  http: http.prefault({}),
  connections: connections.prefault({}),
  sync: sync.prefault({}),
  coldReads: coldReads.prefault({}),
  retention: retention.prefault({}),
  restarts: restarts.prefault({}),
  "auto.create.topics.enable": z.boolean().default(DEFAULTS["auto.create.topics.enable"]).describe(
    settingText("auto.create.topics.enable"),
  ),
  "num.partitions": z.number().int().min(1).max(PARTITIONS_PER_TOPIC_MAX).default(
    DEFAULTS["num.partitions"],
  )
    .describe(settingText("num.partitions")),
  "log.durability": z.enum(["fsync", "interval", "os"]).default(DEFAULTS["log.durability"])
    .describe(
      settingText("log.durability"),
    ),
  "log.flush.interval.ms": z.number().int().min(1).max(FLUSH_MS_MAX).default(
    DEFAULTS["log.flush.interval.ms"],
  )
    .describe(settingText("log.flush.interval.ms")),
  "log.segment.bytes": bytes.min(SEGMENT_SIZE_MIN).max(SEGMENT_SIZE_MAX)
    .default(DEFAULTS["log.segment.bytes"]).describe(settingText("log.segment.bytes")),
  "log.roll.ms": amount.min(1).default(DEFAULTS["log.roll.ms"]).describe(
    settingText("log.roll.ms"),
  ),
  "log.roll.jitter.ms": amount.min(0).default(DEFAULTS["log.roll.jitter.ms"]).describe(
    settingText("log.roll.jitter.ms"),
  ),
  "log.retention.ms": amount.min(-1).default(DEFAULTS["log.retention.ms"]).describe(
    settingText("log.retention.ms"),
  ),
  "log.retention.bytes": amount.min(-1).default(DEFAULTS["log.retention.bytes"]).describe(
    settingText("log.retention.bytes"),
  ),
  "log.cleanup.policy": z.enum(["delete", "compact", "compact,delete", "delete,compact"])
    .default(DEFAULTS["log.cleanup.policy"]).describe(settingText("log.cleanup.policy")),
  "message.max.bytes": bytes.min(BATCH_SIZE_MIN).max(BATCH_SIZE_MAX_LIMIT)
    .default(DEFAULTS["message.max.bytes"]).describe(settingText("message.max.bytes")),
});
const configSchema: z.ZodType<BrokerConfig, BrokerOptions> = broker;

/** What a configuration file and the environment may say: the broker's settings and a client's. */
export const settingsSchema: z.ZodType = z.strictObject({
  ...broker.shape,
  broker: address.default(DEFAULTS.native).describe(settingText("broker")),
});

/** Fills in the defaults. Throws ConfigError. */
export function parseConfig(options: BrokerOptions): BrokerConfig {
  const parsed = configSchema.safeParse(options);
  if (parsed.success) return checkListeners(parsed.data);
  const [issue] = parsed.error.issues;
  const where = issue?.path.join(".") || "configuration";
  throw new ConfigError(`${where}: ${issue?.message ?? "not valid"}`);
}

/** A listener is for this machine alone, unless somebody says otherwise. */
function checkListeners(config: BrokerConfig): BrokerConfig {
  const { native, http, insecure } = config;
  if (insecure) return config;
  if (!isLoopback(native.host)) {
    throw isOpen(`native: ${native.host}`, "there is no authentication yet");
  }
  if (http.enabled && !isLoopback(http.listen.host)) {
    throw isOpen(`http.listen: ${http.listen.host}`, "tokens would cross the network in clear");
  }
  return config;
}

function isOpen(listener: string, danger: string): ConfigError {
  return new ConfigError(
    `${listener} can be reached from other machines, and ${danger}`,
    "Listen on 127.0.0.1, or say --insecure (insecure: true) where the network is trusted.",
  );
}
