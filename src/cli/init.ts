/**
 * `sluice init`: makes a data directory, once, so that every start may refuse an empty one
 * (`serve --no-init`): what is empty then is a disk that is not mounted.
 *
 * Invariant: a directory that holds a catalogue is left as it is.
 */

import { AT_FDCWD } from "../../ffi/constants.ts";
import { CATALOGUE_FILE } from "../format/file_names.ts";
import { DataDirectory } from "../log/data_directory.ts";
import { ExitCode } from "./exit_codes.ts";
import { sayDone } from "./table.ts";
import type { InitCommand } from "./tools_commands.ts";

/** Throws DirectoryError and StorageError. */
export async function init(command: InitCommand): Promise<ExitCode> {
  const { libc } = await import("../server/tools_libc.ts");
  const { directory } = command;
  const status = libc.fileStatus();
  const isThere = libc.statx(AT_FDCWD, `${directory}/${CATALOGUE_FILE}`, 0, status) === 0;
  if (isThere) {
    const text = `${directory} is a data directory already: nothing was done`;
    await sayDone(command, { directory, made: false }, text);
    return ExitCode.success;
  }
  const made = DataDirectory.open(libc, directory, true);
  // Another one may have been quicker, and not have stopped cleanly.
  if (made.clean) made.closeClean();
  else made.close();
  await sayDone(command, { directory, made: true }, `${directory} is a data directory now`);
  return ExitCode.success;
}
