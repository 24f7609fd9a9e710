/** What a broker says before it waits because of the runs before it. */
export const START_WAITS: RegExp = /the last (\d+) runs ended without a clean stop/;
