/**
 * Connects a socket within a time, and says in words why there is none.
 */

import net from "node:net";
import { addressText, type BrokerAddress } from "./broker_address.ts";
import { ConnectionError } from "./errors.ts";

/** A connected socket. Throws ConnectionError. */
export function openSocket(address: BrokerAddress, timeoutMs: number): Promise<net.Socket> {
  const text = addressText(address);
  return new Promise((resolve, reject) => {
    const socket = "path" in address
      ? net.connect({ path: address.path })
      : net.connect({ host: address.host, port: address.port });
    const timer = setTimeout(() => refuse(silent(text, timeoutMs)), timeoutMs);
    const refuse = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    socket.once("error", (error) => refuse(refused(text, error)));
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}

function refused(address: string, error: Error): ConnectionError {
  const reason = (error as { code?: unknown }).code ?? error.message;
  const text = `no connection to a broker at ${address}: ${reason}`;
  return new ConnectionError(text, "connection_refused", address);
}

/** Nothing came in time. */
export function silent(address: string, timeoutMs: number): ConnectionError {
  const text = `no answer from ${address} within ${timeoutMs} ms`;
  return new ConnectionError(text, "connection_timeout", address);
}

/** It was there, and is no more. */
export function lost(address: string, reason: string): ConnectionError {
  const text = `the connection to ${address} was lost: ${reason}`;
  return new ConnectionError(text, "connection_lost", address);
}
