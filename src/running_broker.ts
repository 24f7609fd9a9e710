/**
 * A broker that runs in this process: what `sluice serve` serves with, and what an embedded one
 * (embed.ts) is inside. The main thread is a client of its shard like any other, over the Unix
 * socket.
 *
 *     shard asks (postMessage) -> server/control.ts: durable -> control operation -> answer
 *
 * Invariant: a broker that lost its shard does not go on half alive: `closed` rejects, and the
 * data directory stays locked until the process ends, because the shard may still write. A start
 * that does not reach its shard stops it.
 */

import type { Address } from "./address.ts";
import type { HttpServer } from "./admin/serve.ts";
import { setTraceSink } from "./base/trace.ts";
import type { BrokerOptions } from "./config.ts";
import { SettingSource } from "./format/broker_settings.ts";
import { ADMIN_TOKEN_FILE } from "./format/file_names.ts";
import { controlOperation } from "./native/control_operations.ts";
import { operation } from "./native/operations.ts";
import { ControlConnection, ControlRefused } from "./server/control_connection.ts";
import { Control, type ShardLink } from "./server/control.ts";
import { sourcesOf } from "./server/setting_entries.ts";
import { type ShardRequest, Supervisor } from "./server/supervisor.ts";
import { Threads } from "./server/threads.ts";
import type { UnixSocket } from "./server/unix_socket.ts";
import { closeHttp, openHttp } from "./open_http.ts";
import { PROGRAM } from "./version.ts";

const ADD_TOPIC = controlOperation("add_topic");
const ANSWER = controlOperation("answer");
const APPLY_CONFIG = controlOperation("apply_config");
const CHANGE_TOPIC = controlOperation("change_topic");
const LOG_START = controlOperation("log_start");
const PING = operation("ping");
const PRODUCER_IDS = controlOperation("producer_ids");
const REMOVE_TOPIC = controlOperation("remove_topic");
const STOP = controlOperation("stop");

/** The broker cannot go on and has to be started again; the message says why. */
export class BrokerFailed extends Error {
  override name = "BrokerFailed";
}

/** Where the HTTP door is, and what opens it. */
export interface HttpAddresses {
  /** Null: something else listens at the default address, and nobody chose another one. */
  readonly address: Address | null;
  /** A Unix socket that needs no token: its file's permissions say who may use it. */
  readonly socketPath: string;
  /** Path of the file with the token that may do everything. */
  readonly adminTokenFile: string;
}

export class RunningBroker {
  /** Settles when the broker has stopped; rejects with BrokerFailed when it cannot go on. */
  readonly closed: Promise<void>;
  readonly #supervisor: Supervisor;
  readonly #connection: ControlConnection;
  readonly #control: Control;
  #stopping: Promise<void> | null = null;
  /** While the run is short enough to count, should it not end cleanly. */
  readonly #shortRun: ReturnType<typeof setTimeout>;
  #http: Promise<HttpServer> | null;
  #failure: BrokerFailed | null = null;
  /** The shard has answered stop: that its connection ends is no failure. */
  #hasStopped = false;
  readonly #settle: { resolve: () => void; reject: (error: Error) => void };

