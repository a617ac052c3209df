// A client of the issuer by oauth4webapi, which looks at every answer itself.
import * as oauth from 'oauth4webapi'

const METHODS = {
  client_secret_basic: oauth.ClientSecretBasic,
  client_secret_post: oauth.ClientSecretPost,
  none: () => oauth.None(),
}
const limited = () => ({ signal: AbortSignal.timeout(5000) })

export async function discover(issuer, algorithm = 'oauth2') {
  const url = new URL(issuer)
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm, ...limited() }))
}

/** A registered client; one without a secret is public. */
export class Client {
  constructor(server, { id, secret, method = secret ? 'client_secret_basic' : 'none', ...metadata }) {
    this.server = server
    this.client = { client_id: id, ...metadata }
    this.auth = METHODS[method](secret)
  }

  /** A token of the client's own. `scope` narrows it, `resource` picks whom it is for (RFC 8707). */
  async clientCredentials(parameters) {
    const { server, client, auth } = this
    const answer = await oauth.clientCredentialsGrantRequest(server, client, auth, parameters, limited())
    return oauth.processClientCredentialsResponse(server, client, answer)
  }

  async password(parameters) {
    const { server, client, auth } = this
    const answer = await oauth.genericTokenEndpointRequest(server, client, auth, 'password', parameters, limited())
    return oauth.processGenericTokenEndpointResponse(server, client, answer)
  }

  /** Where to send a person's browser, and what to keep in the session of that browser until it is back. */
  async begin(redirectUri, parameters) {
    const verifier = oauth.generateRandomCodeVerifier()
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
    const url = new URL(this.server.authorization_endpoint)
    url.search = new URLSearchParams({
      ...parameters,
      client_id: this.client.client_id,
      response_type: 'code',
      redirect_uri: redirectUri,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    })
    return { url: url.href, kept: { redirectUri, verifier, state, nonce } }
  }

  /** The tokens, and the claims of the id_token, whose signature is checked, too. */
  async logIn(callback, { redirectUri, verifier, state, nonce }) {
    const tokens = await this.authorizationCode(callback, redirectUri, verifier, state, nonce)
    return { ...tokens, claims: oauth.getValidatedIdTokenClaims(tokens) }
  }

  /** `callback` is the address that the browser was sent back to. With a nonce there must be an id_token. */
  async authorizationCode(callback, redirectUri, codeVerifier, state, nonce) {
    const { server, client, auth } = this
    const checked = oauth.validateAuthResponse(server, client, new URL(callback), state)
    const answer = await oauth.authorizationCodeGrantRequest(
      server, client, auth, checked, redirectUri, codeVerifier, limited(),
    )
    const options = nonce && { expectedNonce: nonce, requireIdToken: true }
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, options)
    if (nonce) await oauth.validateApplicationLevelSignature(server, answer, limited())
    return tokens
  }

  /** What the issuer tells of a person. `sub` is that of the id_token: an answer about somebody else is refused. */
  async userinfo(token, sub) {
    const { server, client } = this
    return oauth.processUserInfoResponse(server, client, sub, await oauth.userInfoRequest(server, client, token, limited()))
  }

  /** Where to send the browser to sign out at the issuer, too. */
  endSession(parameters) {
    const url = new URL(this.server.end_session_endpoint)
    url.search = new URLSearchParams({ ...parameters, client_id: this.client.client_id })
    return { url: url.href }
  }

  /** Each refresh token serves once: keep the one in the answer. */
  async refresh(refreshToken, parameters = {}) {
    const { server, client, auth } = this
    const options = { additionalParameters: parameters, ...limited() }
    const answer = await oauth.refreshTokenGrantRequest(server, client, auth, refreshToken, options)
    return oauth.processRefreshTokenResponse(server, client, answer)
  }

  async revoke(token) {
    const { server, client, auth } = this
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, auth, token, limited()))
  }

  /** With `signed` the issuer signs its answer (RFC 9701), and the signature is checked too. */
  async introspect(token, signed = false) {
    const { server, client, auth } = this
    const options = { requestJwtResponse: signed, ...limited() }
    const answer = await oauth.introspectionRequest(server, client, auth, token, options)
    const claims = await oauth.processIntrospectionResponse(server, client, answer)
    if (signed) await oauth.validateApplicationLevelSignature(server, answer, limited())
    return claims
  }
}

/** The error's code (RFC 6749 §5.2). A 401 comes as its challenge, with the body unread. */
export async function errorCode(error) {
  if (error instanceof oauth.ResponseBodyError) return error.error
  if (error instanceof oauth.WWWAuthenticateChallengeError) return (await error.response.json()).error
  throw error
}
