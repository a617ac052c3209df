// A resource server by Express and express-oauth2-jwt-bearer.
import express from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'

export function routes(issuer, audience) {
  const bearer = auth({
    issuerBaseURL: issuer,
    audience,
    strict: true, // typ at+jwt, and every claim that RFC 9068 wants
    tokenSigningAlg: 'RS256',
    cooldownDuration: 10_000, // an unknown key is looked for again after so long
    cacheMaxAge: 300_000,
  })
  return express.Router().get('/', bearer, requiredScopes('todos:read'), (request, response) => {
    response.json({ sub: request.auth.payload.sub })
  })
}
