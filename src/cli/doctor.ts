/**
 * `sluice doctor`: what on this machine will trouble a broker, before it does; each line with what
 * to do. Takes the options of `serve`, so that it looks at the same directory and address.
 *
 *     ok       sync latency  p50 310 µs, p99 900 µs, of 100 syncs of 4 KiB
 *     warning  cachestat     refused (ENOSYS): cold reads are found by probing
 *
 * A signal ends it early: what was found until then is printed.
 */

import net from "node:net";
import { errnoName } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import { listenerText } from "../address.ts";
import { type BrokerConfig, parseConfig } from "../config.ts";
import { Connection } from "../client/connection.ts";
import { TARGET } from "../version.ts";
import { CatalogueError, loadCatalogue } from "../log/catalogue.ts";
import { judgeClock } from "../server/clock.ts";
import { judgeDescriptors, readDescriptorsMax } from "../server/descriptors.ts";
import * as judge from "./doctor/findings.ts";
import { type Finding, ok } from "./doctor/findings.ts";
import { openPlace, type Place, probeAio, probeDisk, systemText } from "./doctor/probe.ts";
import { ExitCode } from "./exit_codes.ts";
import type { DoctorCommand } from "./serve_command.ts";
import { brokerOptions, resolveSettings } from "./settings.ts";
import { sayCutShort } from "./report.ts";
import { Pauses, watchSignals } from "./signals.ts";
import { type Color, type Column, printRows } from "./table.ts";
import { readEnvironment, settingVariables } from "./variables.ts";
import { runtimeText } from "./version.ts";

const CLOCK_WATCH_MS = 250;
const TMPFS = 0x1021994;
const PING_MS = 2000;

const COLORS: Readonly<Record<Finding["state"], Color>> = {
  ok: "green",
  warning: "yellow",
  fail: "red",
};

const COLUMNS: readonly Column<Finding>[] = [
  { title: "STATE", text: ({ state }) => state, color: ({ state }) => COLORS[state] },
  { title: "CHECK", text: ({ check }) => check },
  { title: "FOUND", text: ({ text, hint }) => hint === "" ? text : `${text}. ${hint}` },
];

export async function doctor(command: DoctorCommand): Promise<ExitCode> {
  const signal = watchSignals();
  const findings: Finding[] = [];
  for await (const finding of look(command, new Pauses(signal))) {
    if (signal.aborted) break; // half of a measurement is none
    findings.push(finding);
  }
  await printRows(command, COLUMNS, findings);
  if (signal.aborted) return sayCutShort("the rest was not looked at");
  return findings.some(({ state }) => state === "fail") ? ExitCode.failed : ExitCode.success;
}

async function* look(command: DoctorCommand, pauses: Pauses): AsyncGenerator<Finding> {
  const { libc } = await import("../server/tools_libc.ts");
  const config = parseConfig(brokerOptions(resolveSettings({
    file: command.file ?? readEnvironment("SLUICE_CONFIG"),
    environment: settingVariables(),
    said: command.said,
  })));
  yield runtime();
  yield kernel(libc);
  yield* limits(libc);
  yield* directory(libc, config, pauses);
  yield* await clock(libc);
  yield await port(config);
  yield* await httpPort(config);
}

function runtime(): Finding {
  return ok("runtime", TARGET === "" ? runtimeText() : `${runtimeText()}, executable`);
}

function kernel(libc: Libc): Finding {
  return ok("kernel", `Linux ${systemText(libc, "/proc/sys/kernel/osrelease").trim()}`);
}

function limits(libc: Libc): Finding[] {
  const number = (path: string): number => Number(systemText(libc, path).trim());
  const aio = judge.judgeAio(
    probeAio(libc),
    number("/proc/sys/fs/aio-nr"),
    number("/proc/sys/fs/aio-max-nr"),
  );
  const group = /^0::(.*)$/m.exec(systemText(libc, "/proc/self/cgroup"))?.[1] ?? "";
  return [
    aio,
    judge.judgeHugePages(systemText(libc, "/sys/kernel/mm/transparent_hugepage/enabled")),
    judge.judgeIoLimits(systemText(libc, `/sys/fs/cgroup${group}/io.max`)),
  ];
}

/** Everything about the data directory, or the place where it would be made. */
async function* directory(
  libc: Libc,
  config: BrokerConfig,
  pauses: Pauses,
): AsyncGenerator<Finding> {
  const { dataDirectory } = config;
  const place = openPlace(libc, dataDirectory);
  if (typeof place === "number") {
    yield judge.fail("data directory", `${dataDirectory}: ${errnoName(-place)}`, OWNER);
    return;
  }
  try {
    const [content, partitions] = catalogue(libc, place, config);
    yield content;
    yield files(readDescriptorsMax(libc), partitions, config);
    yield* disk(libc, place, pauses);
  } finally {
    libc.close(place.fd);
  }
}

