/**
 * Settings from a file, the environment and the command line, each with where it came from. All
 * three are read by the one schema of src/config.ts.
 *
 *     connections.max   --connections-max   SLUICE_CONNECTIONS_MAX   "connections": { "max": N }
 *
 *     default < file < environment < command line
 *
 * Invariant: a value that is not allowed, and a name that is none, are refused with the place they
 * stand at; nothing is passed over in silence.
 */

import fs from "node:fs";
import { z } from "zod";
import { DISK_SHARE_FORMS } from "../base/disk_share.ts";
import { type Address, ConfigError, parseAddress } from "../address.ts";
import { type BrokerOptions, settingsSchema } from "../config.ts";
import { didYouMean, nearest } from "./did_you_mean.ts";
import { parseJsonWithComments } from "./json_comments.ts";

/** The codes are those of `describe_config`. */
export const SOURCES = ["default", "file", "environment", "command line"] as const;
export type Source = typeof SOURCES[number];

export interface Setting {
  /** `connections.max`. */
  readonly key: string;
  /** Where it stands in the configuration: `["connections", "max"]`. */
  readonly path: readonly string[];
  /** `SLUICE_CONNECTIONS_MAX`. */
  readonly variable: string;
  /** Of `serve`; empty: there is none. */
  readonly flag: string;
  readonly type: "text" | "number" | "boolean" | "address";
  /** For people. */
  readonly allowed: string;
  /** Undefined: none. */
  readonly fallback: unknown;
  readonly text: string;
}

export interface SettingValue {
  readonly setting: Setting;
  /** Undefined: not set, and there is no default. */
  readonly value: unknown;
  readonly source: Source;
  /** Where exactly: a variable, a flag, a file; empty for a default. */
  readonly place: string;
}

export interface SettingSources {
  /** Path of the file, or undefined. */
  readonly file?: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** What the command line said, in the shape of the configuration. */
  readonly said: object;
}

/** Flags of `serve` whose name does not follow from the key. */
const FLAGS: Readonly<Record<string, string>> = {
  "dataDirectory": "--data",
  "native": "--native",
  "nativeAdvertised": "--native-advertised",
  "http.listen": "--http",
  "http.advertised": "--http-advertised",
  "http.enabled": "--no-http",
  "insecure": "--insecure",
  "runDirectory": "--run-dir",
  "initialise": "--no-init",
  "logFormat": "--log-format",
  "connections.max": "--connections-max",
  "connections.perAddressMax": "--connections-per-address",
  "sync.method": "--sync-method",
  "coldReads.guard": "--cold-reads",
  "coldReads.method": "--cold-reads",
  "retention.total": "--retention-total",
  "broker": "--broker",
};

interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly default?: unknown;
  readonly description?: string;
  readonly text?: string;
}

/** Every setting, in the order of the schema. */
export const SETTINGS: readonly Setting[] = leaves(
  z.toJSONSchema(settingsSchema, { io: "input" }) as JsonSchema,
  [],
);

function leaves(schema: JsonSchema, above: readonly string[]): Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) => {
    const path = [...above, name];
    const isArea = part.type === "object" && part.text !== "address";
    return isArea ? leaves(part, path) : [settingOf(path, part)];
  });
}

function settingOf(path: readonly string[], schema: JsonSchema): Setting {
  const key = path.join(".");
  const variable = `SLUICE_${key.replace(/[A-Z]/g, "_$&").replace(/\./g, "_").toUpperCase()}`;
  return {
    key,
    path,
    variable,
    flag: FLAGS[key] ?? "",
    type: typeOf(schema),
    allowed: allowedBy(schema),
    fallback: schema.default,
    text: schema.description ?? "",
  };
}

function typeOf(schema: JsonSchema): Setting["type"] {
  if (schema.text === "address") return "address";
  if (schema.type === "integer" || schema.type === "number") return "number";
  return schema.type === "boolean" ? "boolean" : "text";
}

function allowedBy(schema: JsonSchema): string {
  if (schema.text === "address") return "HOST:PORT";
  if (schema.text === "share") return DISK_SHARE_FORMS;
  if (schema.type === "boolean") return "true or false";
  if (schema.enum !== undefined) {
    return `${schema.enum.slice(0, -1).join(", ")} or ${schema.enum.at(-1)}`;
  }
  if (schema.minimum === undefined) {
    return schema.minLength === undefined ? "text" : "text that is not empty";
  }
  const { minimum, maximum = Infinity } = schema;
  return maximum < Number.MAX_SAFE_INTEGER ? `${minimum} to ${maximum}` : `${minimum} or more`;
}

/** The value of every setting and where it came from. Throws ConfigError. */
export function resolveSettings(sources: SettingSources): SettingValue[] {
  refuseUnknownVariables(sources.environment);
  const file = sources.file === undefined ? new Map<string, unknown>() : readFile(sources.file);
  const values = SETTINGS.map((setting) => valueOf(setting, sources, file));
  refuseWrongValues(values);
  return values;
}

