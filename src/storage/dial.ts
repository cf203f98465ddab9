/** How this runtime opens connections to URLs that come out of profiles and routes. */
export interface Dial {
  /** Fetches without credentials. */
  readonly fetch: (request: Request) => Promise<Response>;
  /**
   * Whether redirects come back to the caller, to be checked one by one. Where they do not, the runtime follows them by
   * its own rules and only the last place can be judged.
   */
  readonly showsRedirects: boolean;
}
