/**
 * A broker in threads of this process: Bun and Deno.
 */

import type { Address } from "../address.ts";
import type { BrokerOptions } from "../config.ts";
import { RunningBroker } from "../running_broker.ts";
import type { Engine } from "./engine.ts";
import { makeTemporary, removeTemporary } from "./temporary.ts";

/** Settles when it serves. Throws what `RunningBroker.start` throws. */
export async function startInside(options: BrokerOptions): Promise<Engine> {
  if (options.dataDirectory !== undefined) return await startIn(options.dataDirectory, options);
  const path = makeTemporary();
  try {
    const engine = await startIn(path, options);
    const stop = (): Promise<void> => engine.stop().finally(() => removeTemporary(path));
    return { ...engine, stop };
  } catch (error) {
    removeTemporary(path);
    throw error;
  }
}

async function startIn(dataDirectory: string, options: BrokerOptions): Promise<Engine> {
  const broker = await RunningBroker.start({ ...options, dataDirectory });
  let http: Address | null = null;
  try {
    if (options.http?.enabled === true) http = (await broker.serveHttp()).address;
  } catch (error) {
    await broker.stop();
    throw error;
  }
  const { native } = broker.addresses;
  return { native, http, dataDirectory, closed: broker.closed, stop: () => broker.stop() };
}
