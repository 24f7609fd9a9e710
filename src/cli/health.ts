/**
 * `sluice health`: asks a broker's `/readyz` whether clients are served, for health checks of
 * containers and scripts. One line, and the exit code.
 *
 *     ready: 3 partitions, disk ok                                                 0
 *     recovering: 2 of 3 partitions                                                1
 *     stopping                                                                     1
 *     no answer: ENOENT at ./sluice-data/run/http.sock                             1
 *
 * By the Unix socket of the data directory, which needs neither a port nor a name; or at an
 * address.
 *
 * Invariant: it ends, and within HEALTH_MS where nobody answers; what it says is on standard output
 * whatever the answer is, because that is what whoever checks keeps.
 */

import { type IncomingMessage, request } from "node:http";
import { type Address, listenerText } from "../address.ts";
import { DEFAULTS } from "../config_defaults.ts";
import { HTTP_SOCKET_FILE, RUN_DIRECTORY } from "../format/file_names.ts";
import { ExitCode } from "./exit_codes.ts";
import type { HealthCommand } from "./node_commands.ts";
import { printOne } from "./table.ts";
import { readEnvironment, settingVariables } from "./variables.ts";

/** A broker that is alive answers at once. */
const HEALTH_MS = 5000;
const PATH = "/readyz";
const READY = 200;
const NOT_READY = 503;

type Place = { readonly address: Address } | { readonly socketPath: string };

/** What `/readyz` answers with (src/admin/routes/health.ts), as far as the line needs it. */
interface Readiness {
  readonly status: string;
  readonly recovery?: { readonly partitionsDone: number; readonly partitions: number };
  readonly partitions?: {
    readonly count: number;
    readonly degraded: number;
    readonly failed: number;
  };
  readonly disk?: { readonly state: string };
}

export async function health(command: HealthCommand): Promise<ExitCode> {
  const place = await placeOf(command);
  const at = "address" in place ? listenerText(place.address) : place.socketPath;
  try {
    const { code, body } = await ask(place);
    const readiness = readinessOf(code, body);
    await printOne(command, { at, ...readiness }, healthText(readiness));
    return code === READY ? ExitCode.success : ExitCode.failed;
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    const reason = code ?? message;
    await printOne(command, { at, status: "no answer", reason }, `no answer: ${reason} at ${at}`);
    return ExitCode.failed;
  }
}

/** What was said, or what the environment or a file of settings says, or the default. */
async function placeOf({ http, data, runDirectory }: HealthCommand): Promise<Place> {
  if (http !== undefined) return { address: http };
  const environment = settingVariables();
  const file = readEnvironment("SLUICE_CONFIG");
  let found = { dataDirectory: data, runDirectory };
  if (file !== undefined || Object.keys(environment).length > 0) {
    const { brokerOptions, resolveSettings } = await import("./settings.ts");
    const options = brokerOptions(resolveSettings({ file, environment, said: found }));
    found = { dataDirectory: options.dataDirectory, runDirectory: options.runDirectory };
  }
  const directory = found.dataDirectory ?? DEFAULTS.dataDirectory;
  const run = found.runDirectory ?? `${directory}/${RUN_DIRECTORY}`;
  return { socketPath: `${run}/${HTTP_SOCKET_FILE}` };
}

/** The answer. Rejects where none comes in time. */
async function ask(place: Place): Promise<{ code: number; body: string }> {
  const where = "address" in place ? place.address : place;
  const asked = request({ ...where, path: PATH, agent: false });
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number; body: string }>();
  asked.once("response", (answer: IncomingMessage) => {
    let body = "";
    answer.setEncoding("utf8").on("data", (piece: string) => (body += piece));
    answer.once("end", () => resolve({ code: answer.statusCode ?? 0, body }));
    answer.once("error", reject);
  });
  asked.once("error", reject);
  const late = new Error(`nothing whole came within ${HEALTH_MS} ms`);
  const limit = setTimeout(() => reject(late), HEALTH_MS);
  asked.end();
  try {
    return await promise;
  } finally {
    clearTimeout(limit);
    asked.destroy();
  }
}

/** Throws where somebody else listens there, and where the door does not know the name. */
function readinessOf(code: number, body: string): Readiness {
  if (code === READY || code === NOT_READY) {
    const found: unknown = JSON.parse(body);
    if (isReadiness(found)) return found;
  }
  throw new Error(`HTTP status ${code}, which is no answer to ${PATH}`);
}

function isReadiness(found: unknown): found is Readiness {
  return typeof found === "object" && found !== null && "status" in found &&
    typeof found.status === "string";
}

/** For people. */
export function healthText({ status, recovery, partitions, disk }: Readiness): string {
  const parts: string[] = [];
  if (recovery !== undefined) {
    parts.push(`${recovery.partitionsDone} of ${recovery.partitions} partitions`);
  }
  if (partitions !== undefined) {
    const { count, degraded, failed } = partitions;
    parts.push(`${count} ${count === 1 ? "partition" : "partitions"}`);
    if (degraded > 0) parts.push(`${degraded} degraded`);
    if (failed > 0) parts.push(`${failed} failed`);
  }
  if (disk !== undefined) parts.push(`disk ${disk.state}`);
  return parts.length === 0 ? status : `${status}: ${parts.join(", ")}`;
}
