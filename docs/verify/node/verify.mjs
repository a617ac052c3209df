// Verifies an access token and checks that it is not revoked.
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { Feed } from './feed.mjs'
import { RevocationList } from './revocations.mjs'

export class Invalid extends Error {} // 401, WWW-Authenticate: Bearer error="invalid_token"
export class Unavailable extends Error {} // 503, Retry-After

const LEEWAY_S = 10
const REQUIRED = ['exp', 'iat', 'jti', 'sub', 'client_id']
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/ // jose takes padding, too
const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

// A regular expression also matches the array ["x"], so the type is checked first.
const isText = (value, form = /./) => typeof value === 'string' && form.test(value)
const isTime = (value) => Number.isSafeInteger(value) && value >= 0

export class TokenVerifier {
  /** Asks Redis (`redisUrl`, `redisPassword`) or follows the feed (`feedUrl`, `feedToken`). */
  constructor({ issuer, audience, jwksUrl = `${issuer}/.well-known/jwks.json`, ...source }) {
    // jose compares `typ` as a media type, so it also accepts application/at+jwt, in upper or lower case.
    const claims = { issuer, audience, requiredClaims: REQUIRED, clockTolerance: LEEWAY_S }
    this.expected = { algorithms: ['RS256'], typ: 'at+jwt', ...claims }
    // The last good key set is used for up to a day while the issuer is unreachable. It is read again before its max-age
    // ends, and for an unknown kid, but then at most every ten seconds.
    const limits = { cacheMaxAge: 86_400_000, cooldownDuration: 10_000, timeoutDuration: 5_000 }
    this.keys = createRemoteJWKSet(new URL(jwksUrl), limits)
    setInterval(() => this.keys.reload().catch(() => {}), 240_000).unref()
    // Another list: the issuer's database may have been restored, and then a key that it does not know any more has to go.
    // The set is read three times, because a replica of the issuer may be a second behind; and again while it fails.
    let due = 0
    const read = () => this.keys.reload().then(() => { due = Math.max(due - 1, 0) }, () => {})
    setInterval(() => due && read(), 1000).unref()
    const readAnew = () => { due = 3 }
    this.list = source.feedUrl ? new Feed(source, readAnew) : new RevocationList(source, readAnew)
  }

  /** Returns the claims. Throws Invalid or Unavailable. */
  async verify(token) {
    if (!isText(token, COMPACT)) throw new Invalid('malformed')
    const { payload: claims, protectedHeader } = await this.#checked(token)
    const { iat, exp, nbf = 0, jti, sid, sub, client_id: client } = claims
    const ids = isText(jti, UUID_V7) && (sid === undefined || isText(sid, UUID)) && isText(sub) && isText(client)
    // jose accepts fractions as times, and checks iat only with `maxTokenAge`.
    const times = [iat, exp, nbf].every(isTime) && iat <= Math.floor(Date.now() / 1000) + LEEWAY_S
    if (!ids || !times) throw new Invalid('claims')

    const answer = await this.list.ask({ jti, sid, sub, client, key: protectedHeader.kid })
    if (answer === 'live') return claims
    throw answer === 'revoked' ? new Invalid(answer) : new Unavailable(answer)
  }

  async #checked(token) {
    const findKey = async (header) => {
      // Without kid, jose would use the only key of a set. It also accepts crit: ["b64"].
      if (!isText(header.kid) || 'crit' in header) throw new Invalid('header')
      const noSet = (error) => { throw this.keys.jwks() ? error : new Unavailable('no key set') }
      const key = await this.keys(header).catch(noSet)
      // If two keys have the same kid, jose would use the one that is for signatures.
      if (this.keys.jwks().keys.filter(({ kid }) => kid === header.kid).length > 1) throw new Invalid('kid')
      return key
    }
    const invalid = (error) => { throw error instanceof Unavailable ? error : new Invalid(error.message) }
    return jwtVerify(token, findKey, this.expected).catch(invalid)
  }
}
