/**
 * A Unix socket of the main thread, by the runtime's own interface. Not by `node:net`: on Deno any
 * Node module takes 35 ms of a start and 6 MiB for as long as the broker runs.
 *
 *     openUnixSocket -> listen -> write, write, … / received, received, … -> ended, once
 *
 * Invariant: bytes leave in the order of the writes, and nothing is received after the end.
 */

export interface SocketEvents {
  /** The bytes are the receiver's until it returns. */
  received(bytes: Uint8Array): void;
  /** By either side, or by an error, which `reason` names. */
  ended(reason: string): void;
}

export interface UnixSocket {
  readonly path: string;
  /** From now on, once, and before anything is written: the other side does not speak first. */
  listen(events: SocketEvents): void;
  /** Takes the bytes; they may not be changed any more. */
  write(bytes: Uint8Array): void;
  /** What was not sent is lost. */
  close(): void;
}

/** The members used, nothing more. */
interface DenoConnection {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

interface DenoNetwork {
  connect(options: { transport: "unix"; path: string }): Promise<DenoConnection>;
}

interface BunSocket {
  /** Returns how much of it was taken. */
  write(bytes: Uint8Array): number;
  terminate(): void;
}

interface BunNetwork {
  connect(options: {
    unix: string;
    socket: {
      data(socket: BunSocket, bytes: Uint8Array): void;
      drain(): void;
      error(socket: BunSocket, error: Error): void;
      close(): void;
    };
  }): Promise<BunSocket>;
}

const RECEIVE_SIZE = 16384;
const CLOSED = "the other side closed it";

/** Rejects when nobody listens there. */
export function openUnixSocket(path: string): Promise<UnixSocket> {
  const { Bun, Deno } = globalThis as unknown as { Bun: BunNetwork; Deno?: DenoNetwork };
  return Deno === undefined ? openOnBun(Bun, path) : openOnDeno(Deno, path);
}

async function openOnBun(bun: BunNetwork, path: string): Promise<UnixSocket> {
  let events: SocketEvents | null = null;
  /** Null while it is open. */
  let ended: string | null = null;
  let unsent: Uint8Array[] = [];
  const end = (reason: string): void => {
    if (ended !== null) return;
    ended = reason;
    events?.ended(reason);
  };
  const flush = (): void => {
    while (unsent.length > 0) {
      const bytes = unsent[0]!;
      const taken = socket.write(bytes);
      if (taken < bytes.length) {
        unsent[0] = bytes.subarray(Math.max(0, taken)); // `drain` comes
        return;
      }
      unsent = unsent.slice(1);
    }
  };
  const socket = await bun.connect({
    unix: path,
    socket: {
      data: (_, bytes) => events?.received(bytes),
      drain: () => flush(),
      error: (_, error) => end(error.message),
      close: () => end(CLOSED),
    },
  });
  return {
    path,
    listen: (to) => {
      events = to;
      if (ended !== null) to.ended(ended);
    },
    write: (bytes) => {
      unsent.push(bytes);
      if (unsent.length === 1) flush();
    },
    close: () => socket.terminate(),
  };
}

async function openOnDeno(deno: DenoNetwork, path: string): Promise<UnixSocket> {
  const connection = await deno.connect({ transport: "unix", path });
  let writing: Promise<void> = Promise.resolve();
  let events: SocketEvents | null = null;
  let isOpen = true;
  const end = (reason: string): void => {
    if (!isOpen) return;
    isOpen = false;
    connection.close();
    events?.ended(reason);
  };
  const fail = (error: unknown): void => end(error instanceof Error ? error.message : CLOSED);
  const receive = async (to: SocketEvents): Promise<void> => {
    const block = new Uint8Array(RECEIVE_SIZE);
    for (;;) {
      const count = await connection.read(block);
      if (count === null) return end(CLOSED);
      if (isOpen) to.received(block.subarray(0, count));
    }
  };
  const send = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  };
  return {
    path,
    listen: (to) => {
      events = to;
      receive(to).catch(fail);
    },
    write: (bytes) => {
      writing = writing.then(() => send(bytes)).catch(fail);
    },
    close: () => end("this side closed it"),
  };
}
