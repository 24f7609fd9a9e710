/**
 * SIGKILL, again and again, on one directory.
 *
 *     four in five   start, judge, load, kill 20 to 800 ms after the load began
 *     one in five    start and kill before it serves, on what the last kill under load left
 *     one in ten     and two recoveries in a row leave the same bytes
 */
import assert from "node:assert/strict";
import { type Broker, startBroker } from "../broker.ts";
import { BROKER_RUNTIME } from "../pair.ts";
import { pause } from "../until.ts";
import type { Proof } from "./proof.ts";

const RECOVERY_EVERY = 5;
const TWICE_EVERY = 10;
const LOAD_MS_MIN = 20;
const LOAD_MS_MAX = 800;
/** The runtime itself is not yet up before that. */
const START_MS_MIN = 10;

export class KillCycles {
  readonly proof: Proof;
  kills = 0;
  /** Of them: while it started, before it served. */
  inRecovery = 0;
  #startMs = 200;

  constructor(proof: Proof) {
    this.proof = proof;
  }

  async run(cycles: number): Promise<void> {
    for (let i = 0; i < cycles; i += 1) {
      this.kills += 1;
      if (this.kills % RECOVERY_EVERY === 0) await this.#killStarting();
      else await this.#killUnderLoad();
      if (this.kills % TWICE_EVERY === 0) await this.proof.recoverTwice();
    }
    const broker = await this.#start();
    await this.proof.judge(broker);
    await broker.kill();
  }

  async #start(): Promise<Broker> {
    const startedMs = performance.now();
    const broker = await this.proof.start();
    this.#startMs = performance.now() - startedMs;
    return broker;
  }

  async #killUnderLoad(): Promise<void> {
    const { proof } = this;
    const broker = await this.#start();
    await proof.judge(broker);
    await proof.load.begin(broker.port);
    await pause(proof.prng.between(LOAD_MS_MIN, LOAD_MS_MAX));
    const { signal } = await broker.kill();
    assert.equal(signal, "SIGKILL", `it was still there: ${broker.stderr()}`);
    await proof.load.end();
  }

  /** `startBroker` kills what is not ready in time; that time is drawn from what a start takes. */
  async #killStarting(): Promise<void> {
    const { data, prng } = this.proof;
    const latestMs = Math.max(START_MS_MIN, Math.ceil(this.#startMs));
    const readyWithinMs = prng.between(START_MS_MIN, latestMs);
    const broker = await startBroker({ runtime: BROKER_RUNTIME, data, readyWithinMs })
      .catch((error: Error) => {
        assert.match(error.message, /^not ready within/, "it ended by itself");
        this.inRecovery += 1;
        return null;
      });
    await broker?.kill();
  }
}
