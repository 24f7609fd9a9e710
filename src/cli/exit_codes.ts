/** How the command ends. Documented in the help and in docs/CLI.md; scripts rely on it. */

export const ExitCode = {
  success: 0,
  failed: 1,
  /** The command line or a setting is wrong; nothing was done. */
  usage: 2,
  /** `verify` only: something could not be read, so that nothing is known about it. */
  unread: 2,
  bug: 70,
  /** The shard ends the process with it (src/server/worker.ts). */
  io: 74,
  interrupted: 130,
} as const;
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** For people: the code, what it means, and that in a few words for the help. */
export const EXIT_CODES: readonly (readonly [ExitCode, string, string])[] = [
  [
    ExitCode.success,
    "Done; or the reader of a pipe has seen enough; or serve, consume -f or top was " +
    "ended by a signal.",
    "done, or its reader has seen enough",
  ],
  [
    ExitCode.failed,
    "Failed: the broker refused, was not there or went away; a file could not be read; a line " +
    "was too long; verify, dump, doctor, health or bench found something wrong.",
    "failed, or something wrong was found",
  ],
  [
    ExitCode.usage,
    "A wrong command line or setting, and nothing was done; or verify could not read something.",
    "a wrong command line or setting; verify: something could not be read",
  ],
  [
    ExitCode.bug,
    "A bug, or a broker that could not go on.",
    "a bug, or a broker that could not go on",
  ],
  [
    ExitCode.io,
    "The disk of a broker failed to sync: what is not acknowledged may be lost; start it again " +
    "when the disk is well.",
    "the disk of a broker failed",
  ],
  [
    ExitCode.interrupted,
    "Cut short by SIGINT or SIGTERM: what was done until then is whole, stored or committed, and " +
    "said. A second signal ends the command at once, with the same code.",
    "cut short by SIGINT or SIGTERM",
  ],
];
