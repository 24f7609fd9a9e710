/**
 * Addresses of listeners and brokers: literals; a port of 0 means any free one. Apart from the
 * configuration, because a client's command needs no more of it.
 */

export interface Address {
  host: string;
  port: number;
}

/** A setting that is wrong; the message names it and says what is allowed. */
export class ConfigError extends Error {
  override name = "ConfigError";
  /** What to do next; may be empty. */
  readonly hint: string;

  constructor(message: string, hint = "") {
    super(message);
    this.hint = hint;
  }
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

/** Whether only this machine reaches a listener on `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(host);
}

/** The inverse of `parseAddress`. */
export function listenerText({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
