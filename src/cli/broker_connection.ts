/** Which broker a command talks to, and the connection to it. */

import { Connection } from "../client/connection.ts";
import { type Address, ConfigError, parseAddress } from "../address.ts";
import { readEnvironment } from "./environment.ts";
import { VERSION } from "../version.ts";

export const DEFAULT_BROKER: Address = { host: "127.0.0.1", port: 7400 };
const VARIABLE = "SLUICE_BROKER";

/** What --broker said, or SLUICE_BROKER, or the default. Throws ConfigError. */
export function chooseBroker(option: Address | undefined): Address {
  if (option !== undefined) return option;
  const text = readEnvironment(VARIABLE) ?? "";
  if (text === "") return DEFAULT_BROKER;
  try {
    return parseAddress(text);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${VARIABLE}: ${error.message}`) : error;
  }
}

/** Runs `work` on a connection and closes it whatever happens. */
export async function withBroker<T>(
  option: Address | undefined,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const address = chooseBroker(option);
  const connection = await Connection.connect(address, { clientName: `sluice-cli ${VERSION}` });
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}
