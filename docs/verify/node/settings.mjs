// The settings, from the environment. Secrets come from files.
import { readFileSync } from 'node:fs'

function fail(message) {
  console.error(`error: ${message}`)
  process.exit(1)
}

function required(name) {
  return process.env[name] || fail(`${name} is not set`)
}

function secret(name) {
  try {
    return readFileSync(required(name), 'utf8').trim()
  } catch (error) {
    return fail(`${name}: ${error.message}`)
  }
}

export function readSettings() {
  const { JWKS_URL: jwksUrl, REDIS_URL: redisUrl, FEED_URL: feedUrl } = process.env
  const settings = { issuer: required('ISSUER'), audience: required('AUDIENCE'), jwksUrl: jwksUrl || undefined }
  if (redisUrl) {
    const redisPassword = process.env.REDIS_PASSWORD_FILE ? secret('REDIS_PASSWORD_FILE') : undefined
    return { ...settings, redisUrl, redisPassword }
  }
  if (feedUrl) return { ...settings, feedUrl, feedToken: secret('FEED_TOKEN_FILE') }
  return fail('neither REDIS_URL nor FEED_URL is set')
}
