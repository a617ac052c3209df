// A resource server by oauth4webapi, for whatever has the `Request` of the Fetch API (RFC 9068).
import * as oauth from 'oauth4webapi'
import { discover } from './oauth4webapi.mjs'

const COOLDOWN_MS = 10_000

export class Verifier {
  constructor(issuer, audience) {
    Object.assign(this, { issuer, audience, discoveredAt: -Infinity })
  }

  /** The claims of a good token. */
  async verify(request) {
    if (!this.server) await this.#discover()
    const options = { signingAlgorithms: ['RS256'] }
    try {
      return await oauth.validateJwtAccessToken(this.server, request, this.audience, options)
    } catch (error) {
      // The library keeps the keys with the document, and looks for an unknown one after a minute only.
      const cooled = performance.now() - this.discoveredAt > COOLDOWN_MS
      if (error.code !== oauth.KEY_SELECTION || !cooled) throw error
    }
    await this.#discover()
    return oauth.validateJwtAccessToken(this.server, request, this.audience, options)
  }

  async #discover() {
    this.server = await discover(this.issuer)
    this.discoveredAt = performance.now()
  }
}

/** The answer to a request. */
export async function read(verifier, request) {
  const refuse = (status, error) =>
    new Response(null, { status, headers: { 'WWW-Authenticate': `Bearer error="${error}"` } })
  let claims
  try {
    claims = await verifier.verify(request)
  } catch {
    return refuse(401, 'invalid_token')
  }
  if (!String(claims.scope ?? '').split(' ').includes('todos:read')) return refuse(403, 'insufficient_scope')
  return Response.json({ sub: claims.sub })
}
