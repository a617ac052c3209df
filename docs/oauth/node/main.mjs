// For `scripts/interop`: a question a line on standard input, an answer a line on standard output, both JSON; and the
// resource servers beside it.
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import express from 'express'
import * as expressBearer from './express.mjs'
import { read, Verifier } from './fetch-api.mjs'
import * as jwksRsa from './jwks-rsa.mjs'
import * as oauth4webapi from './oauth4webapi.mjs'
import * as oidcClientTs from './oidc-client-ts.mjs'
import * as openidClient from './openid-client.mjs'
import * as signOut from './sign-out.mjs'
import * as webApp from './web-app.mjs'

const { ISSUER, AUDIENCE, PORT, WEB_APP_ID, WEB_APP_SECRET, SIGN_OUT_ID, SIGN_OUT_SECRET } = process.env

async function byOpenidClient(work, client, { issuer = ISSUER, algorithm, ...parameters }) {
  const config = await openidClient.discover(issuer, client, algorithm)
  const { refresh_token, callback, code_verifier, state, ...others } = parameters
  switch (work) {
    case 'discover':
      return config.serverMetadata()
    case 'client_credentials':
      return openidClient.clientCredentials(config, parameters)
    case 'password':
      return openidClient.password(config, parameters)
    case 'authorization_code':
      return openidClient.authorizationCode(config, callback, { pkceCodeVerifier: code_verifier, expectedState: state })
    case 'begin':
      return openidClient.begin(config, parameters)
    case 'log_in':
      return openidClient.logIn(config, callback, others.kept)
    case 'userinfo':
      return openidClient.userinfo(config, others.token, others.sub)
    case 'refresh':
      return openidClient.refresh(config, refresh_token, others)
    case 'end_session':
      return openidClient.endSession(config, { ...others, state })
    default:
      return openidClient[work](config, parameters.token)
  }
}

async function byOauth4webapi(work, client, { issuer = ISSUER, algorithm, ...parameters }) {
  const server = await oauth4webapi.discover(issuer, algorithm)
  const mine = new oauth4webapi.Client(server, client)
  const { refresh_token, callback, redirect_uri, code_verifier, state, ...others } = parameters
  switch (work) {
    case 'discover':
      return server
    case 'client_credentials':
      return mine.clientCredentials(parameters)
    case 'password':
      return mine.password(parameters)
    case 'authorization_code':
      return mine.authorizationCode(callback, redirect_uri, code_verifier, state)
    case 'refresh':
      return mine.refresh(refresh_token, others)
    case 'begin':
      return mine.begin(redirect_uri, others)
    case 'log_in':
      return mine.logIn(callback, others.kept)
    case 'userinfo':
      return mine.userinfo(others.token, others.sub)
    case 'end_session':
      return mine.endSession({ ...others, state })
    default:
      return mine[work.replace('_signed', '')](parameters.token, work.endsWith('_signed'))
  }
}

async function byOidcClientTs(work, client, { callback, kept, user, ...parameters }) {
  switch (work) {
    case 'begin':
      return oidcClientTs.begin(ISSUER, client, parameters)
    case 'log_in': {
      const tokens = await oidcClientTs.logIn(ISSUER, client, callback, kept)
      const claims = JSON.parse(Buffer.from(tokens.id_token.split('.')[1], 'base64url'))
      return { ...tokens, claims } // `profile` has what userinfo says, too
    }
    case 'refresh':
      return oidcClientTs.refresh(ISSUER, client, user)
    default:
      return oidcClientTs.endSession(ISSUER, client, parameters)
  }
}

const LIBRARIES = {
  'openid-client': [byOpenidClient, openidClient.errorCode],
  oauth4webapi: [byOauth4webapi, oauth4webapi.errorCode],
  'oidc-client-ts': [byOidcClientTs, oidcClientTs.errorCode],
}

async function answer({ library, do: work, client = { id: 'none' }, parameters = {} }) {
  const [by, errorCode] = LIBRARIES[library]
  try {
    return { ok: (await by(work, client, parameters)) ?? null }
  } catch (error) {
    try {
      return { error: await errorCode(error) }
    } catch {
      return { unexpected: `${error} ${error.code ?? ''} ${error.cause ?? ''}` }
    }
  }
}

const verifier = new Verifier(ISSUER, AUDIENCE)
const here = `http://127.0.0.1:${PORT}`
express()
  .use('/web-app', await webApp.routes(ISSUER, WEB_APP_ID, WEB_APP_SECRET, `${here}/web-app/callback`, randomUUID()))
  .use('/sign-out', signOut.routes(ISSUER, SIGN_OUT_ID, SIGN_OUT_SECRET, `${here}/sign-out`, randomUUID()))
  .use('/express-oauth2-jwt-bearer', expressBearer.routes(ISSUER, AUDIENCE))
  .use('/jwks-rsa', jwksRsa.routes(ISSUER, AUDIENCE))
  .get('/oauth4webapi', async ({ headers: { authorization = '' } }, response) => {
    const answer = await read(verifier, new Request('http://localhost/', { headers: { authorization } }))
    response.status(answer.status).set(Object.fromEntries(answer.headers)).send(await answer.text())
  })
  .listen(Number(PORT), '127.0.0.1')

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))))
}
process.exit()
