// How long to wait before trying again: doubling, with jitter so that many clients spread out.

export class Backoff {
  constructor(base = 500, cap = 20000) { Object.assign(this, { base, cap, tries: 0 }); }
  reset() { this.tries = 0; }
  /** Milliseconds until the next try, never sooner than the server asked for. */
  next(retryAfterSeconds = 0) {
    const ceiling = Math.min(this.cap, this.base * 2 ** this.tries++);
    return Math.max(ceiling / 2 + Math.random() * ceiling / 2, (retryAfterSeconds ?? 0) * 1000 * (1 + Math.random() / 4));
  }
}
