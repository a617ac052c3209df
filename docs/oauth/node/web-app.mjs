// A web application that logs people in, by Express, Passport and openid-client.
import express from 'express'
import session from 'express-session'
import * as oidc from 'openid-client'
import { Strategy } from 'openid-client/passport'
import passport from 'passport'

export async function routes(issuer, clientId, clientSecret, callbackURL, secret) {
  const app = express.Router()
  const cookie = { httpOnly: true, sameSite: 'lax', secure: callbackURL.startsWith('https:') }
  app.use(session({ secret, cookie, resave: false, saveUninitialized: false }), passport.session())
  passport.serializeUser((person, done) => done(null, person))
  passport.deserializeUser((person, done) => done(null, person))

  const config = await oidc.discovery(new URL(issuer), clientId, clientSecret)
  const accept = async (tokens, done) => {
    const { sub, preferred_username } = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
    done(null, { sub, name: preferred_username }) // find the account by `sub`: a name may be anything
  }
  passport.use('latchkey', new Strategy({ config, scope: 'openid profile', callbackURL }, accept))
  app.get('/login', passport.authenticate('latchkey'))
  app.get('/callback', passport.authenticate('latchkey', { successRedirect: './' }))

  return app.get('/', (request, response) => response.json(request.user ?? null))
}
