// Latchkey's revocation list in Redis, asked with one MGET.
import { Redis } from 'ioredis'

const LIMIT_MS = 1000

export class RevocationList {
  constructor(redisUrl, prefix = '{revoked}') {
    this.prefix = prefix
    // By default ioredis queues without a connection, waits for an answer without end, asks twenty times over, and
    // tries to connect more and more seldom. An error is better than a late answer.
    const limits = { connectTimeout: LIMIT_MS, commandTimeout: LIMIT_MS, socketTimeout: 2 * LIMIT_MS }
    const noQueue = { enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => 250 }
    this.redis = new Redis(redisUrl, { ...limits, ...noQueue })
    this.redis.on('error', () => {}) // each question fails for itself
  }

  /** 'revoked' (401), 'live', or 'unknown' (503). */
  async ask({ jti, sid = '', sub, client, key }) {
    const marks = [`jti:${jti}`, `sid:${sid}`, `sub:${sub}`, `client:${client}`, `key:${key}`]
    const names = ['epoch', 'as_of', ...marks].map((name) => `${this.prefix}:${name}`)
    const asked = performance.now()
    const answer = await this.redis.mget(names).catch(() => undefined)
    if (answer === undefined) return 'unknown'

    const [epoch, , byJti, bySid, bySub, byClient, byKey] = answer
    const issued = parseInt(jti.replaceAll('-', '').slice(0, 12), 16) // a UUIDv7 begins with its time, milliseconds
    const cut = [bySub, byClient].some((until) => until !== null && issued <= Number(until))
    // A fact that was found counts in any case; that none was found, only while the list is known to be whole, and only
    // in time: this process may have been stopped between the question and the answer.
    if (cut || byJti !== null || bySid !== null || byKey !== null) return 'revoked'
    return epoch !== null && performance.now() - asked <= LIMIT_MS ? 'live' : 'unknown'
  }
}
