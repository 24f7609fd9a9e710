/**
 * Configuration of a broker: what may be set, the defaults, and one check for all ways in
 * (command line, environment, embedded). An address is a literal; a port of 0 means any free one.
 */

import { z } from "zod";

export interface Address {
  host: string;
  port: number;
}

export interface BrokerConfig {
  /** Data directory; created when it is absent or empty. */
  dataDirectory: string;
  /** Listener of the native protocol. */
  native: Address;
  /** Where the shard's Unix socket lies; default: `run` in the data directory. */
  runDirectory?: string | undefined;
  /** Create an absent or empty data directory. Off where an empty one is a disk not mounted. */
  initialise: boolean;
}

/** What a caller gives; the rest follows the defaults. */
export type BrokerOptions = { [K in keyof BrokerConfig]?: BrokerConfig[K] | undefined };

const addressSchema = z.object({
  host: z.string().min(1),
  port: z.number().int().min(0).max(65535),
});

const configSchema: z.ZodType<BrokerConfig, BrokerOptions> = z.object({
  dataDirectory: z.string().min(1).default("./sluice-data"),
  native: addressSchema.default({ host: "127.0.0.1", port: 7400 }),
  runDirectory: z.string().min(1).optional(),
  initialise: z.boolean().default(true),
});

/** A setting that is wrong; the message names it and says what is allowed. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

/** Fills in the defaults. Throws ConfigError. */
export function parseConfig(options: BrokerOptions): BrokerConfig {
  const parsed = configSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join(".") || "configuration";
  throw new ConfigError(`${where}: ${issue?.message ?? "not valid"}`);
}

/** `HOST:PORT` or `[IPV6]:PORT` as an address. Throws ConfigError. */
export function parseAddress(text: string): Address {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (found === null || port > 65535) {
    throw new ConfigError(`"${text}" is not HOST:PORT, such as 127.0.0.1:7400`);
  }
  return { host: (found[1] ?? found[2])!, port };
}