function valueOf(
  setting: Setting,
  { file: path, environment, said }: SettingSources,
  file: ReadonlyMap<string, unknown>,
): SettingValue {
  const spoken = get(said, setting.path);
  if (spoken !== undefined) {
    return { setting, value: spoken, source: "command line", place: setting.flag };
  }
  const text = environment[setting.variable];
  if (text !== undefined) {
    const place = setting.variable;
    return { setting, value: fromText(setting, text, place), source: "environment", place };
  }
  if (file.has(setting.key)) {
    const place = path!;
    const value = fromFile(setting, file.get(setting.key), place);
    return { setting, value, source: "file", place };
  }
  return { setting, value: setting.fallback, source: "default", place: "" };
}

function get(said: object, path: readonly string[]): unknown {
  let value: unknown = said;
  for (const part of path) value = (value as Record<string, unknown> | undefined)?.[part];
  return value;
}

/** What is no number or address stays text, and is refused by the schema. */
function fromText(setting: Setting, text: string, place: string): unknown {
  if (setting.type === "address") return fromFile(setting, text, place);
  if (setting.type === "number" && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (setting.type === "boolean" && /^(true|false)$/.test(text)) return text === "true";
  return text;
}

function fromFile(setting: Setting, value: unknown, place: string): unknown {
  if (setting.type !== "address") return value;
  try {
    return parseAddress(String(value));
  } catch {
    throw refusal({ setting, value, source: "file", place });
  }
}

/** A name that is nearly a setting is a slip; any other is somebody else's. */
function refuseUnknownVariables(environment: Readonly<Record<string, string>>): void {
  const known = SETTINGS.map(({ variable }) => variable);
  for (const [name, value] of Object.entries(environment)) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    if (meant === null) continue;
    throw new ConfigError(
      `${name}=${value} in the environment is no setting`,
      `Did you mean ${meant}? All of them: sluice config.`,
    );
  }
}

/** Settings of the file by key; areas may be objects, or the dot may stand in the name. */
function readFile(path: string): Map<string, unknown> {
  let text: string;
  try {
    text = fs.readFileSync(path, "utf8");
  } catch (error) {
    const { code = "it cannot be opened" } = error as { readonly code?: string };
    const hint = "Name a file with settings by --config or SLUICE_CONFIG, or none.";
    throw new ConfigError(`cannot read ${path}: ${code}`, hint);
  }
  let content: unknown;
  try {
    content = parseJsonWithComments(text);
  } catch (error) {
    throw new ConfigError(
      `${path}: ${error instanceof Error ? error.message : String(error)}`,
      'A configuration file is JSON, with comments, such as { "connections": { "max": 100 } }.',
    );
  }
  const found = new Map<string, unknown>();
  flatten(content, "", found);
  const keys = SETTINGS.map(({ key }) => key);
  for (const key of found.keys()) {
    if (keys.includes(key)) continue;
    const hint = `${didYouMean(key, keys)} All of them: sluice config.`.trim();
    throw new ConfigError(`${path}: "${key}" is no setting`, hint);
  }
  return found;
}

function flatten(value: unknown, key: string, into: Map<string, unknown>): void {
  const isKnown = SETTINGS.some((setting) => setting.key === key);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const isArea = key === "" || SETTINGS.some((setting) => setting.key.startsWith(`${key}.`));
  const parts = isObject && !isKnown ? Object.entries(value) : [];
  // An object that is empty and no area is refused by its own name: nothing in it is.
  if (!isObject || isKnown || (parts.length === 0 && !isArea)) {
    into.set(key, value);
    return;
  }
  for (const [name, part] of parts) {
    flatten(part, key === "" ? name : `${key}.${name}`, into);
  }
}

function refuseWrongValues(values: readonly SettingValue[]): void {
  const parsed = settingsSchema.safeParse(nested(values));
  if (parsed.success) return;
  const key = parsed.error.issues[0]!.path.join(".");
  const wrong = values.find(({ setting }) => `${key}.`.startsWith(`${setting.key}.`));
  throw wrong === undefined ? new ConfigError(parsed.error.message) : refusal(wrong);
}

function refusal({ setting, value, place }: SettingValue): ConfigError {
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  return new ConfigError(
    `${setting.key} is ${shown} (${place}); allowed: ${setting.allowed}`,
    setting.text,
  );
}

/** The values in the shape of the configuration. */
function nested(values: readonly SettingValue[]): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const { setting, value } of values) {
    let area = options;
    for (const part of setting.path.slice(0, -1)) {
      area = (area[part] ??= {}) as Record<string, unknown>;
    }
    if (value !== undefined) area[setting.path.at(-1)!] = value;
  }
  return options;
}

/** What `Broker.start` takes. */
export function brokerOptions(values: readonly SettingValue[]): BrokerOptions {
  return nested(values.filter(({ setting }) => setting.key !== "broker")) as BrokerOptions;
}

/** The broker that a client's command talks to. */
export function brokerAddress(values: readonly SettingValue[]): Address {
  return values.find(({ setting }) => setting.key === "broker")!.value as Address;
}

/** A value as the environment and `sluice config` write it. */
export function settingText({ setting, value }: SettingValue): string {
  if (value === undefined) return "";
  if (setting.type !== "address") return String(value);
  const { host, port } = value as Address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Where each value comes from, by key and with the codes of `describe_config`. */
export function sourceCodes(values: readonly SettingValue[]): Record<string, number> {
  return Object.fromEntries(
    values.map(({ setting, source }) => [setting.key, SOURCES.indexOf(source)]),
  );
}
