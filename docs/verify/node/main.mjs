// Reads one token from each line of the standard input and writes one verdict for each to the standard output.
import { createInterface } from 'node:readline'
import { Invalid, TokenVerifier, Unavailable } from './verify.mjs'

// JWKS_URL: set it where the key set is not read from the issuer's public address.
const { ISSUER: issuer, AUDIENCE: audience, REDIS_URL: redisUrl, JWKS_URL: jwksUrl } = process.env
const verifier = new TokenVerifier({ issuer, audience, redisUrl, jwksUrl })

for await (const token of createInterface({ input: process.stdin })) {
  try {
    console.log('200', (await verifier.verify(token)).sub)
  } catch (error) {
    if (!(error instanceof Invalid || error instanceof Unavailable)) throw error
    console.log(error instanceof Invalid ? '401' : '503')
  }
}
process.exit()
