// A resource server by Express, jwks-rsa for the keys, jsonwebtoken for the token.
import express from 'express'
import jwt from 'jsonwebtoken'
import jwksClient from 'jwks-rsa'

export function routes(issuer, audience) {
  const keys = jwksClient({
    jwksUri: `${issuer}/.well-known/jwks.json`,
    cacheMaxAge: 300_000,
    rateLimit: true, // unknown keys are looked for at most so often
    jwksRequestsPerMinute: 10,
    timeout: 5000,
  })
  const keyOf = (header, done) => keys.getSigningKey(header.kid, (error, key) => done(error, key?.getPublicKey()))

  function verify(token) {
    const options = { algorithms: ['RS256'], issuer, audience, complete: true }
    return new Promise((resolve, reject) => {
      jwt.verify(token, keyOf, options, (error, whole) => (error ? reject(error) : resolve(whole)))
    })
  }

  return express.Router().get('/', async (request, response) => {
    const refuse = (status, error) => response.status(status).set('WWW-Authenticate', `Bearer error="${error}"`).end()
    const [, token] = /^Bearer ([^ ]+)$/i.exec(request.get('authorization') ?? '') ?? []
    if (!token) return response.status(401).set('WWW-Authenticate', 'Bearer').end()
    let whole
    try {
      whole = await verify(token)
    } catch {
      return refuse(401, 'invalid_token')
    }
    // jsonwebtoken looks at neither: without this, a token of another kind would do, and one that never ends.
    const { header, payload } = whole
    const isAccessToken = /^(application\/)?at\+jwt$/i.test(header.typ)
    if (!isAccessToken || !header.kid || ['sub', 'client_id', 'jti', 'iat', 'exp'].some((name) => !payload[name])) {
      return refuse(401, 'invalid_token')
    }
    if (!String(payload.scope ?? '').split(' ').includes('todos:read')) return refuse(403, 'insufficient_scope')
    response.json({ sub: payload.sub })
  })
}
