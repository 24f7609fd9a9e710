/**
 * The way of an embedded broker's operational messages: LogTape, the only library of `base`. It is
 * silent unless its host configures LogTape (category "sluice"). `sluice serve` writes lines
 * itself (src/cli/run_broker.ts).
 */

import { getLogger } from "@logtape/logtape";
import type { TraceLevel } from "./trace.ts";

/** The sink of the main thread. */
export function traceToLogTape(level: TraceLevel, message: string): void {
  const logger = getLogger(["sluice"]);
  logger[level]("{message}", { message });
}
