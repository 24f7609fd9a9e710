/**
 * What an embedded broker is started with: the settings of a broker with other defaults (a free
 * port, no HTTP door, a temporary directory), and the topics it begins with.
 *
 * Invariant: a name that is no option is refused, not passed over.
 */

import { ConfigError } from "../address.ts";
import { didYouMean } from "../cli/did_you_mean.ts";
import type { BrokerOptions } from "../config.ts";
import { DEFAULTS } from "../config_defaults.ts";

type LevelName = "fsync" | "interval" | "os";

/** A topic to begin with. One that the directory holds already stays as it is. */
export interface EmbeddedTopic {
  /** Default: `num.partitions` of the broker, which is 1. */
  readonly partitions?: number | undefined;
  /** Default: that of the broker. */
  readonly durability?: LevelName | undefined;
  /** Other settings of the topic: `{ "retention.ms": 60_000 }`; docs/PROTOCOL.md lists them. */
  readonly config?: Readonly<Record<string, string | number>> | undefined;
}

/** The level has a shorter name here. */
type Settings = Omit<BrokerOptions, "log.durability">;

/**
 * Everything that may be set in a broker, by the names of docs/CLI.md; these are different in an
 * embedded one:
 */
export interface EmbeddedOptions extends Settings {
  /** Created when it is absent, and kept. Default: a temporary one, which goes with the broker. */
  readonly dataDirectory?: string | undefined;
  /** Default: 127.0.0.1 and a free port. */
  readonly native?: BrokerOptions["native"];
  /** Default: no HTTP door. `{ enabled: true }` opens one on a free port of 127.0.0.1. */
  readonly http?: BrokerOptions["http"];
  /**
   * What an acknowledgement means in topics that say nothing else. Default `fsync`: the record is
   * on disk. `os` does not wait for the disk.
   */
  readonly durability?: LevelName | undefined;
  /**
   * On Node: path of an executable of Sluice, of the same version, that the broker runs in.
   * Default: SLUICE_EXECUTABLE of the environment, Bun or Deno where one is found, `sluice` on the
   * PATH. On Bun and Deno the broker runs in the process itself.
   */
  readonly executable?: string | undefined;
  /** By name, or names alone. */
  readonly topics?: readonly string[] | Readonly<Record<string, EmbeddedTopic>> | undefined;
}

export interface WantedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string | number>>;
}

const ANY_PORT = { host: "127.0.0.1", port: 0 };
const { "log.durability": _, ...SETTINGS } = DEFAULTS;
/** Those that have no default. */
const UNSAID = ["nativeAdvertised", "runDirectory", "durability", "topics", "executable"];
const NAMES = [...Object.keys(SETTINGS), ...UNSAID];
const AREAS = ["native", "http", "connections", "sync", "coldReads"] as const;
const TOPIC_NAMES = ["partitions", "durability", "config"];

/** As the broker takes them; without `dataDirectory` where it is to be a temporary one. */
export function brokerOptions(options: EmbeddedOptions): BrokerOptions {
  refuseUnknown(options, NAMES, "");
  for (const area of AREAS) {
    const names = [...Object.keys(DEFAULTS[area]), ...(area === "http" ? ["advertised"] : [])];
    refuseUnknown(options[area], names, `${area}.`);
  }
  const { topics: _, executable: _path, durability, native, http, ...rest } = options;
  return {
    ...rest,
    native: native ?? ANY_PORT,
    http: { ...http, enabled: http?.enabled ?? false, listen: http?.listen ?? ANY_PORT },
    ...(durability === undefined ? {} : { "log.durability": durability }),
  };
}

/** In their order. Throws ConfigError. */
export function wantedTopics(options: EmbeddedOptions): WantedTopic[] {
  const { topics = [] } = options;
  const named: [string, EmbeddedTopic][] = isList(topics)
    ? topics.map((name) => [name, {}])
    : Object.entries(topics);
  return named.map(([name, topic]) => {
    refuseUnknown(topic, TOPIC_NAMES, `topics.${name}.`);
    const { partitions = options["num.partitions"] ?? 1, durability, config = {} } = topic;
    return {
      name,
      partitions,
      config: durability === undefined ? config : { durability, ...config },
    };
  });
}

function refuseUnknown(given: object | undefined, known: readonly string[], where: string): void {
  for (const name of Object.keys(given ?? {})) {
    if (known.includes(name)) continue;
    const meant = didYouMean(name, known) || `There are ${known.join(", ")}.`;
    throw new ConfigError(`${where}${name} is no option of a broker. ${meant}`);
  }
}

function isList(topics: NonNullable<EmbeddedOptions["topics"]>): topics is readonly string[] {
  return Array.isArray(topics);
}
