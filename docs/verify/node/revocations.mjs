// A lookup in Latchkey's revocation list in Redis, with one MGET.
import { Redis } from 'ioredis'

const LIMIT_MS = 1000

export class RevocationList {
  /** Calls `onAnotherList` within a second of a change of the list's epoch, and for the first one. */
  constructor({ redisUrl, redisPassword }, onAnotherList, prefix = '{revoked}') {
    this.prefix = prefix
    // By default ioredis queues commands while there is no connection, waits for a reply without a limit, repeats a
    // command twenty times, and connects again at growing intervals. Here an error is better than a late reply.
    const limits = { connectTimeout: LIMIT_MS, commandTimeout: LIMIT_MS, socketTimeout: 2 * LIMIT_MS }
    const noQueue = { enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => 250 }
    // A user without a password in the URL has an empty one for ioredis, whatever the options say.
    const url = new URL(redisUrl)
    if (redisPassword) url.password = redisPassword
    this.redis = new Redis(url.href, { ...limits, ...noQueue })
    this.redis.on('error', () => {}) // each question fails for itself
    setInterval(async () => {
      const epoch = await this.redis.get(`${prefix}:epoch`).catch(() => null)
      if (epoch === null || epoch === this.epoch) return
      this.epoch = epoch
      onAnotherList()
    }, 1000).unref()
  }

  /** Returns 'revoked' (401), 'live', or 'unknown' (503). */
  async ask({ jti, sid = '', sub, client, key }) {
    const marks = [`jti:${jti}`, `sid:${sid}`, `sub:${sub}`, `client:${client}`, `key:${key}`]
    const names = ['epoch', 'as_of', ...marks].map((name) => `${this.prefix}:${name}`)
    const asked = performance.now()
    const answer = await this.redis.mget(names).catch(() => undefined)
    if (answer === undefined) return 'unknown'

    const [epoch, , byJti, bySid, bySub, byClient, byKey] = answer
    const issued = parseInt(jti.replaceAll('-', '').slice(0, 12), 16) // a UUIDv7 begins with its time, milliseconds
    const cut = [bySub, byClient].some((until) => until !== null && issued <= Number(until))
    // A fact that was found always counts. If none was found, the token is live only if the list is known to be whole and
    // the reply came in time: this process may have been paused between the request and the reply.
    if (cut || byJti !== null || bySid !== null || byKey !== null) return 'revoked'
    return epoch !== null && performance.now() - asked <= LIMIT_MS ? 'live' : 'unknown'
  }
}
