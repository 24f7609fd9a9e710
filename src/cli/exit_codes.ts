/** How the command ends. Documented in the help; scripts rely on it. */

export const ExitCode = {
  success: 0,
  /**
   * The broker refused, was not there or went away; a file could not be read; a line was too long.
   */
  failed: 1,
  /** The command line is wrong; nothing was done. */
  usage: 2,
  /** `verify` only: something could not be read, so that nothing is known about it. */
  unread: 2,
  /** A bug in this program, or a broker that could not go on. */
  bug: 70,
  /** Ended by a second SIGINT or SIGTERM while the first was being obeyed. */
  interrupted: 130,
} as const;
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];
