// A web application that people are signed out of when they sign out at the issuer, and the other way round, by Express
// and express-openid-connect (OpenID Connect Back-Channel Logout, RP-Initiated Logout).
import express from 'express'
import { auth } from 'express-openid-connect'
import session from 'express-session'

/** The issuer posts its logout tokens to `<baseURL>/backchannel-logout`. Several processes need a store that they share. */
export function routes(issuer, clientID, clientSecret, baseURL, secret) {
  const app = express.Router()
  app.use(
    auth({
      issuerBaseURL: issuer,
      baseURL,
      clientID,
      clientSecret,
      secret, // of the application's own cookie
      authRequired: false,
      authorizationParams: { response_type: 'code', response_mode: 'query', scope: 'openid profile' },
      idTokenSigningAlg: 'RS256',
      idpLogout: true,
      routes: { postLogoutRedirect: baseURL },
      backchannelLogout: { store: new session.MemoryStore() },
    }),
  )
  return app.get('/', async ({ oidc }, response) => {
    response.json(oidc.isAuthenticated() ? await oidc.fetchUserInfo() : null)
  })
}
