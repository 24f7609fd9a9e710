/** Operation list_groups: the groups that have offsets. */

import { ErrorCodes } from "../../format/errors.ts";
import { LIST_ELEMENTS_MAX } from "../../limits.ts";
import { decodeBody } from "../codec.ts";
import type { NativeDoor } from "../door.ts";
import { operation } from "../operations.ts";
import { replyBody } from "../replies.ts";
import { HANDLED, type Request, RequestError } from "../request.ts";
import type { Session } from "../session.ts";

const LIST_GROUPS = operation("list_groups");
/** Until groups have members. */
const EMPTY = "empty";

export function listGroups(door: NativeDoor, session: Session, request: Request): number {
  const { start, end } = request;
  const { prefix } = decodeBody(LIST_GROUPS.request, request.memory.bytes, start, end);
  const { store, listRefusal } = door.broker.offsets;
  if (listRefusal !== ErrorCodes.none) throw new RequestError(listRefusal);
  const groups = [...store.groups.values()]
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, committed }) => ({ group: name, state: EMPTY, offsets: committed }))
    .filter(({ offsets }) => offsets > 0) // the first commit of a group may not be durable yet
    .sort((a, b) => (a.group < b.group ? -1 : 1))
    .slice(0, LIST_ELEMENTS_MAX);
  replyBody(session, request.correlation, LIST_GROUPS.version, LIST_GROUPS.reply, { groups });
  door.server.queueSend(session.slot);
  return HANDLED;
}
