/**
 * The settings of a broker as describe_config gives them: what it was started with, and over that
 * what the catalogue holds of changes.
 */

import type { BrokerConfig } from "../config.ts";
import { settingText } from "../config_texts.ts";
import {
  CHANGEABLE_SETTINGS,
  refuseSetting,
  type SettingEntry,
  SettingSource,
} from "../format/broker_settings.ts";
import type { ConfigEntry } from "../format/topic_config.ts";

/** Settings that are objects, and each one setting. */
const ADDRESSES = ["native", "nativeAdvertised"];

/** Key to source, of everything that is no default. */
export type SettingSources = Readonly<Record<string, number>>;

/** Sorted by key. Changes that this version does not allow are passed over. */
export function settingEntries(
  config: BrokerConfig,
  sources: SettingSources,
  changes: readonly ConfigEntry[],
): SettingEntry[] {
  const changed = new Map(
    changes.filter((entry) => refuseSetting(entry) === "").map(({ key, value }) => [key, value]),
  );
  const unsaid = { nativeAdvertised: undefined, runDirectory: undefined, logFormat: undefined };
  const http = { advertised: undefined, ...config.http };
  return flatten({ ...unsaid, ...config, http }).map(({ key, value }) => ({
    key,
    value: changed.get(key) ?? value,
    source: changed.has(key) ? SettingSource.changed : sources[key] ?? SettingSource.default,
    changeable: CHANGEABLE_SETTINGS.includes(key) ? 1 : 0,
    text: settingText(key),
  })).sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** What stands in the catalogue and means nothing to this version, for people. */
export function unknownChanges(changes: readonly ConfigEntry[]): string[] {
  return changes.map(refuseSetting).filter((refused) => refused !== "");
}

/** Sources of options that a program or a command line gave, by their names. */
export function sourcesOf(options: object, source: number): SettingSources {
  const said = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said.flatMap(([key, value]) => {
    if (!isArea(key, value)) return [[key, source]];
    const parts = Object.entries(value).filter(([, part]) => part !== undefined);
    return parts.map(([name]) => [`${key}.${name}`, source]);
  }));
}

function flatten(config: object): ConfigEntry[] {
  return Object.entries(config).flatMap(([key, value]) => {
    if (!isArea(key, value)) return [{ key, value: textOf(value) }];
    return Object.entries(value).map(([name, part]) => ({
      key: `${key}.${name}`,
      value: textOf(part),
    }));
  });
}

/** A setting that holds settings. */
function isArea(key: string, value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !ADDRESSES.includes(key);
}

function textOf(value: unknown): string {
  if (value === undefined) return "";
  if (typeof value !== "object" || value === null) return String(value);
  const { host, port } = value as { host: string; port: number };
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
