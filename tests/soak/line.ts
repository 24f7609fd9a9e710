/**
 * A connection to the soak's broker that comes back: what uses it is run again and again, on a new
 * connection each time, until the soak ends. The broker is restarted under it on purpose.
 */
import { Connection } from "../../src/client/connection.ts";
import { BrokerError, ConnectionError } from "../../src/client/errors.ts";
import { pause } from "../support/until.ts";

const AGAIN_MS = 50;

/** What everybody in a soak shares. */
export interface Situation {
  /** Of the broker that serves now; 0 while there is none. */
  port: number;
  /** Nothing new is sent; what is outstanding is waited for. */
  ending: boolean;
  /** Everybody leaves. */
  ended: boolean;
  /** How often the broker was stopped on purpose: a connection lost to that is no finding. */
  stops: number;
  /** Connections lost while nobody restarted, and errors that nobody expected. */
  readonly errors: string[];
  /** Number of this process's life in the soak, from 0. */
  readonly life: number;
}

const ERRORS_MAX = 20;

export function tellError(situation: Situation, what: string): void {
  if (situation.errors.length < ERRORS_MAX) situation.errors.push(what);
}

/** Runs `work` on one connection after another; it returns when it is done for good. */
export async function keepConnected(
  situation: Situation,
  who: string,
  work: (connection: Connection) => Promise<void>,
): Promise<void> {
  while (!situation.ended) {
    const stopsBefore = situation.stops;
    const connection = await connect(situation, who, stopsBefore);
    if (connection === null) continue;
    try {
      await work(connection);
      return;
    } catch (error) {
      const wanted = situation.ended || situation.stops !== stopsBefore;
      if (!wanted || !isOfStop(connection, error)) tellError(situation, `${who}: ${error}`);
      await pause(AGAIN_MS);
    } finally {
      connection.close();
    }
  }
}

async function connect(
  situation: Situation,
  who: string,
  stopsBefore: number,
): Promise<Connection | null> {
  const { port } = situation;
  try {
    return await Connection.connect({ host: "127.0.0.1", port }, { clientName: who });
  } catch (error) {
    // A port that is still the old one belongs to the broker that was stopped.
    const wanted = port === 0 || situation.stops !== stopsBefore || situation.port !== port;
    if (!wanted && !situation.ended) tellError(situation, `${who} connects: ${error}`);
    await pause(AGAIN_MS);
    return null;
  }
}

/** The end of the connection, or what a broker answers on its way out. */
function isOfStop(connection: Connection, error: unknown): boolean {
  if (connection.failure !== null || error instanceof ConnectionError) return true;
  return error instanceof BrokerError && error.retriable;
}
