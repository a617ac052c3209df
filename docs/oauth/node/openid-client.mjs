// A client of the issuer by openid-client: login, tokens, refresh, revocation, introspection.
import * as oidc from 'openid-client'

const METHODS = {
  client_secret_basic: oidc.ClientSecretBasic,
  client_secret_post: oidc.ClientSecretPost,
  none: () => oidc.None(),
}

/** The issuer's endpoints, for a registered client; one without a secret is public. */
export function discover(issuer, { id, secret, method = secret ? 'client_secret_basic' : 'none' }, algorithm = 'oauth2') {
  return oidc.discovery(new URL(issuer), id, undefined, METHODS[method](secret), { algorithm, timeout: 5 })
}

/** A token of the client's own. `scope` narrows it, `resource` picks whom it is for (RFC 8707). */
export const clientCredentials = (config, parameters) => oidc.clientCredentialsGrant(config, parameters)

export const password = (config, parameters) => oidc.genericGrantRequest(config, 'password', parameters)

/** Where to send a person's browser, and what to keep in the session of that browser until it is back. */
export async function begin(config, parameters) {
  const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()]
  const pkce = { code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }
  const url = oidc.buildAuthorizationUrl(config, { ...parameters, ...pkce, state, nonce }).href
  return { url, kept: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce } }
}

/** The tokens, and the claims of the id_token, whose signature is checked, too. */
export async function logIn(config, callback, kept) {
  oidc.enableNonRepudiationChecks(config)
  const tokens = await oidc.authorizationCodeGrant(config, new URL(callback), { ...kept, idTokenExpected: true })
  return { ...tokens, claims: tokens.claims() }
}

/** What the issuer tells of a person. `sub` is that of the id_token: an answer about somebody else is refused. */
export const userinfo = (config, token, sub) => oidc.fetchUserInfo(config, token, sub)

/** Where to send the browser to sign out at the issuer, too. */
export const endSession = (config, parameters) => ({ url: oidc.buildEndSessionUrl(config, parameters).href })

/** `callback` is the address that the browser was sent back to. */
export const authorizationCode = (config, callback, checks) =>
  oidc.authorizationCodeGrant(config, new URL(callback), checks)

/** Each refresh token serves once: keep the one in the answer. */
export const refresh = (config, refreshToken, parameters) => oidc.refreshTokenGrant(config, refreshToken, parameters)

export const revoke = (config, token) => oidc.tokenRevocation(config, token)

export const introspect = (config, token) => oidc.tokenIntrospection(config, token)

/** The error's code (RFC 6749 §5.2). A 401 comes as its challenge, with the body unread. */
export async function errorCode(error) {
  if (error instanceof oidc.ResponseBodyError) return error.error
  if (error instanceof oidc.WWWAuthenticateChallengeError) return (await error.response.json()).error
  throw error
}
