/** Which broker a command talks to, and the connection to it. */

import { type Address, ConfigError, parseAddress } from "../address.ts";
import { Connection } from "../client/connection.ts";
import { VERSION } from "../version.ts";
import { readEnvironment, settingVariables } from "./variables.ts";
import { explain, type Mentioned } from "./explain.ts";
import type { ClientCommand } from "./values.ts";

export const DEFAULT_BROKER: Address = { host: "127.0.0.1", port: 7400 };
const VARIABLE = "SLUICE_BROKER";

/** What --broker said, or SLUICE_BROKER, or the file of settings, or the default. */
export async function chooseBroker(option: Address | undefined): Promise<Address> {
  if (option !== undefined) return option;
  const text = readEnvironment(VARIABLE) ?? "";
  if (text !== "") return parseVariable(text);
  const file = readEnvironment("SLUICE_CONFIG") ?? "";
  if (file === "") return DEFAULT_BROKER;
  const { brokerAddress, resolveSettings } = await import("./settings.ts");
  return brokerAddress(resolveSettings({ file, environment: settingVariables(), said: {} }));
}

function parseVariable(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${VARIABLE}: ${error.message}`) : error;
  }
}

/**
 * Runs `work` on a connection and closes it whatever happens. What the broker refused is explained
 * by the names that the command mentioned.
 */
export async function withBroker<T>(
  command: ClientCommand & Mentioned,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const address = await chooseBroker(command.broker);
  const connection = await Connection.connect(address, { clientName: `sluice-cli ${VERSION}` });
  try {
    return await work(connection);
  } catch (error) {
    throw await explain(error, connection, command);
  } finally {
    connection.close();
  }
}