const OWNER = "Run this as the user that will run the broker, to whom the directory belongs.";

/** What lies in the directory, and how many partitions. */
function catalogue(libc: Libc, place: Place, config: BrokerConfig): [Finding, number] {
  const check = "data directory";
  const { dataDirectory, initialise } = config;
  if (!place.isThere) {
    const text = `${dataDirectory} is not there`;
    if (initialise) return [ok(check, `${text}; serve makes it`), 0];
    return [judge.fail(check, text, "Mount its disk, or start without --no-init."), 0];
  }
  try {
    const found = loadCatalogue(libc, place.fd);
    if (found === null) return [ok(check, `${dataDirectory} has no catalogue yet`), 0];
    const partitions = found.topics.reduce((sum, topic) => sum + topic.partitions, 0);
    const text = `${dataDirectory}: ${found.topics.length} topics, ${partitions} partitions`;
    return [ok(check, text), partitions];
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const hint = error instanceof CatalogueError ? "" : OWNER;
    return [judge.fail(check, text, hint), 0];
  }
}

function files(max: number, partitions: number, { connections, http }: BrokerConfig): Finding {
  const ofHttp = http.enabled ? http.connectionsMax : 0;
  const { level, message } = judgeDescriptors(max, partitions, connections.max, ofHttp);
  const check = "open files";
  if (level === "none") return ok(check, `limit ${max}, enough for ${connections.max} connections`);
  const hint = "Raise it: ulimit -n 65536, or LimitNOFILE=65536 of a service.";
  return level === "error" ? judge.fail(check, message, hint) : judge.warning(check, message, hint);
}

async function* disk(
  libc: Libc,
  { fd, path }: Place,
  pauses: Pauses,
): AsyncGenerator<Finding> {
  const status = libc.fileSystemStatus();
  if (libc.fstatfs(fd, status) < 0) return;
  yield judge.judgeFileSystem(status.type);
  yield judge.judgeFreeSpace(status.availableBytes, status.totalBytes);
  const probe = await probeDisk(libc, fd, () => pauses.hasEnd());
  if (typeof probe === "number") {
    const text = `${path}: nothing can be written (${errnoName(-probe)})`;
    yield judge.fail("writing", text, OWNER);
    return;
  }
  yield judge.judgeSync(probe.latenciesUs, status.type >>> 0 === TMPFS);
  yield judge.judgeCachestat(probe.cachestat);
  yield judge.judgeNoWait(probe.noWait);
}

async function clock(libc: Libc): Promise<Finding[]> {
  const before = { wallMs: libc.wallMs(), monotonicMs: libc.monotonicMs() };
  await new Promise((wake) => setTimeout(wake, CLOCK_WATCH_MS));
  const wallMs = libc.wallMs();
  const problem = judgeClock(wallMs);
  const time = new Date(wallMs).toISOString();
  return [
    problem === "" ? ok("clock", time) : judge.fail("clock", problem, ""),
    judge.judgeStep(wallMs - before.wallMs, libc.monotonicMs() - before.monotonicMs),
  ];
}

/** Whether the address is free, or has a broker already. */
async function port({ native }: BrokerConfig): Promise<Finding> {
  const check = "address";
  const text = `${native.host}:${native.port}`;
  const reason = await listenOnce(native.host, native.port);
  if (reason === "") return ok(check, `${text} is free`);
  const broker = await versionAt(native);
  if (broker !== null) return ok(check, `${text}: ${broker} answers there`);
  const hint = reason === "EADDRINUSE"
    ? "Something else listens there: stop it, or choose another address with --native."
    : "Choose another address with --native.";
  return judge.fail(check, `${text}: ${reason}`, hint);
}

/** Whoever listens there may be this broker: nobody is asked. */
async function httpPort({ http: { enabled, listen } }: BrokerConfig): Promise<Finding[]> {
  if (!enabled) return [];
  const check = "HTTP address";
  const text = listenerText(listen);
  const reason = await listenOnce(listen.host, listen.port);
  if (reason === "") return [ok(check, `${text} is free`)];
  const hint = "Unless this broker runs already: choose another one with --http, or say --no-http.";
  return [judge.warning(check, `${text}: ${reason}`, hint)];
}

/** "" when it can be listened on, else the reason. */
function listenOnce(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", (error) => {
      resolve(String((error as { code?: unknown }).code ?? error.message));
    });
    server.listen(port, host, () => server.close(() => resolve("")));
  });
}

async function versionAt(address: BrokerConfig["native"]): Promise<string | null> {
  try {
    const connection = await Connection.connect(address, { timeoutMs: PING_MS });
    connection.close();
    return connection.broker.brokerVersion;
  } catch {
    return null;
  }
}
