// Reads one token from each line of the standard input and writes one verdict for each to the standard output.
import { createInterface } from 'node:readline'
import { readSettings } from './settings.mjs'
import { Invalid, TokenVerifier, Unavailable } from './verify.mjs'

const verifier = new TokenVerifier(readSettings())
for await (const token of createInterface({ input: process.stdin })) {
  try {
    console.log('200', (await verifier.verify(token)).sub)
  } catch (error) {
    if (!(error instanceof Invalid || error instanceof Unavailable)) throw error
    console.log(error instanceof Invalid ? '401' : '503')
  }
}
process.exit()
