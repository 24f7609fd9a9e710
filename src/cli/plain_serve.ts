/**
 * `serve` without the parser library, which costs its process 14 MiB for as long as it runs and 30
 * to 40 ms of its start. Only what is plainly right is read here: options of serve that are
 * spelled out, each with a value that is allowed. Everything else, `--help` and mistakes too, is
 * left to command_line.ts, which explains it; a file with settings and settings in the environment
 * to settings.ts.
 *
 * Invariant: a command that is read here is the one that `parseCommandLine` gives.
 */

import { type Address, isLoopback, parseAddress } from "../address.ts";
import { isDiskShare } from "../base/disk_share.ts";
import type { BrokerOptions } from "../config.ts";
import { CONNECTIONS_MAX } from "../limits.ts";
import type { ServeCommand } from "./serve_command.ts";

/** What the command line said; undefined: nothing. */
export interface ServeWords {
  data?: string | undefined;
  native?: Address | undefined;
  nativeAdvertised?: Address | undefined;
  http?: Address | undefined;
  httpAdvertised?: Address | undefined;
  /** `--no-http`. */
  refuseHttp?: boolean | undefined;
  insecure?: boolean | undefined;
  runDirectory?: string | undefined;
  /** `--no-init`. */
  refuseEmpty?: boolean | undefined;
  connectionsMax?: number | undefined;
  connectionsPerAddress?: number | undefined;
  syncMethod?: "auto" | "aio" | "pool" | "filesystem" | undefined;
  coldReads?: "on" | "probe" | "off" | undefined;
  logFormat?: "text" | "json" | undefined;
  retentionTotal?: string | undefined;
}

/** The same in the shape of the configuration, without what was not said. */
export function optionsOf(words: ServeWords): BrokerOptions {
  const { data, native, runDirectory, connectionsMax, connectionsPerAddress } = words;
  const { nativeAdvertised, syncMethod, coldReads, retentionTotal, logFormat } = words;
  const hasConnections = connectionsMax !== undefined || connectionsPerAddress !== undefined;
  return {
    ...(data === undefined ? {} : { dataDirectory: data }),
    ...(native === undefined ? {} : { native }),
    ...(nativeAdvertised === undefined ? {} : { nativeAdvertised }),
    ...httpOf(words),
    ...(words.insecure === true ? { insecure: true } : {}),
    ...(runDirectory === undefined ? {} : { runDirectory }),
    ...(words.refuseEmpty === true ? { initialise: false } : {}),
    ...(hasConnections
      ? { connections: { max: connectionsMax, perAddressMax: connectionsPerAddress } }
      : {}),
    ...(syncMethod === undefined ? {} : { sync: { method: syncMethod } }),
    ...(coldReads === undefined ? {} : { coldReads: coldReadsOf(coldReads) }),
    ...(logFormat === undefined ? {} : { logFormat }),
    ...(retentionTotal === undefined ? {} : { retention: { total: retentionTotal } }),
  };
}

function httpOf({ http, httpAdvertised, refuseHttp }: ServeWords): Pick<BrokerOptions, "http"> {
  if (http === undefined && httpAdvertised === undefined && refuseHttp !== true) return {};
  const advertised = httpAdvertised === undefined ? {} : { advertised: httpAdvertised };
  const enabled = refuseHttp === true ? false : undefined;
  return { http: { listen: http, enabled, ...advertised } };
}

function coldReadsOf(how: "on" | "probe" | "off"): NonNullable<BrokerOptions["coldReads"]> {
  return { guard: how !== "off", method: how === "probe" ? "probe" : "cachestat" };
}

/** Takes a value into the words; false: it is not one, or not plainly. */
const OPTIONS: Readonly<Record<string, (words: ServeWords, value: string) => boolean>> = {
  "--data": (words, value) => {
    words.data = value;
    return value !== "";
  },
  "--native": (words, value) => {
    words.native = addressOf(value);
    return words.native !== undefined;
  },
  "--native-advertised": (words, value) => {
    words.nativeAdvertised = addressOf(value);
    return isAdvertised(words.nativeAdvertised);
  },
  "--http": (words, value) => {
    words.http = addressOf(value);
    return words.http !== undefined;
  },
  "--http-advertised": (words, value) => {
    words.httpAdvertised = addressOf(value);
    return isAdvertised(words.httpAdvertised);
  },
  "--run-dir": (words, value) => {
    words.runDirectory = value;
    return value !== "";
  },
  "--connections-max": (words, value) => {
    words.connectionsMax = Number(value);
    return isCount(value);
  },
  "--log-format": (words, value) => {
    if (value !== "text" && value !== "json") return false;
    words.logFormat = value;
    return true;
  },
  "--retention-total": (words, value) => {
    words.retentionTotal = value;
    return isDiskShare(value);
  },
  "--connections-per-address": (words, value) => {
    words.connectionsPerAddress = Number(value);
    return isCount(value);
  },
};

/** The command that `args` plainly say, or null. */
export function readPlainServe(args: readonly string[]): ServeCommand | null {
  if (args[0] !== "serve") return null;
  const words: ServeWords = {};
  const seen = new Set<string>();
  for (let at = 1; at < args.length; at += 1) {
    const word = args[at]!;
    if (seen.has(word)) return null;
    seen.add(word);
    if (word === "--no-init") {
      words.refuseEmpty = true;
      continue;
    }
    if (word === "--no-http") {
      words.refuseHttp = true;
      continue;
    }
    if (word === "--insecure") {
      words.insecure = true;
      continue;
    }
    at += 1;
    const value = args[at] ?? "";
    const take = Object.hasOwn(OPTIONS, word) ? OPTIONS[word] : undefined;
    if (value.startsWith("-") || take?.(words, value) !== true) return null;
  }
  // What others reach is explained where it is refused.
  const isOpen = [words.native, words.http].some((listener) => {
    return listener !== undefined && !isLoopback(listener.host);
  });
  if (isOpen && words.insecure !== true) return null;
  return { name: "serve", file: undefined, said: optionsOf(words) };
}

function addressOf(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch {
    return undefined;
  }
}

/** Nobody reaches a port that is any free one. */
function isAdvertised(address: Address | undefined): boolean {
  return address !== undefined && address.port > 0;
}

function isCount(text: string): boolean {
  return /^[1-9]\d{0,8}$/.test(text) && Number(text) <= CONNECTIONS_MAX;
}
