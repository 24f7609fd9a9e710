/**
 * What an argument may say, and how a complaint names what it should have said: addresses,
 * settings, offsets, times. Shared by the commands that talk to a broker.
 */

import { type Message, message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { flag, option } from "@optique/core/primitives";
import type { ValueParser } from "@optique/core/valueparser";
import { type Address, parseAddress } from "../address.ts";
import { compileFormat, type RecordFormat } from "./consume/format.ts";
import type { ConfigEntry } from "../format/topic_config.ts";
import { say } from "./help_text.ts";

export interface ClientCommand {
  /** Undefined: SLUICE_BROKER, or the default. */
  readonly broker: Address | undefined;
}

/** Every command that prints something for programs to read. */
export interface PrintCommand {
  /** One JSON object a line. */
  readonly json: boolean;
}

/** A place in a partition: an offset, or the first record that is as new. */
export type Place =
  | "beginning"
  | "end"
  | number
  | { readonly timeMs: number }
  | { readonly agoMs: number };

/** A value parser made of a function that returns the value, or in words what is wrong. */
function valueOf<T>(
  metavar: "HOST:PORT" | "KEY=VALUE" | "OFFSET" | "OFFSET|TIME",
  placeholder: T,
  read: (text: string) => T | Message,
  format: (value: T) => string,
): ValueParser<"sync", T> {
  return {
    mode: "sync",
    metavar,
    placeholder,
    format,
    parse: (text) => {
      const value = read(text);
      if (Array.isArray(value)) return { success: false, error: value as Message };
      return { success: true, value: value as T };
    },
  };
}

export function address(): ValueParser<"sync", Address> {
  const read = (text: string): Address | Message => {
    try {
      return parseAddress(text);
    } catch {
      return message`${text} is not HOST:PORT, such as 127.0.0.1:7400.`;
    }
  };
  const placeholder = { host: "127.0.0.1", port: 0 };
  return valueOf("HOST:PORT", placeholder, read, ({ host, port }) => `${host}:${port}`);
}

export function configEntry(): ValueParser<"sync", ConfigEntry> {
  const read = (text: string): ConfigEntry | Message => {
    const at = text.indexOf("=");
    if (at <= 0) return message`${text} is not KEY=VALUE, such as durability=os.`;
    return { key: text.slice(0, at), value: text.slice(at + 1) };
  };
  const placeholder = { key: "", value: "" };
  return valueOf("KEY=VALUE", placeholder, read, ({ key, value }) => `${key}=${value}`);
}

/** beginning (or first), end, an offset, a time, or how long ago. */
export function place(): ValueParser<"sync", Place> {
  const read = (text: string): Place | Message => {
    if (text === "beginning" || text === "first") return "beginning";
    if (text === "end") return text;
    const timeMs = TIME.test(text) ? Date.parse(text) : NaN;
    if (!Number.isNaN(timeMs)) return { timeMs };
    return agoIn(text) ?? offsetIn(text) ??
      noPlace(text);
  };
  return valueOf<Place>("OFFSET|TIME", "beginning", read, placeText);
}

function noPlace(text: string): Message {
  const time = message`a time such as ${TIME_EXAMPLE} or a span such as ${"-1h"}.`;
  return [...message`${text} is not beginning, end, an offset from 0, `, ...time];
}

/** As it is written on the command line. */
export function placeText(value: Place): string {
  if (typeof value !== "object") return String(value);
  return "agoMs" in value ? `-${value.agoMs}ms` : new Date(value.timeMs).toISOString();
}

const SPANS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function agoIn(text: string): { readonly agoMs: number } | null {
  const found = /^-(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  return found === null ? null : { agoMs: Number(found[1]) * SPANS[found[2]!]! };
}

/** ISO 8601, as far as it says a moment and not a day somewhere. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;
const TIME_EXAMPLE = "2026-01-31T12:00:00Z";

/** The format of `consume -F`. */
export function recordFormat(): ValueParser<"sync", RecordFormat> {
  return {
    mode: "sync",
    metavar: "FORMAT",
    placeholder: [],
    format: () => "FORMAT",
    parse: (text) => {
      const format = compileFormat(text);
      if (typeof format === "string") return { success: false, error: say(format) };
      return { success: true, value: format };
    },
  };
}

export function recordsBelow(): ValueParser<"sync", number | "end"> {
  const read = (text: string): number | "end" | Message => {
    if (text === "end") return text;
    return offsetIn(text) ?? message`${text} is not end or an offset from 0.`;
  };
  return valueOf<number | "end">("OFFSET", 0, read, String);
}

function offsetIn(text: string): number | null {
  const offset = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(offset) ? offset : null;
}

/** The option that every command of a client has. */
export const broker: { broker: Parser<"sync", Address | undefined, unknown> } = {
  broker: optional(option("--broker", address(), {
    description: say(
      "Broker to talk to. Default: SLUICE_BROKER from the environment, or 127.0.0.1:7400.",
    ),
  })),
};

/** The option of every command that prints. */
export const json: { json: Parser<"sync", boolean, unknown> } = {
  json: withDefault(
    flag("--json", { description: say("Print one JSON object per line.") }),
    false,
  ),
};
