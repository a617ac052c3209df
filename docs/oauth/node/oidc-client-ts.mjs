// A page without a back end that logs people in, by oidc-client-ts. In a browser its `UserManager` makes the same calls,
// and moves the page to the addresses itself.
import { ErrorResponse, InMemoryWebStorage, OidcClient, WebStorageStateStore } from 'oidc-client-ts'

function clientOf(issuer, { id, secret }, settings, stateStore) {
  return new OidcClient({
    authority: issuer,
    client_id: id,
    client_secret: secret,
    stateStore,
    loadUserInfo: true,
    filterProtocolClaims: false, // keep all claims of the id_token in `profile`
    requestTimeoutInSeconds: 5,
    ...settings,
  })
}

const newStore = () => new WebStorageStateStore({ store: new InMemoryWebStorage() })

/** Where to send the browser, and what to keep until it is back: a browser has it in the page's storage. */
export async function begin(issuer, client, { redirect_uri, scope, ...parameters }) {
  const oidc = clientOf(issuer, client, { redirect_uri, scope }, newStore())
  const { url, state } = await oidc.createSigninRequest({ ...parameters, nonce: crypto.randomUUID() })
  const { id, code_verifier: verifier, ...kept } = JSON.parse(state.toStorageString())
  return { url, kept: { ...kept, state: id, verifier } }
}

/** The tokens, with the claims of the id_token and of userinfo. The library does not check the signature: it takes the
 * id_token from the token endpoint alone, for which TLS vouches. */
export async function logIn(issuer, client, callback, { state: id, verifier, ...kept }) {
  const store = newStore()
  await store.set(id, JSON.stringify({ ...kept, id, code_verifier: verifier }))
  const { redirect_uri, scope } = kept
  return clientOf(issuer, client, { redirect_uri, scope }, store).processSigninResponse(callback)
}

/** New tokens without a page (silent renewal). `user` is what `logIn` returned. */
export function refresh(issuer, client, user) {
  const oidc = clientOf(issuer, client, { redirect_uri: 'unused:' }, newStore())
  return oidc.useRefreshToken({ state: user })
}

/** Where to send the browser to sign out at the issuer, too. */
export async function endSession(issuer, client, { state: url_state, ...parameters }) {
  const oidc = clientOf(issuer, client, { redirect_uri: 'unused:' }, newStore())
  return { url: (await oidc.createSignoutRequest({ ...parameters, url_state })).url }
}

/** The error's code (RFC 6749 §5.2). */
export function errorCode(error) {
  if (error instanceof ErrorResponse) return error.error
  throw error
}
