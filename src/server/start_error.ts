/** The broker could not start; the message says why, for people. */
export class StartError extends Error {
  override name = "StartError";
  /** Nothing happened that leaves a file in doubt. */
  readonly intact: boolean;

  constructor(message: string, intact = true) {
    super(message);
    this.intact = intact;
  }
}
