// A copy of Latchkey's revocation list that follows the feed.
const BOUND_MS = 30_000 // an older list decides nothing
const HOLD_S = 3 // the feed holds a request until there is news, but not for longer
const LIMIT_MS = 10_000
const KINDS = ['jti', 'sid', 'sub', 'client', 'key']

export class Feed {
  /** Calls `onAnotherList` when the list is that of another database, and for the first one. */
  constructor({ feedUrl, feedToken }, onAnotherList) {
    this.url = feedUrl
    this.headers = { authorization: `Bearer ${feedToken}` }
    this.onAnotherList = onAnotherList
    this.facts = new Map()
    this.asOf = -Infinity
    this.#follow()
  }

  async #follow() {
    for (;;) {
      // A random pause, so that services that lost the feed together do not come back together.
      const pause = (await this.#next().catch(() => false)) ? 0 : 500 + 1000 * Math.random()
      if (pause) await new Promise((done) => setTimeout(done, pause).unref())
    }
  }

  /** Requests one page. Returns whether to go on at once. */
  async #next() {
    const query = this.cursor === undefined ? '' : `?after=${encodeURIComponent(this.cursor)}&wait=${HOLD_S}`
    const sent = performance.now()
    const limits = { redirect: 'error', signal: AbortSignal.timeout(LIMIT_MS) }
    const answer = await fetch(this.url + query, { headers: this.headers, ...limits })
    if (answer.status === 410 && query) return this.#startAgain()
    if (answer.status !== 200) return false
    const { epoch, cursor, complete, entries } = await answer.json()
    // What is known stays known, whatever the list is.
    for (const entry of entries) this.#add(entry)
    if (this.epoch !== undefined && this.epoch !== epoch) return this.#startAgain()
    if (this.epoch === undefined) this.onAnotherList()
    Object.assign(this, { epoch, cursor: String(cursor) })
    if (!complete) return true
    this.asOf = sent // the list is whole as of when the request was sent
    const now = Date.now() / 1000
    for (const [name, fact] of this.facts) if (fact.exp + 60 < now) this.facts.delete(name)
    return query !== '' && (entries.length > 0 || performance.now() - sent > 900 * HOLD_S)
  }

  #startAgain() {
    this.epoch = this.cursor = undefined
    return true
  }

  #add({ kind, id, at, exp }) {
    const hasCut = kind === 'sub' || kind === 'client'
    if (!KINDS.includes(kind) || !Number.isInteger(exp) || hasCut !== Number.isInteger(at)) throw new Error('malformed entry')
    const before = this.facts.get(`${kind}:${id}`) ?? { at: 0, exp: 0 }
    this.facts.set(`${kind}:${id}`, { at: Math.max(at, before.at), exp: Math.max(exp, before.exp) })
  }

  /** Returns 'revoked' (401), 'live', or 'unknown' (503). */
  async ask({ jti, sid = '', sub, client, key }) {
    const asOf = this.asOf
    const issued = parseInt(jti.replaceAll('-', '').slice(0, 12), 16) // a UUIDv7 begins with its time, milliseconds
    const cuts = [`sub:${sub}`, `client:${client}`].map((name) => this.facts.get(name))
    const revoked = [`jti:${jti}`, `sid:${sid}`, `key:${key}`].some((name) => this.facts.has(name))
    if (revoked || cuts.some((cut) => cut && issued <= cut.at)) return 'revoked'
    return performance.now() - asOf <= BOUND_MS ? 'live' : 'unknown'
  }
}