  private constructor(
    supervisor: Supervisor,
    connection: ControlConnection,
    http: Promise<HttpServer> | null,
  ) {
    this.#supervisor = supervisor;
    this.#http = http;
    this.#connection = connection;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#settle = { resolve, reject };
    promise.catch(() => {}); // who does not listen is not ended by it
    this.#control = new Control({
      keeper: supervisor.keeper,
      shard: linkTo(connection),
      settings: (changes) => supervisor.settings(changes),
      partitionsMax: supervisor.partitionsMax,
      pause: (milliseconds) => new Promise((wake) => setTimeout(wake, milliseconds)),
      fail: (error) => this.#fail(error),
    });
    this.#shortRun = setTimeout(() => supervisor.forgetRun(), supervisor.countRun());
    void connection.ended.then((error) => this.#fail(error));
    void supervisor.threads.failed.then((error) => this.#fail(error));
    supervisor.serve((request) => this.#serve(request));
  }

  /**
   * Starts a broker; it serves when the promise settles. Throws ConfigError, DirectoryError,
   * CatalogueError, StorageError or StartError, each with a message that says what to do.
   */
  static async start(
    options: BrokerOptions = {},
    threads: Threads = new Threads(),
  ): Promise<RunningBroker> {
    try {
      const { traceToLogTape } = await import("./base/trace_log.ts");
      const { parseConfig } = await import("./config.ts");
      setTraceSink(traceToLogTape);
      const sources = sourcesOf(options, SettingSource.commandLine);
      const supervisor = await Supervisor.start(parseConfig(options), PROGRAM, threads, sources);
      return await RunningBroker.over(supervisor, await supervisor.connect(), null);
    } catch (error) {
      await threads.terminate();
      throw error;
    }
  }

  /**
   * The broker of a shard that serves already, over a socket to it, and perhaps with a door that is
   * open. Until this settles topics are neither made nor changed: who asks for it waits. Throws
   * BrokerFailed.
   */
  static async over(
    supervisor: Supervisor,
    socket: UnixSocket,
    http: Promise<HttpServer> | null,
  ): Promise<RunningBroker> {
    const connecting = ControlConnection.over(socket);
    supervisor.keeper.makeReserve(); // megabytes: not before clients are served
    try {
      return new RunningBroker(supervisor, await connecting, http);
    } catch (error) {
      throw failure(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Where clients connect. */
  get addresses(): { native: Address } {
    return { native: this.#supervisor.native };
  }

  /**
   * Opens the HTTP door as the configuration says (`http`); settles when it listens. An embedding
   * program that wants none does not call it. Throws HttpListenError, and StartError for a file
   * that holds no token.
   */
  async serveHttp(): Promise<HttpAddresses> {
    if (this.#stopping !== null) throw new BrokerFailed("the broker is stopping");
    this.#http ??= openHttp(this.#supervisor);
    const { address, socketPath } = await this.#http;
    const { path } = this.#supervisor.directory;
    return { address, socketPath, adminTokenFile: `${path}/${ADMIN_TOKEN_FILE}` };
  }

  /** Settles when the shard has answered; it rejects when there is none. */
  async isAlive(): Promise<void> {
    await this.#connection.request(PING, {});
  }

  /** Drains, syncs everything and marks the directory clean. Throws BrokerFailed. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#shortRun);
    await closeHttp(this.#http);
    await this.#control.finish();
    if (this.#failure !== null) throw this.#failure;
    try {
      await this.#connection.request(STOP, {});
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      throw this.#failure;
    }
    this.#hasStopped = true;
    this.#connection.close();
    await this.#supervisor.close((entries) => this.#control.finishCheckpoints(entries));
    this.#settle.resolve();
  }

  #serve(request: ShardRequest): void {
    switch (request.kind) {
      case "create_topic":
        return this.#control.createTopic(request.token, request.topic);
      case "delete_topic":
        return this.#control.deleteTopic(request.token, request.name);
      case "alter_topic":
        return this.#control.alterTopic(request.token, request.name, request);
      case "add_partitions":
        return this.#control.addPartitions(request.token, request.name, request.partitions);
      case "producer_ids":
        return this.#control.giveProducerIds();
      case "alter_config":
        return this.#control.alterConfig(request.token, request);
      case "checkpoint":
        return this.#control.checkpoint(request.entries);
      case "disk_ok":
        return this.#control.diskIsOk();
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== null || this.#hasStopped) return;
    this.#failure = failure(error);
    clearTimeout(this.#shortRun);
    this.#settle.reject(this.#failure);
  }
}

function failure(error: Error): BrokerFailed {
  return new BrokerFailed(`the broker cannot go on: ${error.message}`, { cause: error });
}

/** The shard behind the connection. A refusal that is no bug becomes a value. */
function linkTo(connection: ControlConnection): ShardLink {
  return {
    addTopic: async ({ config, points, ...topic }) => {
      try {
        const lists = { config: [...config], points: [...points] };
        await connection.request(ADD_TOPIC, { ...topic, ...lists });
        return "";
      } catch (error) {
        if (error instanceof ControlRefused) return error.message;
        throw error;
      }
    },
    removeTopic: async (name, topicId) => {
      await connection.request(REMOVE_TOPIC, { name, topicId });
    },
    changeTopic: async (name, topicId, config) => {
      await connection.request(CHANGE_TOPIC, { name, topicId, config: [...config] });
    },
    applyConfig: async (entries) => {
      await connection.request(APPLY_CONFIG, { entries: [...entries] });
    },
    logStart: async ({ topic, topicId, partition, logStart }) => {
      await connection.request(LOG_START, { topic, topicId, partition, offset: logStart });
    },
    producerIds: async (block) => {
      await connection.request(PRODUCER_IDS, block);
    },
    answer: async (token, answer) => {
      await connection.request(ANSWER, { token, ...answer });
    },
  };
}
