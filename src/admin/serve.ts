/**
 * The listeners of the HTTP door: TCP, and a Unix socket whose file says who may use it. What a
 * stranger can cost before the gate looks at a request is bounded here.
 *
 *     open -> listening -> (first request: door.ts is loaded) -> stop: draining -> closed
 *
 * By `node:http`, because it gives up on slow heads, which `Deno.serve` does not.
 *
 * Invariant: after `stop` no connection is open, and no request was cut off that was answered
 * within the time of a drain.
 */

import { chmodSync, unlinkSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import { type Address, listenerText } from "../address.ts";
import { later } from "../base/later.ts";
import { trace } from "../base/trace.ts";
import type { HttpConfig } from "../config.ts";
import {
  HTTP_DRAIN_MS,
  HTTP_HEAD_MS,
  HTTP_HEAD_SIZE_MAX,
  HTTP_HEADERS_MAX,
  HTTP_KEEP_ALIVE_MS,
} from "../limits.ts";
import type { Door } from "./door.ts";
import { DoorConnections } from "./door_connections.ts";
import type { Engine, StartState } from "./engine.ts";
import { HttpStats } from "./http_stats.ts";
import type { PartitionVerifier } from "./verify_stream.ts";

/** Our user's alone. */
const SOCKET_MODE = 0o600;
/** How often slow connections are looked for. */
const LOOK_EVERY_MS = 1000;
/** One connection in so many may be an event stream: whoever leaves them open locks nobody out. */
const STREAMS_SHARE = 2;

const SERVER: ServerOptions = {
  maxHeaderSize: HTTP_HEAD_SIZE_MAX,
  headersTimeout: HTTP_HEAD_MS,
  requestTimeout: 0, // a stream of records may take days; door.ts bounds other bodies
  keepAliveTimeout: HTTP_KEEP_ALIVE_MS,
  connectionsCheckingInterval: LOOK_EVERY_MS,
};

export interface HttpServerOptions {
  readonly config: HttpConfig;
  /** Where its Unix socket is to lie: in a directory that no other broker uses. */
  readonly socketPath: string;
  readonly tokens: { readonly read: string; readonly admin: string };
  /** The shard's Unix socket, and whether it listens there yet. */
  readonly shardSocketPath: string;
  readonly start: StartState;
  readonly verifier: PartitionVerifier;
  /**
   * Nobody chose the address: where something else listens there, the door is open on its Unix
   * socket alone, so that a second broker on a machine starts as the first did.
   */
  readonly isDefaultAddress: boolean;
}

/** The door cannot be opened; the message names the address. */
export class HttpListenError extends Error {
  override name = "HttpListenError";
  /** The system's: EADDRINUSE. */
  readonly code: string;
  readonly hint: string = "Stop what listens there, choose another address with --http " +
    "(port 0: any), or open no HTTP door: --no-http.";

  constructor(name: string, code: string) {
    super(`cannot listen on ${name} for HTTP: ${code}`);
    this.code = code;
  }
}

export class HttpServer {
  readonly socketPath: string;
  readonly #options: HttpServerOptions;
  readonly #servers: Server[] = [];
  #address: Address | null = null;
  #door: Promise<Door> | null = null;
  #engine: Engine | null = null;
  #isDraining = false;
  readonly #connections: DoorConnections;
  readonly #stats: HttpStats;

  private constructor(options: HttpServerOptions) {
    this.#connections = new DoorConnections(options.config.connectionsMax);
    this.#stats = new HttpStats(this.#connections);
    this.socketPath = options.socketPath;
    this.#options = options;
  }

  /** Throws HttpListenError. */
  static async open(options: HttpServerOptions): Promise<HttpServer> {
    const http = new HttpServer(options);
    try {
      http.#address = await http.#listenTcp();
      await http.#listen(options.socketPath);
      return http;
    } catch (error) {
      for (const server of http.#servers) server.close();
      throw error;
    }
  }

  /** Where it listens, with the port that was given; null: on the Unix socket alone. */
  get address(): Address | null {
    return this.#address;
  }

  /** Answers what was asked, closes what is idle, and what is left when the drain is over. */
  async stop(): Promise<void> {
    this.#isDraining = true;
    this.#engine?.drain();
    this.#options.verifier.stop();
    const closed = this.#servers.map((server) => {
      return new Promise<void>((resolve) => server.close(() => resolve()));
    });
    for (const server of this.#servers) server.closeIdleConnections();
    const limit = setTimeout(() => {
      for (const server of this.#servers) server.closeAllConnections();
    }, HTTP_DRAIN_MS);
    await Promise.all(closed);
    clearTimeout(limit);
    await this.#engine?.stop();
  }

  async #listenTcp(): Promise<Address | null> {
    const { config: { listen }, isDefaultAddress } = this.#options;
    try {
      const { port } = (await this.#listen(listen)).address() as AddressInfo;
      return { host: listen.host, port };
    } catch (error) {
      const isInUse = error instanceof HttpListenError && error.code === "EADDRINUSE";
      if (!isInUse || !isDefaultAddress) throw error;
      trace("warning", `${error.message}; the HTTP door is open at ${this.socketPath} alone`);
      return null;
    }
  }

  /** A server that listens. A socket file that a killed broker left is replaced. */
  #listen(at: Address | string): Promise<Server> {
    const isLocal = typeof at === "string";
    const server = createServer(SERVER, (incoming, outgoing) => {
      this.#connections.serve(incoming, () => this.#serve(incoming, outgoing, isLocal));
    });
    server.on("connection", (socket: Socket) => this.#connections.add(socket));
    return new Promise((resolve, reject) => {
      server.once("error", (error) => {
        const { code = error.message } = error as { code?: string };
        reject(new HttpListenError(isLocal ? at : listenerText(at), code));
      });
      const listening = (): void => {
        if (isLocal) chmodSync(at, SOCKET_MODE);
        this.#servers.push(server);
        resolve(server);
      };
      if (isLocal) removeSocket(at);
      // Nobody but our user reaches into its directory, unless an operator chose another one.
      if (isLocal) server.listen(at, listening);
      else server.listen(at.port, at.host, listening);
    });
  }

  #serve(incoming: IncomingMessage, outgoing: ServerResponse, isLocal: boolean): void {
    // Of more than 2000 Deno gives the first 2000, and of short ones it counts half of the bytes.
    if (incoming.rawHeaders.length / 2 > HTTP_HEADERS_MAX) {
      outgoing.writeHead(431, { connection: "close" }).end();
      return;
    }
    if (this.#isDraining) outgoing.shouldKeepAlive = false;
    this.#door ??= this.#load();
    this.#door.then((door) => door(incoming, outgoing, isLocal), (error: unknown) => {
      this.#door = null;
      trace("error", `http: ${error instanceof Error ? error.message : String(error)}`);
      outgoing.writeHead(500, { connection: "close" }).end();
    });
  }

  async #load(): Promise<Door> {
    const { makeDoor } = await import(later("./door.ts")) as typeof import("./door.ts");
    const { Engine } = await import(later("./engine.ts")) as typeof import("./engine.ts");
    const { allowedHosts } = await import(later("./gate.ts")) as typeof import("./gate.ts");
    const { tokens, config, shardSocketPath, start, verifier } = this.#options;
    const engine = this.#engine ??= new Engine(shardSocketPath, start);
    const hosts = this.#address === null ? new Set<string>() : allowedHosts(this.#address, config);
    const streamsMax = Math.ceil(config.connectionsMax / STREAMS_SHARE);
    const nowMs = (): number => performance.now();
    const services = { stats: this.#stats, verifier };
    return makeDoor({ engine, tokens, hosts, streamsMax, nowMs, ...services });
  }
}

function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
}
