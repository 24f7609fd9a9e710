/**
 * What an operation's fields cannot say, in words, for `docs/PROTOCOL.md` and for who implements
 * it. One rule an entry.
 */

import { CREDIT_MAX, METADATA_TOPICS_MAX, PUSH_SIZE_MAX, PUSH_UNSENT_MAX } from "../limits.ts";
import { KiB, MiB } from "../base/units.ts";
import type { OperationName } from "./operations.ts";

export const OPERATION_RULES: { readonly [N in OperationName]?: readonly string[] } = {
  metadata: [
    `One request names at most ${METADATA_TOPICS_MAX} topics; more are refused with ` +
    "invalid_request. Ask again for the others, or for all.",
    "Behind a port mapping the address is the one that was advertised (nativeAdvertised). A " +
    "client that reached a node elsewhere goes on asking it there; of a node that it has not met " +
    "it takes the address.",
  ],
  produce: [
    "With acks 0 there is no reply, not even an error: a batch that is refused, and one for a " +
    "topic that was deleted, is lost without a word. A request that no batch can make good " +
    "(unknown handle, reserved not zero, it ends before the batch) ends the connection, " +
    "and so does any that comes while the broker stops; replies to earlier requests come first.",
  ],
  "commit_offsets": [
    "An offset is committed alone: where others of the request are refused, their results say " +
    "so, and the error of the reply is 0. When the whole request is refused nothing of it is " +
    "committed.",
    "Replies of one connection may come in another order than the requests, where they are of " +
    "different groups; those of one group keep their order, and the later one counts.",
    "What was committed to a topic goes with it: a new topic of its name has no offsets.",
    "group_loading is answered for a moment after a start: ask again.",
  ],
  "fetch_offsets": [
    "It shows what is durable. A group, topic or partition that is not there has no offset, " +
    "which is no error: `offset` is -1.",
  ],
  "offset_times": [
    "No answer waits for the disk, unless --cold-reads is off. What is not in the page cache is " +
    "storage_slow, for its place alone, and the broker reads it in the background: ask again.",
  ],
  "group_lags": [
    "No answer waits for the disk, unless --cold-reads is off. Where the time of a record is not " +
    "in the page cache, lagMs of its topic is -1, and the broker reads it in the background: ask " +
    "again.",
  ],
  "init_producer": [
    "Number the records of each partition from sequence 0 on, and send a batch that was not " +
    "answered again as it was, id, epoch and sequence included: then it is stored once. The " +
    "broker knows the last five batches of a producer in each partition.",
  ],
  subscribe: [
    "The correlation of the request is the number of the subscription: every push carries it, " +
    "and add_credit and unsubscribe name it. Use it for no other request while it lives.",
    "The reply comes first, then pushes: frames with flag bit 7 (value 128). Each begins with " +
    "the batch behind the last one of the push before it.",
    `A push has at most maxBytes of batches, at most ${PUSH_SIZE_MAX / MiB} MiB, and at most the ` +
    "credit, but always one whole batch.",
    "Credit counts bytes of `batches`. A push begins only while the credit is above 0; its bytes " +
    "are taken off, and a batch larger than what is left makes it fall below 0. Then nothing is " +
    "pushed until add_credit lifts it above 0. So a consumer that gives back what it has read " +
    "never has more to read than the credit it began with and one batch. Credit stops at " +
    `${CREDIT_MAX / MiB} MiB.`,
    "When the broker ends a subscription, its last push carries an error and the body of an " +
    "error reply, and needs no credit: topic_not_found (the topic was deleted), " +
    "offset_out_of_range (it is none of the log, or retention has passed it), partition_degraded " +
    "(damage comes next, or the end of a degraded partition), storage_failed, shutting_down. " +
    "Where it makes sense, subscribe again from the offset behind the last batch.",
    "A connection may have many subscriptions, also on one handle; they take turns. Nothing is " +
    `pushed while ${PUSH_UNSENT_MAX / KiB} KiB or more of the connection are unsent, so that ` +
    "replies need not wait long for pushes.",
    "subscribe, add_credit and unsubscribe wait for no request on the handle and hold up none.",
  ],
  "pace_subscription": [
    "For those who need not have each record at once: what becomes visible while it rests comes " +
    "as one push, which is less work for both. After a quiet time the first record is pushed at " +
    "once, and who catches up is not held up.",
    "It begins with the next push that reaches the visible end. A rest that goes on stays as it " +
    "is.",
  ],
};
