/**
 * What the settings of a broker mean, for people: the schema of config.ts, `sluice config` and the
 * operation describe_config say it, so it stands apart from the library that checks them.
 */

const TEXTS: Readonly<Record<string, string>> = {
  "http.enabled": "The HTTP door: administration, health, OpenAPI; on TCP and on a Unix socket.",
  "http.listen": "Listener of the HTTP door; port 0 takes a free one.",
  "http.advertised":
    "Where clients reach the HTTP door, behind a port mapping: Host may say it too.",
  "http.hosts":
    "Names besides its address under which the HTTP door is asked, with commas between.",
  "http.connectionsMax": "Clients of the HTTP door at the same time.",
  "connections.max": "Clients at the same time; fewer where the limit of open files is low.",
  "connections.perAddressMax": "Clients from one address; 0: any number.",
  "connections.idleMs": "A client that asks for nothing and is owed nothing for so long is let go.",
  "connections.requestMs":
    "From the first byte of a frame to its last; a second more for each MiB that has come.",
  "connections.helloMs": "From the connection to the end of hello.",
  "connections.writeMs": "Replies wait, and the client takes none of them.",
  "connections.receiveBudgetBytes":
    "Memory of frames on their way in; above it large frames take turns.",
  "connections.sendBudgetBytes":
    "Memory of replies that wait; above it a connection that has some is not read.",
  "sync.method":
    "How writes get to disk: auto; aio (Linux AIO or nothing); pool (worker threads); " +
    "filesystem (as auto, and for very many files at once syncfs, which also writes out files " +
    "of others on the same disk).",
  "sync.fileSystemFilesMin":
    "From so many dirty partitions on it is syncfs, where that may be used.",
  "sync.waitShare":
    "Share of the average sync that a group waits for the clients just answered; 0: never.",
  "sync.writeAhead": "Zeros are written behind the log before small syncs, on ext4 and XFS.",
  "sync.unsyncedBytesMax": "Written and not synced; above it producers are not read.",
  "coldReads.guard":
    "What is not in the page cache is read before it is sent, so that it delays nobody.",
  "coldReads.method": "How it is found out what is in the page cache.",
  "coldReads.inFlightBytes": "Bytes that are read from the disk at one time, for all readers.",
  "retention.total":
    "What the files of all topics may take together: the oldest segments leave first, whichever " +
    "topic they are of. A percentage is of the whole disk.",
  "restarts.waitMs":
    "After five runs without a clean stop a start waits, twice as long each time; 0: never.",
  "restarts.waitMsMax": "The longest wait of a start.",
  "restarts.shortMs": "A run that has served for so long has begun well, however it ends.",
  dataDirectory: "Where the log lies; created when it is absent or empty.",
  native: "Listener of the native protocol; port 0 takes a free one.",
  nativeAdvertised:
    "Where clients reach the native listener, behind a port mapping: metadata answers it; " +
    "without it, where it listens.",
  insecure: "Allow listeners that other machines reach, although nothing is encrypted yet.",
  runDirectory: "Directory of the Unix sockets; without it, run in the data directory.",
  logFormat:
    "What serve says goes to standard output, as text or as an object a line; without it, " +
    "messages go to standard error.",
  initialise:
    "Create an absent or empty data directory. Off where an empty one is a disk not mounted.",
  broker: "Broker that the other commands talk to.",
  "auto.create.topics.enable": "A topic that is opened and is not there is created.",
  "num.partitions": "Partitions of a topic that is created so.",
  "log.durability": "Topics that do not say: durability.",
  "log.flush.interval.ms": "Topics that do not say: flush.ms.",
  "log.segment.bytes": "Topics that do not say: segment.bytes.",
  "log.roll.ms": "Topics that do not say: segment.ms.",
  "log.roll.jitter.ms": "Topics that do not say: segment.jitter.ms.",
  "log.retention.ms": "Topics that do not say: retention.ms; -1 is without end.",
  "log.retention.bytes": "Topics that do not say: retention.bytes; -1 is without end.",
  "log.cleanup.policy": "Topics that do not say: cleanup.policy.",
  "message.max.bytes": "Topics that do not say: max.message.bytes.",
};

/** By the name of a setting; empty where there is none. */
export function settingText(key: string): string {
  return Object.hasOwn(TEXTS, key) ? TEXTS[key]! : "";
}
