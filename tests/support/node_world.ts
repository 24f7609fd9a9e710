/**
 * A whole shard in the test's own thread: real sockets, real files, and turns that the test takes
 * one by one. Its clients are libc sockets that never block.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { libc } from "#ffi";
import {
  AF_INET,
  AF_UNIX,
  AT_FDCWD,
  ECONNRESET,
  IPPROTO_TCP,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  O_DIRECTORY,
  O_RDONLY,
  SOCK_STREAM,
  TCP_NODELAY,
} from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { JOB_RING_BYTES, JobRing } from "../../src/base/job_ring.ts";
import type { ConfigEntry } from "../../src/format/topic_config.ts";
import type { ShardMessage, SyncStart } from "../../src/server/messages.ts";
import { type ConnectionsConfig, parseConfig } from "../../src/config.ts";
import { Node } from "../../src/server/node.ts";
import { openTopic } from "../../src/server/open_topic.ts";
import { closeNode } from "../../src/server/stop.ts";
import { turn } from "../../src/server/turn.ts";
import { concat } from "./batches.ts";
import { FaultyLibc } from "./faulty_libc.ts";
import * as frames from "./frames.ts";
import type { WireReply } from "./native_world.ts";
import { temporaryDirectory } from "./temporary.ts";

/** No turn waits longer, so that a test that is wrong fails instead of hanging. */
const WAIT_MS_MAX = 5;
const STEP_MS = 50;
const TURNS_MAX = 4000;
/** Without workers, and a group begins at once. */
const SYNC = { method: "aio", fileSystem: false, rings: [], waitShare: 0 } as const;
const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;

export class NodeWorld {
  readonly root: string;
  readonly faulty: FaultyLibc = new FaultyLibc(libc);
  readonly node: Node;
  readonly jobs: JobRing = new JobRing(new SharedArrayBuffer(JOB_RING_BYTES));
  readonly messages: ShardMessage[] = [];
  /** What the poller was asked to wait, turn by turn. */
  readonly waits: number[] = [];
  /** Milliseconds that the test has let pass. */
  passedMs = 0;
  #waitMsMax = WAIT_MS_MAX;
  readonly #socketPath: string;

  constructor(
    root: string = temporaryDirectory("node"),
    inner: (world: NodeWorld) => Libc = real,
    settings: Partial<ConnectionsConfig> = {},
    sync: Partial<SyncStart> = {},
  ) {
    this.root = root;
    this.#socketPath = join(root, "s.sock");
    const dataFd = libc.openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0);
    this.faulty.plan = (call, args) => this.#patience(call, args);
    this.node = new Node(
      inner(this),
      {
        nodeId: 0,
        nodeEpoch: 1,
        version: "sluice test",
        dataFd,
        clean: true,
        topics: [],
        nativeAdvertised: undefined,
        native: { host: "127.0.0.1", port: 0 },
        socketPath: this.#socketPath,
        coldReads: parseConfig({}).coldReads,
        jobs: new SharedArrayBuffer(JOB_RING_BYTES),
        connections: { ...parseConfig({}).connections, ...settings },
        settings: [],
        descriptorsMax: Infinity,
        sync: { ...parseConfig({}).sync, ...SYNC, ...sync },
      },
      this.jobs,
      (message) => this.messages.push(message),
    );
    this.node.listen();
  }

  /** Opens a topic as a start does. */
  addTopic(name: string, partitions: number = 1, config: readonly ConfigEntry[] = []): void {
    const topicId = "01234567-89ab-4cde-8f01-23456789abcd";
    openTopic(this.node, { name, topicId, partitions, config, points: [] }, true);
  }

  turns(count: number): void {
    for (let i = 0; i < count; i += 1) turn(this.node);
  }

  /**
   * Lets time pass as it does while the loop runs; a leap would count as a stopped process. The
   * turns themselves wait for nothing.
   */
  pass(ms: number): void {
    this.#waitMsMax = 0;
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.passedMs += Math.min(left, STEP_MS);
      turn(this.node);
    }
    this.#waitMsMax = WAIT_MS_MAX;
  }

  /** Turns until `done`; fails when that never comes. */
  until(done: () => boolean, what: string): void {
    for (let i = 0; !done(); i += 1) {
      assert.ok(i < TURNS_MAX, `it never came to this: ${what}`);
      turn(this.node);
    }
  }

  /** A connection to a listener; no hello is said yet. */
  connect(control: boolean = false): NodeClient {
    const fd = libc.socket(control ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    const tcp = {
      family: "inet",
      host: "127.0.0.1",
      port: this.node.nativeAddress().port,
    } as const;
    const path = this.#socketPath;
    assert.equal(libc.connect(fd, control ? { family: "unix", path } : tcp), 0);
    if (!control) libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return new NodeClient(this, fd);
  }

  /** One that has said hello and opened partition 0 of "t" as handle 0. */
  client(): NodeClient {
    const client = this.connect();
    client.send(frames.hello());
    client.send(frames.request("open_partition", { topic: "t", partition: 0 }));
    client.receive(2);
    return client;
  }

  end(): void {
    closeNode(this.node);
    libc.close(this.node.start.dataFd);
  }

  #patience(call: string, args: readonly unknown[]): undefined {
    if (call !== "epollWait") return undefined;
    const wait = args[2] as number;
    this.waits.push(wait);
    (args as unknown[])[2] = wait < 0 ? this.#waitMsMax : Math.min(wait, this.#waitMsMax);
    return undefined;
  }
}

