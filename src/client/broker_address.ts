/**
 * Where a broker listens, and how people write it.
 *
 *     127.0.0.1:7400    [::1]:7400    broker.example:7400    /run/sluice/shard-0.sock    unix:PATH
 */

import { InvalidOptionError } from "./errors.ts";

/** Where a broker listens. */
export type BrokerAddress = { readonly host: string; readonly port: number } | {
  readonly path: string;
};

/** Where the native listener is when nobody says so. */
export const DEFAULT_PORT = 7400;

const HOST_AND_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/;

/** The address that `text` names; without a port, the usual one. Throws InvalidOptionError. */
export function parseBrokerAddress(text: string): BrokerAddress {
  if (text.startsWith("unix:")) return { path: text.slice("unix:".length) };
  if (text.startsWith("/")) return { path: text };
  const found = HOST_AND_PORT.exec(text);
  const port = Number(found?.[3] ?? DEFAULT_PORT);
  if (found === null || port < 1 || port > 65535) {
    throw new InvalidOptionError(
      "brokers",
      text,
      "HOST:PORT, such as 127.0.0.1:7400, or unix:PATH",
    );
  }
  return { host: (found[1] ?? found[2])!, port };
}

/** `HOST:PORT` or the path of a socket. */
export function addressText(address: BrokerAddress): string {
  if ("path" in address) return address.path;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
