/**
 * The configuration where nothing else is said, apart from its schema: a broker whose settings are
 * known to be allowed starts without the library that checks them.
 *
 *     DEFAULTS -> config.ts, which checks        DEFAULTS -> withDefaults, which does not
 *
 * Invariant: `withDefaults` gives what `parseConfig` gives for options that it accepts.
 */

import type { BrokerConfig, BrokerOptions } from "./config.ts";
import {
  BATCH_SIZE_MAX_DEFAULT,
  COLD_IN_FLIGHT_DEFAULT,
  CONNECTIONS_MAX,
  FLUSH_MS_DEFAULT,
  HELLO_MS_DEFAULT,
  HTTP_CONNECTIONS_DEFAULT,
  IDLE_MS_DEFAULT,
  RECEIVE_BUDGET_DEFAULT,
  REQUEST_MS_DEFAULT,
  RESTART_SHORT_MS_DEFAULT,
  RESTART_WAIT_MS_DEFAULT,
  RESTART_WAIT_MS_MAX_DEFAULT,
  RETENTION_MS_DEFAULT,
  SEGMENT_MS_DEFAULT,
  SEGMENT_SIZE_DEFAULT,
  SEND_BUDGET_DEFAULT,
  SYNCFS_FILES_MIN,
  UNSYNCED_BYTES_MAX,
  WAIT_SHARE_DEFAULT,
  WRITE_MS_DEFAULT,
} from "./limits.ts";

/** The one place that says them: the schema of config.ts takes them from here. */
export const DEFAULTS: BrokerConfig = {
  dataDirectory: "./sluice-data",
  native: { host: "127.0.0.1", port: 7400 },
  insecure: false,
  initialise: true,
  http: {
    enabled: true,
    listen: { host: "127.0.0.1", port: 7480 },
    hosts: "",
    connectionsMax: HTTP_CONNECTIONS_DEFAULT,
  },
  connections: {
    max: CONNECTIONS_MAX,
    perAddressMax: 0,
    idleMs: IDLE_MS_DEFAULT,
    requestMs: REQUEST_MS_DEFAULT,
    helloMs: HELLO_MS_DEFAULT,
    writeMs: WRITE_MS_DEFAULT,
    receiveBudgetBytes: RECEIVE_BUDGET_DEFAULT,
    sendBudgetBytes: SEND_BUDGET_DEFAULT,
  },
  sync: {
    method: "auto",
    fileSystemFilesMin: SYNCFS_FILES_MIN,
    waitShare: WAIT_SHARE_DEFAULT,
    writeAhead: true,
    unsyncedBytesMax: UNSYNCED_BYTES_MAX,
  },
  coldReads: {
    guard: true,
    method: "cachestat",
    inFlightBytes: COLD_IN_FLIGHT_DEFAULT,
  },
  retention: { total: "none" },
  restarts: {
    waitMs: RESTART_WAIT_MS_DEFAULT,
    waitMsMax: RESTART_WAIT_MS_MAX_DEFAULT,
    shortMs: RESTART_SHORT_MS_DEFAULT,
  },
  "auto.create.topics.enable": false,
  "num.partitions": 1,
  "log.durability": "fsync",
  "log.flush.interval.ms": FLUSH_MS_DEFAULT,
  "log.segment.bytes": SEGMENT_SIZE_DEFAULT,
  "log.roll.ms": SEGMENT_MS_DEFAULT,
  "log.roll.jitter.ms": 0,
  "log.retention.ms": RETENTION_MS_DEFAULT,
  "log.retention.bytes": -1,
  "log.cleanup.policy": "delete",
  "message.max.bytes": BATCH_SIZE_MAX_DEFAULT,
};

/** `options` are not checked; undefined means the default, in areas too. */
export function withDefaults(options: BrokerOptions): BrokerConfig {
  const { http, connections, sync, coldReads, retention, restarts, ...rest } = options;
  return {
    ...over(DEFAULTS, rest),
    http: over(DEFAULTS.http, http),
    connections: over(DEFAULTS.connections, connections),
    sync: over(DEFAULTS.sync, sync),
    coldReads: over(DEFAULTS.coldReads, coldReads),
    retention: over(DEFAULTS.retention, retention),
    restarts: over(DEFAULTS.restarts, restarts),
  };
}

function over<T extends object>(
  defaults: T,
  options: { readonly [K in keyof T]?: T[K] | undefined } = {},
): T {
  const said = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(said) };
}
