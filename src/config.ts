/**
 * Configuration of a broker: what may be set, the defaults, and one check for all ways in
 * (command line, environment, embedded).
 */

import { z } from "zod";
import { type Address, ConfigError, isLoopback } from "./address.ts";
import { GiB } from "./base/units.ts";
import {
  BUDGET_MIN,
  COLD_IN_FLIGHT_DEFAULT,
  COLD_PIECE,
  CONNECTION_MS_MAX,
  CONNECTIONS_MAX,
  HELLO_MS_DEFAULT,
  IDLE_MS_DEFAULT,
  RECEIVE_BUDGET_DEFAULT,
  REQUEST_MS_DEFAULT,
  SEND_BUDGET_DEFAULT,
  SYNCFS_FILES_MIN,
  UNSYNCED_BYTES_MAX,
  WAIT_SHARE_DEFAULT,
  WRITE_MS_DEFAULT,
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
  /** Other machines may reach the listener, although nobody is authenticated. */
  insecure: boolean;
  /** Where the shard's Unix socket lies; default: `run` in the data directory. */
  runDirectory?: string | undefined;
  /** Create an absent or empty data directory. Off where an empty one is a disk not mounted. */
  initialise: boolean;
  connections: ConnectionsConfig;
  sync: SyncConfig;
  coldReads: ColdReadsConfig;
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
type Areas = "connections" | "sync" | "coldReads";

/** A setting that is written as HOST:PORT wherever it is text. */
const address = z.object({
  host: z.string().min(1),
  port: z.number().int().min(0).max(65535),
}).meta({ text: "address" });

const milliseconds = z.number().int().min(1).max(CONNECTION_MS_MAX);
const budget = z.number().int().min(BUDGET_MIN);
const clients = z.number().int().max(CONNECTIONS_MAX);
const bytes = z.number().int();

const connections = z.object({
  max: clients.min(1).default(CONNECTIONS_MAX).describe(
    "Clients at the same time; fewer where the limit of open files is low.",
  ),
  perAddressMax: clients.min(0).default(0).describe("Clients from one address; 0: any number."),
  idleMs: milliseconds.default(IDLE_MS_DEFAULT).describe(
    "A client that asks for nothing and is owed nothing for so long is let go.",
  ),
  requestMs: milliseconds.default(REQUEST_MS_DEFAULT).describe(
    "From the first byte of a frame to its last; a second more for each MiB that has come.",
  ),
  helloMs: milliseconds.default(HELLO_MS_DEFAULT).describe(
    "From the connection to the end of hello.",
  ),
  writeMs: milliseconds.default(WRITE_MS_DEFAULT).describe(
    "Replies wait, and the client takes none of them.",
  ),
  receiveBudgetBytes: budget.default(RECEIVE_BUDGET_DEFAULT).describe(
    "Memory of frames on their way in; above it large frames take turns.",
  ),
  sendBudgetBytes: budget.default(SEND_BUDGET_DEFAULT).describe(
    "Memory of replies that wait; above it a connection that has some is not read.",
  ),
});

const sync = z.object({
  method: z.enum(["auto", "aio", "pool", "filesystem"]).default("auto").describe(
    "How writes get to disk: auto; aio (Linux AIO or nothing); pool (worker threads); filesystem " +
      "(as auto, and for very many files at once syncfs, which also writes out files of others " +
      "on the same disk).",
  ),
  fileSystemFilesMin: z.number().int().min(1).default(SYNCFS_FILES_MIN).describe(
    "From so many dirty partitions on it is syncfs, where that may be used.",
  ),
  waitShare: z.number().min(0).max(1).default(WAIT_SHARE_DEFAULT).describe(
    "Share of the average sync that a group waits for the clients just answered; 0: never.",
  ),
  writeAhead: z.boolean().default(true).describe(
    "Zeros are written behind the log before small syncs, on ext4 and XFS.",
  ),
  unsyncedBytesMax: bytes.min(1).max(UNSYNCED_BYTES_MAX).default(UNSYNCED_BYTES_MAX).describe(
    "Written and not synced; above it producers are not read.",
  ),
});

const coldReads = z.object({
  guard: z.boolean().default(true).describe(
    "What is not in the page cache is read before it is sent, so that it delays nobody.",
  ),
  method: z.enum(["cachestat", "probe"]).default("cachestat").describe(
    "How it is found out what is in the page cache.",
  ),
  inFlightBytes: bytes.min(COLD_PIECE).max(GiB).default(COLD_IN_FLIGHT_DEFAULT).describe(
    "Bytes that are read from the disk at one time, for all readers.",
  ),
});

const broker = z.object({
  dataDirectory: z.string().min(1).default("./sluice-data").describe(
    "Where the log lies; created when it is absent or empty.",
  ),
  native: address.default({ host: "127.0.0.1", port: 7400 }).describe(
    "Listener of the native protocol; port 0 takes a free one.",
  ),
  insecure: z.boolean().default(false).describe(
    "Allow a listener that other machines reach, although nobody is authenticated yet.",
  ),
  runDirectory: z.string().min(1).optional().describe(
    "Directory of the Unix sockets; without it, run in the data directory.",
  ),
  initialise: z.boolean().default(true).describe(
    "Create an absent or empty data directory. Off where an empty one is a disk not mounted.",
  ),
  connections: connections.prefault({}),
  sync: sync.prefault({}),
  coldReads: coldReads.prefault({}),
});
const configSchema: z.ZodType<BrokerConfig, BrokerOptions> = broker;

/** What a configuration file and the environment may say: the broker's settings and a client's. */
export const settingsSchema: z.ZodType = z.strictObject({
  ...broker.shape,
  broker: address.default({ host: "127.0.0.1", port: 7400 }).describe(
    "Broker that the other commands talk to.",
  ),
});

/** Fills in the defaults. Throws ConfigError. */
export function parseConfig(options: BrokerOptions): BrokerConfig {
  const parsed = configSchema.safeParse(options);
  if (parsed.success) return checkListener(parsed.data);
  const [issue] = parsed.error.issues;
  const where = issue?.path.join(".") || "configuration";
  throw new ConfigError(`${where}: ${issue?.message ?? "not valid"}`);
}

/** A listener is for this machine alone, unless somebody says otherwise. */
function checkListener(config: BrokerConfig): BrokerConfig {
  const { host } = config.native;
  if (config.insecure || isLoopback(host)) return config;
  throw new ConfigError(
    `native: ${host} can be reached from other machines, and there is no authentication yet`,
    "Listen on 127.0.0.1, or say --insecure (insecure: true) where the network is trusted.",
  );
}
