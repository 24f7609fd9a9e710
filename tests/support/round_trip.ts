/** A file through `sluice produce` and `sluice consume`, for the short test and for the gate. */
import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Broker, type CommandResult, startBroker } from "./broker.ts";
import { commands, tryCommands } from "./commands.ts";
import { figure, mebibytes } from "./figures.ts";
import { copyRest, countLines, hashOf, withLineFeed, writeLines } from "./line_files.ts";
import { BROKER_RUNTIME } from "./pair.ts";
import { until } from "./until.ts";

const MIB = 1048576;
const COMMAND_WITHIN_MS = 600_000;

export class RoundTrip {
  readonly #directory: string;
  /** Without a line feed at its end, and with it. */
  readonly #input: string;
  readonly #expected: string;
  readonly #size: number;

  constructor(directory: string, sizeMib: number) {
    this.#directory = directory;
    this.#input = join(directory, "input");
    writeLines(this.#input, sizeMib * MIB);
    this.#expected = withLineFeed(this.#input);
    this.#size = statSync(this.#expected).size;
  }

  /** In and out again. */
  async proveEqual(): Promise<void> {
    const broker = await this.#start("whole");
    const sluice = commands(broker);
    await sluice(["topic", "create", "t"]);
    const produced = await sluice(["produce", "t", this.#input], { withinMs: COMMAND_WITHIN_MS });
    figure(`produce: ${produced.stderr.trim().split("\n").at(-1)}`);
    await this.#expectWhole(broker);
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
    this.#remove("whole");
  }

  /**
   * The broker is killed when `share` of the file is in its log, then once more as it comes back;
   * what it has then is a beginning of the file with all that was acknowledged. The rest follows.
   * Whether the kill came before the command was done: a quick machine may be quicker.
   */
  async proveKilled(share: number, config: readonly string[] = []): Promise<boolean> {
    const name = `killed-${share}`;
    const broker = await this.#start(name);
    const settings = config.flatMap((setting) => ["--config", setting]);
    await commands(broker)(["topic", "create", "t", ...settings]);
    const args = ["produce", "t", this.#input];
    const producing = tryCommands(broker)(args, { withinMs: COMMAND_WITHIN_MS });
    const log = join(this.#directory, name, "t-0");
    await until("enough is written", () => bytesBelow(log) >= this.#size * share, 600_000);
    await broker.kill();
    const produced = await producing;
    const acknowledged = acknowledgedBy(produced);
    await (await this.#start(name)).kill();
    await this.#finish(name, acknowledged);
    this.#remove(name);
    return produced.code !== 0;
  }

  async #finish(name: string, acknowledged: number): Promise<void> {
    const broker = await this.#start(name);
    const prefix = await this.#consume(broker);
    const size = statSync(prefix).size;
    const lines = countLines(prefix);
    figure(`killed: ${acknowledged} acknowledged, ${lines} there in ${mebibytes(size)}`);
    assert.ok(lines >= acknowledged, `${lines} records of ${acknowledged} acknowledged`);
    assert.ok(size <= this.#size, "nothing that was not sent");
    assert.equal(hashOf(prefix), hashOf(this.#expected, size), "a beginning of the file");
    const rest = join(this.#directory, "rest");
    copyRest(this.#input, Math.min(size, this.#size - 1), rest);
    await commands(broker)(["produce", "t", rest], { withinMs: COMMAND_WITHIN_MS });
    await this.#expectWhole(broker);
    assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  }

  async #expectWhole(broker: Broker): Promise<void> {
    const output = await this.#consume(broker);
    assert.equal(statSync(output).size, this.#size);
    assert.equal(hashOf(output), hashOf(this.#expected));
  }

  async #consume(broker: Broker): Promise<string> {
    const output = join(this.#directory, "output");
    const stdoutFd = openSync(output, "w");
    const consumed = await commands(broker)(["consume", "t", "-v"], {
      stdoutFd,
      withinMs: COMMAND_WITHIN_MS,
    });
    closeSync(stdoutFd);
    figure(`consume: ${consumed.stderr.trim().split("\n").at(-1)}`);
    return output;
  }

  #start(name: string): Promise<Broker> {
    const data = join(this.#directory, name);
    return startBroker({ runtime: BROKER_RUNTIME, data, readyWithinMs: 120_000 });
  }

  #remove(name: string): void {
    rmSync(join(this.#directory, name), { recursive: true });
  }
}

/** On a quick machine it was done before the kill; then all of it is acknowledged. */
function acknowledgedBy({ code, stderr }: CommandResult): number {
  const pattern = code === 0
    ? /^(\d+) records?, .* last offset (-?\d+), level \w+$/m
    : /^acknowledged (\d+) records, last offset (-?\d+)$/m;
  const [, records, lastOffset] = pattern.exec(stderr) ?? [];
  assert.ok(records !== undefined, `code ${code}: ${stderr}`);
  assert.equal(Number(lastOffset), Number(records) - 1, "offsets count from 0 without a gap");
  return Number(records);
}

/** Bytes of the files in a directory; 0 while there is none. */
function bytesBelow(log: string): number {
  try {
    return readdirSync(log).reduce((sum, name) => sum + statSync(join(log, name)).size, 0);
  } catch {
    return 0;
  }
}