/**
 * The real libc with bounded waits, a clock that the test can put forward, quick syncs, and the
 * calls of `instead`.
 */
export function real(world: NodeWorld, instead: Partial<Libc> = {}): Libc {
  const inner = world.faulty.libc;
  return new Proxy(inner, {
    get: (_, name) => {
      if (name === "monotonicMs") return () => libc.monotonicMs() + world.passedMs;
      if (name === "fsync") return () => 0;
      if (name in instead) return Reflect.get(instead, name);
      return Reflect.get(inner, name);
    },
  });
}

export class NodeClient {
  readonly fd: number;
  #rest: Uint8Array = new Uint8Array(0);
  /** The broker has ended the stream. */
  ended = false;
  readonly #world: NodeWorld;

  constructor(world: NodeWorld, fd: number) {
    this.#world = world;
    this.fd = fd;
  }

  /** Sends all of `bytes`, turning where the socket is full. */
  send(bytes: Uint8Array): void {
    const memory = libc.allocate(Math.max(1, bytes.length));
    memory.bytes.set(bytes);
    let sent = 0;
    this.#world.until(() => {
      const more = libc.send(this.fd, memory, sent, bytes.length - sent, SEND_FLAGS);
      sent += Math.max(0, more);
      return sent === bytes.length;
    }, "all is sent");
  }

  /** Takes what has arrived, without a turn. */
  take(): WireReply[] {
    const memory = libc.allocate(65536);
    let took = 0;
    do {
      took = libc.recv(this.fd, memory, 0, memory.size, MSG_DONTWAIT);
      if (took > 0) this.#rest = concat([this.#rest, memory.bytes.slice(0, took)]);
    } while (took > 0);
    if (took === 0 || took === -ECONNRESET) this.ended = true;
    return this.#parse();
  }

  /** Turns until `count` replies are here. */
  receive(count: number): WireReply[] {
    const replies: WireReply[] = [];
    this.#world.until(() => {
      replies.push(...this.take());
      return replies.length >= count;
    }, `${count} replies`);
    assert.equal(replies.length, count);
    return replies;
  }

  ask(bytes: Uint8Array): WireReply {
    this.send(bytes);
    return this.receive(1)[0]!;
  }

  close(): void {
    libc.close(this.fd);
  }

  #parse(): WireReply[] {
    const replies: WireReply[] = [];
    for (;;) {
      const bytes = this.#rest;
      if (bytes.length < 4) return replies;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const size = view.getUint32(0) + 4;
      if (bytes.length < size) return replies;
      replies.push({
        code: view.getUint16(4),
        version: view.getUint8(6),
        flags: view.getUint8(7),
        correlation: view.getUint32(8),
        body: bytes.slice(12, size),
      });
      this.#rest = bytes.slice(size);
    }
  }
}
