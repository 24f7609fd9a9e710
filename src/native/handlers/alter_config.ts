/**
 * Operation alter_config: checked here, made durable by the main thread, put in force by
 * apply_config, answered afterwards.
 */

import { changeSettings } from "../../format/broker_settings.ts";
import { ErrorCodes } from "../../format/errors.ts";
import { decodeBody } from "../codec.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import type { Session } from "../session.ts";

const ALTER_CONFIG = operation("alter_config");

export function alterConfig(door: NativeDoor, session: Session, request: Request): number {
  const { memory, start, end, correlation } = request;
  const body = decodeBody(ALTER_CONFIG.request, memory.bytes, start, end);
  const changed = changeSettings([], body);
  if (typeof changed === "string") throw new RequestError(ErrorCodes.invalid_config, changed);
  door.server.alterConfig(door.park(session, correlation, "alter_config"), body);
  return HANDLED;
}
